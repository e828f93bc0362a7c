"""Everything that watches a pair, started and stopped together: the client and the sampler."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts import process
from tests.lab.observing.client import Client
from tests.lab.observing.look import READ_ONLY, Look
from tests.lab.observing.sampler import Sampler, Watched
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pictures.timeline import picture
from tests.lab.records.evidence import acknowledged
from tests.lab.records.record import HUNG_AFTER, Access, Mark, Record, Write
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
        look: Look = READ_ONLY,
    ) -> None:
        """`directory`: where the writer's lines go; `interval`: seconds between attempts."""
        self.nodes = tuple(node.name for node in nodes)
        self.start = 0.0
        self._end: float | None = None
        output = directory / "writes.jsonl"
        self._client = Client(client, (vip, port), output, interval=interval)
        self._marks: list[Mark] = []
        account = accounts.SAMPLER_USER, accounts.SAMPLER_PASSWORD
        self._sampler = Sampler(list(nodes), vip, *account, look)

    @classmethod
    def of(cls, pair: Pair) -> Observer:
        """Of a pair's own nodes, its client and its virtual IP."""
        return cls(pair.nodes, pair.client, VIP, pair.workdir)

    def __enter__(self) -> Observer:
        self.start = time.monotonic()
        self._sampler.start()
        self._client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_writing()
        self._sampler.stop()
        self._end = time.monotonic()

    def stop_writing(self) -> None:
        """End the client; sampling goes on."""
        self._client.stop()

    def mark(self, text: str, *, fault: bool = False) -> Mark:
        """Note that the scenario does something now; call it just before doing it."""
        mark = Mark(time.monotonic(), text, fault)
        self._marks.append(mark)
        return mark

    def record(self) -> Record:
        """What has been seen so far."""
        end = time.monotonic() if self._end is None else self._end
        return Record(
            nodes=self.nodes,
            start=self.start,
            end=end,
            writes=tuple(self._client.writes(self._sampler.server_ids)),
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
            self._client.mind()
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
