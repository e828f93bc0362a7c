"""Apply what was received before opening, so that nothing the old node has sent is lost."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql import positions, queries
from kachecks.mysql.facts import Channel, Version, by_file, filtered
from kachecks.mysql.gtid import Position, lost_of
from kachecks.node import Node
from kachecks.transitions.readers import HeldUp
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import STATEMENT, Sessions, own_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.transitions.progress import ProgressLines

    EachRound = Callable[[str], None]


TURNED_AWAY = 3.0
"""Seconds without progress after which a receiver that was started again, and shows an error that
does not go by, is not waited for any longer: its source has had time for two more attempts."""


def _nothing(_left: str) -> None:
    pass


def apply_received(
    sessions: Sessions, target: Position | None, each_round: EachRound = _nothing
) -> None:
    """Wait until all that was received, and all of ``target``, is applied.

    Args:
        each_round: called with what is left to apply; what it raises ends the waiting.

    Raises:
        Refusal: it cannot be applied, or there was no progress for drain_timeout.
        VipGone, Leaving: this node is not to be promoted any more.
    """
    config = sessions.node.config
    clock = sessions.node.clock
    patience, turned_away = Budget(clock, config.drain_timeout), Budget(clock, TURNED_AWAY)
    restarted: set[tuple[str, str]] = set()
    silence, held_up = _Silence(sessions.facts.version), HeldUp(sessions)
    tell = _telling(sessions.node) if sessions.node.telling.verbose else None
    before: object = None
    pause = 0.002
    while True:
        channels = sessions.channels()
        if _give_up_on(sessions, channels, restarted):
            return
        held_up.cut_if_due(at_once=any(each.applier_gave_up_waiting for each in channels))
        left = _left_to_apply(sessions, channels, target)
        if not left:
            return
        each_round(left)
        if tell is not None:
            tell(_count_of(sessions, channels, target, left))
        all_applied = target is not None and not _left_to_apply(sessions, channels, None)
        if all_applied and silence.proves_the_end(channels):
            sessions.steps.done(f"the peer's binary log ends before {left}")
            return
        _restart_threads(sessions, channels, restarted)
        progress = _progress(sessions, channels)
        if progress != before:
            before = progress
            patience, turned_away = Budget(clock, config.drain_timeout), Budget(clock, TURNED_AWAY)
            held_up.progress()
        if all_applied and turned_away.over and config.on_drain_timeout == "refuse":
            _is_sent_the_rest(channels, restarted, left)
        if patience.over:
            if config.on_drain_timeout == "open":
                return
            raise Refusal(f"no progress for {config.drain_timeout:g} s in applying {left}")
        sessions.pause(pause)
        pause = min(pause * 2, 0.05)


class _Silence:
    """Whether the closed peer has sent all that its binary log holds, even if it claims to have
    more.

    MariaDB uses up a GTID for a transaction even if it fails to write it to the binary log (disk
    full; measured on 10.11), so its position names transactions that exist nowhere. A source sends
    a heartbeat only when it has nothing else to send. The first heartbeat may have been on its way
    before the peer was closed; the second one cannot have been.
    """

    def __init__(self, version: Version) -> None:
        self._can_tell = version.mariadb
        self._received: object = None
        self._heartbeats: dict[str, int] = {}

    def proves_the_end(self, channels: tuple[Channel, ...]) -> bool:
        """Nothing more will come. Always False for a version that does not show heartbeats."""
        if not self._can_tell:
            return False
        received = [(each.name, each.received_gtid, each.read_up_to) for each in channels]
        if received != self._received or not all(each.receiving for each in channels):
            self._received = received
            self._heartbeats = {each.name: each.heartbeats for each in channels}
            return False
        return all(each.heartbeats >= self._heartbeats[each.name] + 2 for each in channels)


def must_go_by_gtids(channels: tuple[Channel, ...]) -> None:
    """Raises Refusal: they go by file, and nobody could tell what is missing."""
    without = by_file(channels)
    if without:
        raise Refusal(without)


def must_leave_nothing_out(sessions: Sessions) -> None:
    """Raises Refusal: a filter has left out what GTIDs count as applied, and on_broken_replica =
    refuse."""
    left_out = filtered(sessions.channels())
    if left_out and sessions.node.config.on_broken_replica == "refuse":
        raise Refusal(f"{left_out}; on_broken_replica = refuse")


def _give_up_on(
    sessions: Sessions, channels: tuple[Channel, ...], restarted: set[tuple[str, str]]
) -> bool:
    """Whether to open without the rest, as replication is broken and the operator has allowed that.

    Raises:
        Refusal: on_broken_replica = refuse; or without GTIDs, as nobody could tell what is missing.
    """
    must_go_by_gtids(channels)
    broken = "" if channels else "this server does not replicate from the peer"
    for channel in channels:
        retried = ("applier", channel.name) in restarted
        stopped = not channel.applier and channel.applier_errno
        if stopped and (retried or not channel.applier_gave_up_waiting):
            broken = f"the applier has stopped with {channel.applier_said}"
    if broken and sessions.node.config.on_broken_replica == "refuse":
        raise Refusal(f"{broken}; on_broken_replica = refuse")
    return bool(broken)


def _is_sent_the_rest(
    channels: tuple[Channel, ...], restarted: set[tuple[str, str]], left: str
) -> None:
    """Raises Refusal: this server lacks what the peer has, and its receiver does not get it."""
    for channel in channels:
        failed = channel.receiver == "No" and channel.receiver_errno
        if ("receiver", channel.name) in restarted and (failed or channel.turned_away):
            raise Refusal(f"this server lacks {left}; its receiver gets {channel.receiver_said}")


def _left_to_apply(
    sessions: Sessions, channels: tuple[Channel, ...], target: Position | None
) -> str:
    """What was received and not applied, or committed by the peer and is not here; "" when nothing.

    Raises:
        Refusal: the peer has transactions of this very server that it no longer has itself.
    """
    local, facts = sessions.local, sessions.facts
    with own_server():
        for channel in channels:
            left = positions.unapplied(local, channel, facts.server_id, STATEMENT)
            if left:
                return left
        if target is None:
            return ""
        left = positions.missing(local, target, STATEMENT)
    lost = lost_of(facts.identity, left)
    if lost:
        raise Refusal(
            f"the peer has transactions of this server that it no longer has: {lost};"
            " it was rebuilt, or has lost data"
        )
    return left


def _telling(node: Node) -> ProgressLines:
    from kachecks.transitions.progress import ProgressLines

    return ProgressLines(node.clock.now, node.telling.progress)


def _count_of(
    sessions: Sessions, channels: tuple[Channel, ...], target: Position | None, left: str
) -> Callable[[], int | None]:
    """A function that counts the transactions left, for the person at the terminal."""
    from kachecks.transitions.catching_up import transactions_left

    received = ",".join(each.received_gtid for each in channels)
    wanted = target or Position(received)
    return lambda: transactions_left(sessions.local, wanted, left)


def _progress(sessions: Sessions, channels: tuple[Channel, ...]) -> object:
    """Something that changes whenever a transaction is applied, or a part of one received."""
    with own_server():
        executed = positions.executed(sessions.local, STATEMENT)
    return executed, [(each.received_gtid, each.read_up_to) for each in channels]


def _restart_threads(
    sessions: Sessions, channels: tuple[Channel, ...], restarted: set[tuple[str, str]]
) -> None:
    """Start a stopped applier; reconnect a receiver now rather than in connect_retry seconds.

    Each is tried once. MariaDB with GTID throws its relay log away when a thread is started while
    both stand still, so that is done only if the peer is there to send everything again.

    Raises:
        Refusal: what was received would be lost.
    """
    local, version = sessions.local, sessions.facts.version
    for channel in channels:
        thread = "receiver" if channel.applier else "applier"
        if (thread, channel.name) in restarted:
            continue
        with own_server():
            if not channel.applier and channel.receiver == "No" and version.mariadb:
                if sessions.peer is None:
                    raise Refusal(
                        "both replication threads are stopped and the peer is not there: start the"
                        " peer, not the threads, as with START SLAVE MariaDB throws away what was"
                        " received"
                    )
                local.execute(queries.start_replication(version, channel.name), STATEMENT)
            elif not channel.applier:
                local.execute(queries.start_applier(version, channel.name), STATEMENT)
            elif sessions.peer is not None and not channel.receiving:
                local.execute(queries.stop_receiver(version, channel.name), STATEMENT)
                local.execute(queries.start_receiver(version, channel.name), STATEMENT)
            else:
                continue
        restarted.add((thread, channel.name))
