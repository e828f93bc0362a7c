"""Let a mysqld that shuts down finish what its clients will be told is done, and no longer.

Such a server has closed its port and can no longer be closed by SQL; until its sessions have ended
they may commit. So each of them is kept from reading on, and this waits until nothing is left that
could commit, and until the peer has received all that was: a peer that opened without it would lose
what a client was told is done. Then the connection by which the peer reads is cut, and the VIP may
go: to end the rest MySQL needs seconds more (9.7: up to ten), in which nobody writes. Beside a peer
that is open already nothing is let commit.

Where that cannot be proven (mysql.stopping) its end is waited for, and a server whose replica
receives is given time as long as it gets on.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql.facts import Channel
from kachecks.mysql.probe import probe
from kachecks.mysql.session import SessionError
from kachecks.mysqld_process import Process
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.state.marks import Stopping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.mysql.stopping import Sessions

PAUSE = 0.02
"""Seconds between two looks; a session that can read no more ends in milliseconds."""

BETWEEN_QUESTIONS = 0.1
"""Seconds between two questions to the peer."""

PEER_ANSWERS = 0.6
"""Seconds for the peer to take a connection, and again to answer."""


SECOND_WRITER = 1.0
"""Seconds in which most servers have ended. Then, and so many seconds later again, it is asked
whether the peer is open: a dead one costs a second each time, in which no end is seen."""

HURRY = 1.0
"""With fewer seconds (an isolated node, notify_stop) the peer is not asked: while its answer is
waited for it would open by the clock, or keepalived would end this program."""


class Stopped(NamedTuple):
    """How far a server that shuts down has come."""

    done: bool  # it can commit nothing any more
    why: str
    gets_on: bool = False  # not done, and to be let finish


ENDED = Stopped(True, "mysqld has ended")


class OrderlyStop:
    """One mysqld that shuts down."""

    def __init__(self, node: Node, process: Process) -> None:
        self._node = node
        self._process = process
        self._may_ask = True
        self._asked = Budget(node.clock, 0.0)
        self._received = ""  # how far the peer has, "" where it does not receive
        self._peer_is_open = False
        self._looked = Budget(node.clock, 0.0)

    def wait(self, budget: Budget) -> Stopped:
        """Until it has ended, or can commit nothing and the peer has everything; until the budget
        is over at most."""
        node, process = self._node, self._process
        if node.marks.stopping() == Stopping(process):
            return Stopped(True, FINISHED)
        self._may_ask = budget.left() >= HURRY
        sessions: Sessions | None = None
        self._looked = Budget(node.clock, SECOND_WRITER)
        while not node.servers.wait_for_end(process, min(PAUSE, budget.left())):
            before, sessions = sessions, self._sessions()
            if sessions is not None and sessions == before and self._nothing_is_left(sessions):
                self._remember(Stopping(process))
                return Stopped(True, FINISHED)
            if budget.over or self._is_second_writer(sessions, budget):
                return self._unfinished(sessions)
        return ENDED

    def _is_second_writer(self, sessions: Sessions | None, budget: Budget) -> bool:
        """It may commit, beside a peer that is open, as far as there is time to ask."""
        if sessions is not None and not sessions.may_commit:
            return False
        if self._looked.over and budget.left() > 2 * PEER_ANSWERS:
            self._ask_peer()
            self._looked = Budget(self._node.clock, SECOND_WRITER)
            # That it receives now says nothing of the session that will be the last one.
            self._asked = Budget(self._node.clock, 0.0)
        return self._peer_is_open

    def _sessions(self) -> Sessions | None:
        """None where this kernel, or this account, does not let us look."""
        with suppress(OSError):
            return self._node.servers.end_sessions(
                self._process, self._node.config.peer, self._node.marks.readers()
            )
        return None

    def _nothing_is_left(self, sessions: Sessions) -> bool:
        """No session can commit, and the peer has received what all have committed; or it is open
        already, and gets that as long as this server sends."""
        if sessions.may_commit:
            return False
        if not sessions.readers:
            return True
        received = self._ask_peer()
        if self._peer_is_open:
            return bool(received)  # else the one session may be a client's
        if not received or not sessions.all_sent(received):
            return False
        if self._sessions() != sessions:  # its answer may be about a reader that has gone
            return False
        with suppress(OSError):
            self._node.servers.end_sending(self._process)
            return True
        return False

    def _ask_peer(self) -> str:
        """File and offset in this server's binary log up to which the peer has received; "" where
        that is not known."""
        if not self._may_ask or not self._asked.over:
            return self._received
        self._received, self._peer_is_open = "", False
        try:
            session = self._node.servers.connect_peer(PEER_ANSWERS)
            try:
                facts = probe(session, PEER_ANSWERS)
            finally:
                session.close()
            if facts.identity == (self._node.marks.peer_identity() or facts.identity):
                self._received = _up_to(facts.channels)
                self._peer_is_open = facts.writable
        except SessionError:
            pass
        self._asked = Budget(self._node.clock, BETWEEN_QUESTIONS)
        return self._received

    def _unfinished(self, sessions: Sessions | None) -> Stopped:
        """It gets on as long as the peer receives, closed, and something has changed within
        drain_timeout. Beside an open peer a commit would be a second writer's."""
        node, now = self._node, self._node.clock.now()
        received = self._ask_peer()
        if not received or self._peer_is_open:
            return Stopped(False, f"pid {self._process.pid} has not ended")
        state = f"{sessions.progress if sessions else ''} {received}"
        before = node.marks.stopping()
        if before is None or (before.process, before.state) != (self._process, state):
            before = Stopping(self._process, now, state)
            self._remember(before)
        patience = node.config.drain_timeout
        if now - before.since < patience:
            return Stopped(False, GETS_ON, gets_on=True)
        return Stopped(False, f"pid {self._process.pid} has not got on for {patience:g} s")

    def _remember(self, stopping: Stopping) -> None:
        with suppress(StateError):  # the next run finds out anew
            self._node.marks.remember_stopping(stopping)


FINISHED = "mysqld shuts down, and can commit nothing any more"
GETS_ON = "mysqld shuts down, and is let finish what the peer is still to receive"


def _up_to(channels: tuple[Channel, ...]) -> str:
    """Where the one channel that receives has got to; "" where there is none, or more."""
    receiving = [each.read_up_to for each in channels if each.receiving]
    return receiving[0] if len(receiving) == 1 else ""
