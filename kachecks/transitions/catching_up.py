"""Wait until the other node has fetched and applied all that this closed one has committed."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import lock_waits, positions
from kachecks.mysql.gtid import Position
from kachecks.mysql.gtid_count import count, mariadb_count
from kachecks.mysql.probe import processlist
from kachecks.mysql.session import Session, SessionError
from kachecks.node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

    Count = Callable[[], Optional[int]]
    EachRound = Callable[[Count], None]

HELD_UP = 1.5
"""Seconds without progress after which the peer is asked whether its applier waits for a lock."""

STILL = 0.3
"""Seconds between two looks at an applier that waits."""

CONNECT = 1.0
"""Seconds to connect, and for one statement here."""

STATEMENT = 1.0
"""Seconds for one statement at the peer, however long the peer is waited for in all. So a mute peer
is noticed soon, and one that answers is not taken for mute when the time is nearly over."""


class CaughtUp(NamedTuple):
    """Whether the peer has everything, and what to say of it."""

    done: bool
    said: str
    left: str = ""  # GTIDs that it lacks


def wait_for_peer(
    node: Node, seconds: float, each_round: EachRound = lambda _count: None
) -> CaughtUp:
    """Wait up to ``seconds`` for the peer to have applied what this node has committed by now.

    Ends at once when nothing gets on there because the applier waits for a client's lock.

    Args:
        each_round: called in each round, with a function that counts the transactions left.
    """
    budget = Budget(node.clock, seconds)
    try:
        local = node.servers.connect_local(budget.left(at_most=CONNECT))
        try:
            peer = node.servers.connect_peer(budget.left(at_most=CONNECT))
        except SessionError as error:
            local.close()
            return CaughtUp(False, f"the peer does not answer: {error}")
        try:
            return _wait(node, local, peer, budget, seconds, each_round)
        finally:
            local.close()
            peer.close()
    except SessionError as error:
        return CaughtUp(False, f"whether the peer has everything is not known: {error}")


def held_up(node: Node, peer: Session) -> str:
    """The lock that an applier of the peer waits for, and still does a moment later: two of its
    threads may just meet. Raises SessionError."""
    lock = ""
    for look in range(2):
        if look:
            node.clock.sleep(STILL)
        lock = lock_waits.of_the_applier(processlist(peer, STATEMENT))
        if not lock:
            break
    return lock


def transactions_left(session: Session, wanted: Position, left: str) -> int | None:
    """How many of ``wanted`` that server lacks; None where they cannot be counted.

    Args:
        left: what positions.missing has found it to lack.
    """
    if not session.version.mariadb:
        return count(left)
    with suppress(SessionError):
        return mariadb_count(wanted.gtids, positions.executed(session, CONNECT))
    return None


def _count_of(session: Session, wanted: Position, left: str) -> Count:
    return lambda: transactions_left(session, wanted, left)


def _wait(
    node: Node,
    local: Session,
    peer: Session,
    budget: Budget,
    seconds: float,
    each_round: EachRound,
) -> CaughtUp:
    """Raises SessionError."""
    wanted = positions.executed(local, budget.left(at_most=CONNECT))
    pause = 0.002
    left = "what this node has committed"
    before, progress = positions.executed(peer, STATEMENT), Budget(node.clock, HELD_UP)
    while not budget.over:
        left = positions.missing(peer, wanted, STATEMENT)
        if not left:
            return CaughtUp(True, "the peer has everything")
        if progress.over:
            now = positions.executed(peer, STATEMENT)
            lock = held_up(node, peer) if now == before else ""
            if lock:
                return CaughtUp(False, f"the peer's applier is {lock}", left)
            before, progress = now, Budget(node.clock, HELD_UP)
        each_round(_count_of(peer, wanted, left))
        node.clock.sleep(min(pause, budget.left()))
        pause = min(pause * 2, 0.05)
    return CaughtUp(False, f"the peer does not have everything after {seconds:g} s", left)
