"""--dry-run: the same steps against the same servers, with every act printed instead of done.

The steps do not know that it is a dry run. What they read back after an act (that the server is
closed, that the lock is theirs) is answered as if the act had been done.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from kachecks.bounded import Clock
from kachecks.config.options import Config
from kachecks.mysql.facts import Row
from kachecks.mysql.session import ServerError, Session
from kachecks.mysqld_process import Process
from kachecks.network.link import Network
from kachecks.node import Keepalived, Outside, Servers, VerboseVoice
from kachecks.report import say
from kachecks.state.files import GAVE_WAY, PERMIT, Disk, Files

PATIENCE = 0.5
"""Seconds to wait for what comes by itself, such as the peer's replication."""

FREE, TAKEN = -1, -2
"""Stand for a lock that this dry run would take, or wait for; none is taken."""

ACTS = {
    GAVE_WAY: "would give the VIP back, and be unfit for a while",
    f"{PERMIT} 0": "would withdraw the permit that keepalived watches",
}
"""Marks whose writing is worth a line, since they change what happens next."""


class DryRunOver(BaseException):  # no error: nobody on the way may handle it as one
    """Here the real steps would wait for something that a dry run cannot bring about."""


class DryClock(Clock):
    """The real clock with little patience, since what an act would have brought about never
    comes."""

    def __init__(self) -> None:
        self._patience = PATIENCE

    def sleep(self, seconds: float) -> None:
        """Wait. Raises DryRunOver: after PATIENCE seconds in all."""
        if self._patience < 0:
            raise DryRunOver("here it would wait, and go on as soon as what it waits for has come")
        begun = self.now()
        super().sleep(min(seconds, self._patience + 0.001))
        self._patience -= self.now() - begun  # on a busy host a short sleep is a long one


class DrySession:
    """A session whose changes are printed and pretended."""

    def __init__(self, session: Session, where: str) -> None:
        self._session = session
        self._where = where
        self._pretended: Row = {}
        self.version = session.version
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


class DryServers(Servers):
    """The real servers, on which nothing is changed."""

    def connect_local(self, timeout: float) -> Session:
        """With a session that changes nothing."""
        return cast(Session, DrySession(super().connect_local(timeout), "this node"))

    def connect_peer(self, timeout: float) -> Session:
        """With a session that changes nothing."""
        return cast(Session, DrySession(super().connect_peer(timeout), "the peer"))

    def kill(self, process: Process) -> bool:
        """Print it."""
        say(f"  would send SIGKILL to mysqld, pid {process.pid}")
        return True

    def end_sessions(self, process: Process, peer: str, readers: frozenset[int]) -> None:
        """Nothing: a dry run does not wait for its end."""

    def end_sending(self, process: Process) -> None:
        """Nothing."""

    def end_sessions_through_vip(self, process: Process) -> set[str]:  # noqa: ARG002 - as above
        """Nobody's: the KILLs are printed."""
        return set()

    def end_clients(self, process: Process, hosts: Collection[str]) -> None:
        """Nothing: the KILLs are printed."""

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        """Print it."""
        say(f"  would wait up to {seconds:g} s for pid {process.pid} to end")
        return True


class DryFiles(Files):
    """The real marks and locks, read and never written."""

    def __init__(self) -> None:
        self.permit_withdrawn = False

    def write(self, path: str, text: str) -> None:
        """Print what it would change."""
        kind = path.rpartition(".")[2]
        said = ACTS.get(kind) or ACTS.get(f"{kind} {text.strip()}")
        if said:
            say(f"  {said}")
        self.permit_withdrawn = self.permit_withdrawn or (kind, text) == (PERMIT, "0\n")

    def remove(self, path: str) -> None:
        """Nothing."""

    def is_news(self, path: str, text: str, forgotten_after: float = 0.0) -> bool:  # noqa: ARG002 - the same signature
        """Everything is, to who asks."""
        return True

    def lock(self, path: str) -> int | None:
        """Only say whether somebody else holds it."""
        holder = self.inscription(path)
        if holder is None:
            return FREE
        say(f"  the lock is held: {holder or 'unknown'} is at work")
        return TAKEN

    def inscribe(self, lock: int, text: str) -> None:
        """Print it."""
        if text and lock == FREE:
            say(f"  would take the lock, to {text}")

    def unlock(self, lock: int) -> None:
        """Nothing."""


class DryDisk(Disk):
    """Marks that survive a reboot, and the audit log: read and never written."""

    def write(self, path: str, text: str, patience: float) -> None:
        """Nothing."""

    def remove(self, path: str, patience: float) -> None:
        """Nothing."""

    def append(self, path: str, line: str, patience: float) -> None:
        """Nothing."""


class DryNetwork(Network):
    """The real network, to which nothing is announced."""

    def announce(self, mac: str) -> None:
        """Print it."""
        say(f"  would announce that {mac} has the VIP")


class DryKeepalived(Keepalived):
    """The real keepalived, which goes on."""

    def stop(self) -> str:
        """Print it."""
        say("  would stop keepalived")
        return "would stop keepalived"

    def drop_vip(self) -> str:
        """Print it."""
        return "  would remove the VIP if a dead keepalived has left it"

    def start_notify_master(self) -> None:
        """Print it."""
        say("  would start notify_master")


class DryVoice(VerboseVoice):
    """The terminal alone."""

    def log(self, text: str, problem: bool) -> None:
        """Nothing."""

    def alert(self, program: str, record: dict[str, object]) -> None:
        """Nothing."""


class DryRun(Outside):
    """The real world, in which nothing is done."""

    def __init__(self, config: Config) -> None:
        self.clock = DryClock()
        self.files: DryFiles = DryFiles()
        self.disk = DryDisk()
        self.servers = DryServers(config)
        self.network = DryNetwork(config)
        self.keepalived = DryKeepalived(config)
        self.voice = DryVoice()
