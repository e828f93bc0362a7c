"""The client: writes rows through the virtual IP, one attempt after the other, and notes each.

    python -m tests.lab.observing.writer --host 10.0.0.100 --output FILE

Each line of the output is a JSON list: start, end (CLOCK_MONOTONIC seconds), token, id, server_id,
error number, error text. Every attempt ends at its time-out; no error ends the writer. SIGTERM, a
closed pipe, the end of --duration and the death of its parent do.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tests.lab.hosts import process
from tests.lab.servers.wire import Address, Connection, Result, WireError

TABLE = """CREATE TABLE IF NOT EXISTS app.writes (
    id     BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    token  BIGINT NOT NULL,
    server BIGINT NOT NULL
) ENGINE=InnoDB"""

_NO_SUCH_TABLE = 1146


class Writer:
    """One session at a time, renewed after every error, as a pool does that trusts no session."""

    def __init__(
        self,
        address: Address,
        user: str,
        password: str,
        *,
        connect: float,
        answer: float,
        number: int = 0,
    ) -> None:
        """`connect` and `answer`: seconds for a login and for an INSERT; `number`: of a writer
        where there are several, 0 to 3."""
        self._address = address
        self._account = (user, password)
        self._connect = connect
        self._answer = answer
        self._session: Connection | None = None
        self._server: int | None = None
        # Unlike those of any other run, and of a writer that began in the same millisecond.
        self._token = (time.time_ns() // 1_000_000 << 20) + (number << 18)

    def attempt(self) -> list[object]:
        """Try one row; the line to note. Raises nothing."""
        self._token += 1
        start = time.monotonic()
        token = None
        try:
            session = self._session or self._log_in(start)
            token = self._token
            done = self._insert(session, token)
        except Exception as error:  # noqa: BLE001  an observer survives whatever it meets
            self._drop()
            errno = error.errno if isinstance(error, WireError) else -1
            return [start, time.monotonic(), token, None, self._server, errno, str(error)[:120]]
        return [start, time.monotonic(), token, done.insert_id, self._server, None, None]

    def _insert(self, session: Connection, token: int) -> Result:
        row = f"INSERT INTO app.writes (token, server) VALUES ({token}, {self._server})"  # noqa: S608
        try:
            return session.query(row, self._answer)
        except WireError as error:
            if error.errno != _NO_SUCH_TABLE:
                raise
        session.query(TABLE, 2.0)
        return session.query(row, self._answer)

    def _log_in(self, start: float) -> Connection:
        self._server = None
        user, password = self._account
        self._session = Connection(self._address, user, password, timeout=self._connect)
        left = start + self._connect - time.monotonic()
        answer = self._session.query("SELECT @@server_id", max(left, 0.05))
        self._server = int(answer.rows[0][0] or 0)
        return self._session

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def run(writer: Writer, output: TextIO, *, interval: float, until: float) -> None:
    """Attempt a row every `interval` seconds until the clock says `until`."""
    due = time.monotonic()
    while due < until:
        output.write(json.dumps(writer.attempt()) + "\n")
        output.flush()
        due = max(due + interval, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write rows through the virtual IP.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--host")
    where.add_argument("--socket", help="a unix socket, in place of --host and --port")
    parser.add_argument("--port", type=int, default=3306)
    parser.add_argument("--user", default="app")
    parser.add_argument("--password", default="app")
    parser.add_argument("--interval", type=float, default=0.005, help="seconds between attempts")
    parser.add_argument("--connect-timeout", type=float, default=0.2)
    parser.add_argument("--answer-timeout", type=float, default=0.5)
    parser.add_argument("--number", type=int, choices=range(4), default=0)
    parser.add_argument("--duration", type=float, default=float("inf"))
    process.add_options(parser)
    parser.add_argument("--output", type=Path, help="file to append to instead of stdout")
    options = parser.parse_args(argv)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the lab, which ends the writer
    process.settle(options)
    writer = Writer(
        options.socket or (options.host, options.port),
        options.user,
        options.password,
        connect=options.connect_timeout,
        answer=options.answer_timeout,
        number=options.number,
    )
    until = time.monotonic() + options.duration
    output = options.output.open("a") if options.output else sys.stdout
    with suppress(BrokenPipeError), output:
        run(writer, output, interval=options.interval, until=until)
    return 0


if __name__ == "__main__":
    sys.exit(main())
