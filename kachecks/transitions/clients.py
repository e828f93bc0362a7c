"""Cut a server's clients when it is closed, so that they write no more and come back through the
VIP."""

from __future__ import annotations

from kachecks.bounded import Budget, Clock
from kachecks.lean import NamedTuple
from kachecks.mysql import queries
from kachecks.mysql.errors import NO_SUCH_THREAD, NOT_OURS_TO_KILL
from kachecks.mysql.probe import processlist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Callable

    from kachecks.mysql.facts import Row
    from kachecks.mysql.session import Session

SYSTEM_USERS = frozenset({"system user", "event_scheduler", "unauthenticated user"})

ROUND = 0.2
"""Seconds of KILLs between two calls of ``each_round``. A server takes 0.3 to 2 ms for each KILL,
since it is still tidying up after the earlier ones."""


LINGERS = 2
"""Seconds in the same state after which even who has come through the VIP is no writer that only
waits for its first statement, but may hold a lock."""


LIST = 2.0
"""Seconds at most for the process list."""

SEMI_SYNC = "waiting for semi-sync ack"
"""How the state of who waits for it begins, in lower case. On MySQL 9.7 a KILL neither ends that
nor changes the state; on MariaDB 10.11 it ends the wait, and the client is told OK."""


def no_silence(_hosts: Collection[str]) -> None:
    """Whoever waits for a semi-sync acknowledgement may be told OK by a KILL."""


class Cut(NamedTuple):
    """Client connections, by the name of the user of each."""

    users: list[str]  # told to end
    left: list[str]  # for which there was no time
    ending: list[str]  # told to end before, and still rolling back or being tidied up
    refused: list[str]  # our account may not cut them (1095)
    semi_sync: bool  # somebody waited for an acknowledgement, of our clients or not

    @property
    def others(self) -> list[str]:
        """Who is still connected, and not told to end."""
        return self.left + self.refused


class Cutter:
    """Cuts the clients of one server, again and again."""

    def __init__(
        self,
        clock: Clock,
        session: Session,
        spared: Collection[str],
        each_round: Callable[[], None],
        before: int | None = None,
    ) -> None:
        """
        Args:
            spared: users whose sessions are never cut if kachecks has made them.
            before: a connection's number: only who connected before it is cut, or LINGERS.
        """
        self.users: list[str] = []  # cut so far
        self.shut: dict[str, bool] = {}
        """Hosts, as the process list has them, whose sockets were shut; whether one was found."""
        self.silence: Callable[[Collection[str]], None] = no_silence
        """Shuts the sockets of clients at these hosts, as the process list has them, before each
        KILL: one that begins to wait for an acknowledgement when it is cut is told OK, too."""
        self._silent: set[str] = set()
        self._clock = clock
        self.session = session
        self._spared = spared
        self._each_round = each_round
        self._before = before

    def cut(
        self,
        budget: Budget,
        seconds: float,
        first: Collection[str] = (),
        told_within: float = LIST,
    ) -> Cut:
        """Kill every client connection: first those of the users ``first``, then busy ones, then
        idle ones.

        Args:
            budget: for everything.
            seconds: for the list and the KILLs; at least one is sent in any case.
            told_within: seconds for the list alone.

        Raises:
            SessionError: as the server or the network has it.
        """
        spend = Budget(self._clock, seconds)
        rows = processlist(self.session, budget.left(at_most=min(LIST, told_within)))
        clients = [row for row in rows if self._is_client(row)]
        for_kills = spend.left()
        hosts = {row["Host"] or "" for row in clients} - self._silent
        if hosts:
            self.silence(hosts)
            self._silent |= hosts - {"localhost"}
            spend = Budget(self._clock, for_kills)
        ending = [row for row in clients if row["Command"] == "Killed"]
        others = [row for row in clients if row["Command"] != "Killed"]
        others.sort(key=lambda row: (row["User"] not in first, row["Command"] == "Sleep"))
        cut, left, refused = self._kill(self._without_shut(others, first), spend, budget)
        return Cut(cut, left, _users(ending), refused, any(map(_waits_for_semi_sync, rows)))

    def _without_shut(self, rows: list[Row], first: Collection[str]) -> list[Row]:
        """An idle session whose socket is shut ends by itself, and in less time than by KILL."""
        to_kill = []
        for row in rows:
            host = row["Host"] or ""
            if host not in self.shut or row["Command"] != "Sleep" or row["User"] in first:
                to_kill.append(row)
            elif not self.shut[host]:
                self.shut[host] = True
                self.users.append(row["User"] or "")
        return to_kill

    def _kill(
        self, left: list[Row], spend: Budget, budget: Budget
    ) -> tuple[list[str], list[str], list[str]]:
        """Users of those told to end, of those left, of those that we may not cut. Raises
        SessionError."""
        cut: list[str] = []
        refused: list[str] = []
        while left:
            kills = [queries.kill(row["Id"] or "0") for row in left]
            errors = self.session.execute_each(
                kills, spend.left(at_most=ROUND), budget.left(at_most=1.0)
            )
            for user, error in zip(_users(left), errors):
                if error is None:
                    cut.append(user)
                    self.users.append(user)
                elif error.errno == NOT_OURS_TO_KILL:
                    refused.append(user)
                elif error.errno != NO_SUCH_THREAD:
                    raise error
            left = left[len(errors) :]
            if spend.over:
                break
            self._each_round()
        return cut, _users(left), refused

    def _is_client(self, row: Row) -> bool:
        command = row["Command"] or ""
        return not (
            (row["User"] or "") in SYSTEM_USERS
            or is_ours(row, self._spared)
            or command.startswith(("Binlog Dump", "Daemon"))
            or row["Id"] == str(self.session.connection_id)
            or self._is_new(row)
        )

    def _is_new(self, row: Row) -> bool:
        if self._before is None or int(row["Id"] or 0) <= self._before:
            return False
        return int(row["Time"] or 0) < LINGERS


def _users(rows: list[Row]) -> list[str]:
    return [row["User"] or "" for row in rows]


def _waits_for_semi_sync(row: Row) -> bool:
    return (row["State"] or "").lower().startswith(SEMI_SYNC)


def is_ours(row: Row, users: Collection[str]) -> bool:
    """A program of kachecks has made this session of the process list, with one of these accounts.

    People who use the same account (root, where the option file names it) are clients like others.
    """
    return (row["User"] or "") in users and row.get("db") == queries.OUR_SCHEMA
