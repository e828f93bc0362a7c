"""Everything that watches a pair, started and stopped together: the client and the sampler."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts import process
from tests.lab.observing.sampler import Sampler, Watched
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pictures.timeline import picture
from tests.lab.records.evidence import acknowledged
from tests.lab.records.record import HUNG_AFTER, Access, Mark, Record, Write, parse_writes
from tests.lab.servers import accounts


class Observer:
    """Watches from entering the context to leaving it; the record may be read at any time.

        with Observer.of(pair) as observer:
            observer.wait_for_write()
            observer.mark("SIGKILL of mysqld on A", fault=True)
            ...
            observer.wait_for_write("B")
        record = observer.record()

    Enter it in a thread that outlives it: the writer dies with the thread that started it.
    """

    def __init__(
        self,
        nodes: Sequence[Watched],
        client: process.Hosting,
        vip: str,
        directory: Path,
        *,
        interval: float = 0.005,
        port: int = 3306,
    ) -> None:
        """`directory`: where the writer's lines go; `interval`: seconds between attempts."""
        self.nodes = tuple(node.name for node in nodes)
        self.start = 0.0
        self._end: float | None = None
        self._vip = vip
        self._client = client
        self._interval = interval
        self._port = port
        self._output = directory / "writes.jsonl"
        self._marks: list[Mark] = []
        self._sampler = Sampler(list(nodes), vip, accounts.SAMPLER_USER, accounts.SAMPLER_PASSWORD)
        self._writer: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, pair: Pair) -> Observer:
        """Of a pair's own nodes, its client and its virtual IP."""
        return cls(pair.nodes, pair.client, VIP, pair.workdir)

    def __enter__(self) -> Observer:
        self._output.unlink(missing_ok=True)
        self._output.touch()
        self.start = time.monotonic()
        self._sampler.start()
        argv = process.command("tests.lab.observing.writer", self._client)
        argv += ["--host", self._vip, "--port", str(self._port)]
        argv += ["--user", accounts.APP_USER, "--password", accounts.APP_PASSWORD]
        argv += ["--interval", str(self._interval), "--output", str(self._output)]
        self._writer = subprocess.Popen(argv, cwd=process.CHECKOUT, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_writing()
        self._sampler.stop()
        self._end = time.monotonic()

    def stop_writing(self) -> None:
        """End the client; sampling goes on."""
        if self._writer is None:
            return
        self._writer.terminate()
        try:
            self._writer.wait(2)
        except subprocess.TimeoutExpired:
            self._writer.kill()
            self._writer.wait()
        self._writer = None

    def mark(self, text: str, *, fault: bool = False) -> Mark:
        """Note that the scenario does something now; call it just before doing it."""
        mark = Mark(time.monotonic(), text, fault)
        self._marks.append(mark)
        return mark

    def record(self) -> Record:
        """What has been seen so far."""
        end = time.monotonic() if self._end is None else self._end
        with self._output.open() as lines:
            writes = parse_writes(lines, self._sampler.server_ids)
        return Record(
            nodes=self.nodes,
            start=self.start,
            end=end,
            writes=tuple(writes),
            access=tuple(self._sampler.access) + self._unanswered(end),
            holding=tuple(self._sampler.holding),
            replicating=tuple(self._sampler.replicating),
            marks=tuple(self._marks),
        )

    def wait_for(self, what: str, seen: Callable[[Record], bool], timeout: float = 15.0) -> Record:
        """Wait until `seen` says yes to the record so far; that record.

        Raises:
            LabError: it did not within `timeout` seconds; the message has the picture.
        """
        until = time.monotonic() + timeout
        while True:
            self._mind_the_writer()
            record = self.record()
            if seen(record):
                return record
            if time.monotonic() > until:
                last = record.writes[-1].error if record.writes else "nothing was tried"
                raise LabError(
                    f"waited {timeout} s for {what}; the client's last error: {last};"
                    f" seen:\n{picture(record)}"
                )
            time.sleep(0.05)

    def wait_for_write(
        self, node: str | None = None, *, after: float | None = None, timeout: float = 15.0
    ) -> Write:
        """Wait for a write begun after a moment (default: now) and acknowledged by `node` (any)."""
        after = time.monotonic() if after is None else after

        def done(record: Record) -> list[Write]:
            return [
                write
                for write in acknowledged(record.writes)
                if write.start >= after and node in (None, write.node)
            ]

        record = self.wait_for(
            f"a write acknowledged by {node or 'either node'}",
            lambda record: bool(done(record)),
            timeout,
        )
        return done(record)[0]

    def _unanswered(self, now: float) -> tuple[Access, ...]:
        """Questions that stand unanswered; stop() notes them itself."""
        if self._end is not None:
            return ()
        standing = list(self._sampler.asking.items())
        return tuple(
            Access(node, asked, now, None) for node, asked in standing if now - asked > HUNG_AFTER
        )

    def _mind_the_writer(self) -> None:
        if self._writer is not None and self._writer.poll() is not None:
            raise LabError(f"the writer ended with status {self._writer.returncode}")


@contextlib.contextmanager
def watched(pair: Pair, steady: float) -> Iterator[Observer]:
    """Its client has been writing for so many seconds, and for up to one more.

    The check runs once a second: a fault always at the same moment of that second would measure
    the moment, not the outage.
    """
    with Observer.of(pair) as observer:
        observer.wait_for_write(pair.a.name)
        time.sleep(steady + random.random())  # noqa: S311 - nobody to hide it from
        yield observer
