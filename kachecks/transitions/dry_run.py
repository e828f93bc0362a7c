"""--dry-run: the same steps against the same servers, with every act printed instead of done.

The steps themselves do not know. What they would read back after an act (that the server is
closed, that the lock is theirs) is answered as if it had been done.
"""

from __future__ import annotations

from typing import cast

from kachecks.config.options import Config
from kachecks.mysql.facts import Row
from kachecks.mysql.session import ServerError, Session
from kachecks.mysqld_process import Process
from kachecks.network.link import Network
from kachecks.node import TalkingHost
from kachecks.report import say

PATIENCE = 0.5
"""Seconds for what comes by itself, such as the peer's replication."""


class RehearsalOver(BaseException):  # no error: nobody on the way may handle it as one
    """The real steps would wait here for something that a rehearsal cannot bring about."""


class RehearsedSession:
    """A session whose changes are printed and pretended."""

    def __init__(self, session: Session, where: str) -> None:
        self._session = session
        self._where = where
        self._pretended: Row = {}
        self.server_version = session.server_version
        self.connection_id = session.connection_id
        self.address = session.address

    def query(self, sql: str, timeout: float) -> list[Row]:
        """Read for real; locks are pretended."""
        if "GET_LOCK" in sql:
            say(f"  would run on {self._where}: {sql}")
            return [{"taken": "1"}]
        rows = self._session.query(sql, timeout)
        for row in rows:
            row.update({key: value for key, value in self._pretended.items() if key in row})
        return rows

    def execute(self, sql: str, timeout: float) -> None:  # noqa: ARG002 - the same signature
        """Print it."""
        say(f"  would run on {self._where}: {sql}")
        if "SET GLOBAL" in sql and "read_only" in sql:
            value = sql.rpartition("=")[2].strip(" '")
            self._pretended = {"read_only": value, "super_read_only": value}

    def execute_each(
        self,
        statements: list[str],
        seconds: float,  # noqa: ARG002 - the same signature
        timeout: float,
    ) -> list[ServerError | None]:
        """Print them."""
        for sql in statements:
            self.execute(sql, timeout)
        return [None] * len(statements)

    def close(self) -> None:
        """Close for real."""
        self._session.close()

    def server_pid(self) -> int | None:
        """Ask for real."""
        return self._session.server_pid()


class RehearsedNetwork(Network):
    """The real network, to which nothing is announced."""

    def announce(self, mac: str) -> None:
        """Print it."""
        say(f"  would announce that {mac} has the VIP")


class RehearsalHost(TalkingHost):
    """The real node, where nothing is done."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.network = RehearsedNetwork(config)
        self._patience = PATIENCE
        self.permit_withdrawn = False

    def sleep(self, seconds: float) -> None:
        """Wait, but not for long: what an act would have brought about never comes.

        Raises:
            RehearsalOver: after PATIENCE seconds in all.
        """
        self._patience -= seconds
        if self._patience < 0:
            raise RehearsalOver("here it would wait, look again, go on when what it needs is so")
        super().sleep(seconds)

    def connect_local(self, timeout: float) -> Session:
        """As for real, with a session that changes nothing."""
        return cast(Session, RehearsedSession(super().connect_local(timeout), "this node"))

    def connect_peer(self, timeout: float) -> Session:
        """As for real, with a session that changes nothing."""
        return cast(Session, RehearsedSession(super().connect_peer(timeout), "the peer"))

    def kill(self, process: Process) -> bool:
        """Print it."""
        say(f"  would send SIGKILL to mysqld, pid {process.pid}")
        return True

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        """Print it."""
        say(f"  would wait up to {seconds:g} s for pid {process.pid} to end")
        return True

    def try_lock(self, purpose: str) -> bool:
        """Only look whether it is free."""
        holder = self.lock_purpose()
        if holder:
            say(f"  the lock is held: {holder} is at work")
        else:
            say(f"  would take the lock, to {purpose}")
        return True

    def drop_vip(self) -> str:
        """Print it."""
        return "  would remove the VIP if a dead keepalived has left it"

    def remember_server(self, process: Process | None, contact: bool = False) -> bool:  # noqa: ARG002
        """Nothing."""
        return False

    def mark_gave_way(self, why: str) -> None:  # noqa: ARG002 - the same signature
        """Print it."""
        say("  would give the VIP back, and be unfit for a while")

    def withdraw_permit(self) -> None:
        """Print it."""
        self.permit_withdrawn = True
        say("  would withdraw the permit that keepalived watches")

    def mark_alone(self, others: str) -> None:
        """Nothing."""

    def unmark_alone(self) -> bool:
        """Nothing."""
        return True

    def grant_permit(self) -> None:
        """Nothing."""

    def mark_leaving(self) -> None:
        """Nothing."""

    def unmark_leaving(self) -> None:
        """Nothing."""

    def refusal_changed(self, why: str) -> bool:  # noqa: ARG002 - the same signature
        """Nothing is remembered."""
        return False

    def note_opening_told(self) -> None:
        """Nothing."""

    def forget_refusal(self) -> None:
        """Nothing."""

    def mark_open(self, process: Process | None) -> None:
        """Nothing."""

    def unmark_open(self) -> None:
        """Nothing."""

    def note_events_off(self, process: Process | None) -> None:
        """Nothing."""

    def take_events_note(self, process: Process | None) -> bool:  # noqa: ARG002
        """Nothing."""
        return False

    def record(self, entry: dict[str, object], problem: bool) -> None:
        """Nothing."""

    def stop_keepalived(self) -> str:
        """Print it."""
        say("  would stop keepalived")
        return "would stop keepalived"
