"""What must hold besides (invariants): that nothing moves without need, and that somebody serves.

Each is looked at where a kind of schedule (kinds) brings about what it is about; what costs nothing
is looked at in all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kachecks.mysql import queries
from tests.schedules.server import VERSION

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program
    from tests.schedules.server import Server
    from tests.schedules.sessions import SimulatedSession
    from tests.schedules.world import World

EXECUTED = queries.executed(VERSION)
MISSING = queries.gtid_missing("", "").partition("'")[0]

PROMOTIONS = frozenset({"notify_master", "promotion"})

CLOSED_AND_OK = 30.0
"""Seconds for which the check may find a closed holder OK: a promotion has its deadlines."""

HELD_UP = 5.0
"""Seconds for which readers may hold up a promotion that has nothing else left to do."""

AT_IT = 0.6
"""Seconds between two looks at what is left to apply."""

MOST_WAITING = 16
"""Sessions of ours that may wait at one server for its replication status: those of two checks,
and of two promotions that try it five times each."""

LOOKS = 2
"""Looks at the peer, peer_check apart, within which a standby notices that it is late."""

ALONE = 25.0
"""Seconds after a loss of power by which the other node knows that it serves alone, and that the
one which is off will not open when it is back: VRRP's time, peer_grace, the opening, a look at the
peer; then max_lag, hung_after, fence_timeout and two more looks."""


class Duties:
    """What one world has been told to watch for."""

    def __init__(self, world: World, fail: Callable[[str], None]) -> None:
        self.world, self.fail = world, fail
        self.scheduler = world.scheduler
        self.calm = False  # nothing is wrong, so nothing may move
        self.orderly = False  # a server is stopped in order, and nothing else is wrong
        self.alone_since = 0.0  # 0, or: one node is off, and a silent witness is all that is wrong
        self.does_all = False  # every server that runs closes and opens when it is told to
        self.fault_at = 0.0
        self._served_at = 0.0
        self._ok_since = [0.0, 0.0]  # found OK by its check, holding the VIP, closed; 0: it is not
        self._seen: tuple[list[tuple[float, int, int]], ...] = ([], [])
        self._drains: dict[Program, tuple[float, float]] = {}

    # --- nothing healthy moves ---

    def moved(self, what: str) -> None:
        """A state of keepalived, an opening or closing, a mark, a kill."""
        if self.calm:
            self.fail(f"8: nothing is wrong, and {what}")
        if self.alone_since and self.scheduler.now - self.alone_since > ALONE:
            self.fail(f"8: the other node is off, and {what}")

    # --- who gets on with its end, or does what it is told, is not killed ---

    def killed(self, node: Node, program: Program) -> None:
        """By one of our programs."""
        self.moved(f"{program.name} on {node.name} kills mysqld")
        if self.orderly and node.server.shutting:
            self.fail(f"12: the server of {node.name} gets on with its end, and is killed")
        if self.does_all and node.server.runs:
            self.fail(f"13: {program.name} on {node.name} kills a mysqld that does what it is told")

    def _has_all(self, node: Node) -> None:
        lacking = node.other.server.own - node.server.applied
        if self.orderly and lacking > 0:
            self.fail(
                f"12: {node.name} opens, and lacks {lacking} of a server that had time to end"
            )

    # --- a standby that is known to be late ---

    def asked(self, server: Server, session: SimulatedSession, sql: str) -> None:
        """One of our programs has sent this statement."""
        if session.remote:
            if sql != EXECUTED or session.program.name != "check":
                return
            node = session.node
            node.receiver.was_level |= server.own <= node.server.received
            if server.open:
                seen = (self.scheduler.now, server.own, node.server.received)
                self._seen[node.index].append(seen)
        elif server.held_up and session.program.name in PROMOTIONS and sql.startswith(MISSING):
            self._drained(server, session.program)

    def opening(self, server: Server, session: SimulatedSession) -> None:
        """Right before."""
        node, now = server.node, self.scheduler.now
        self._has_all(node)
        seen = self._seen[node.index]
        if seen and node.config.on_stale_replica != "open":
            last, _, received = seen[-1]
            patience = (
                node.config.max_lag + LOOKS * node.config.peer_check + session.program.stalled
            )
            missing = [
                (at, own)
                for at, own, _ in seen
                if last - at > patience and own > max(received, server.applied)
            ]
            if missing:
                at, own = missing[0]
                self.fail(
                    f"4: {node.name} opens, and was seen to lack {own - server.applied} of the"
                    f" peer's transactions for {last - at:.0f} s while the peer was open"
                )
        for each in server.clients():
            if each.locks_all and now - each.since > HELD_UP and not server.lacks:
                self.fail(f"9: {node.name} opens, and a read lock holds up every write")

    # --- readers ---

    def _drained(self, server: Server, program: Program) -> None:
        """A promotion finds something not applied yet, and readers hold the applier up."""
        now = self.scheduler.now
        since, last = self._drains.get(program, (now, now))
        if now - last > AT_IT:  # meanwhile it was at something else
            since = now
        self._drains[program] = since, now
        if now - since > HELD_UP and not server.lacks:
            self.fail(f"9: readers hold up the promotion of {server.node.name}")

    # --- looking takes no connections away ---

    def status_waits(self, server: Server) -> None:
        """One more session waits for its replication status."""
        waiting = len(server.status_waiters)
        if waiting > MOST_WAITING:
            self.fail(
                f"11: {waiting} sessions wait for the replication status of {server.node.name}"
            )

    # --- somebody serves ---

    def check_ended(self, node: Node, program: Program) -> None:
        """It may have found a closed holder OK."""
        verdict = getattr(program, "verdict", None)
        index = node.index
        if verdict is None or not node.vip or node.server.open or verdict.reason != "OK":
            self._ok_since[index] = 0.0
        elif not self._ok_since[index]:
            self._ok_since[index] = self.scheduler.now
        elif self.scheduler.now - self._ok_since[index] > CLOSED_AND_OK:
            self.fail(f"10: {node.name} has the VIP, is closed, and its check says OK")

    def must_serve(self, within: float, until: float) -> None:
        """Nobody may be without service for longer, unless there is another fault."""
        now = self.scheduler.now
        if any(_serves(each) for each in self.world.nodes):
            self._served_at = now
        if now - max(self._served_at, self.fault_at) > within:
            self.fail(f"10: nobody serves for {within:g} s, and one could")
        if now < until:
            self.scheduler.after(1.0, self.must_serve, within, until)


def _serves(node: Node) -> bool:
    return node.vip and node.server.open and node.server.runs and node.disk_takes is None
