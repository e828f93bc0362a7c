"""What keeps replication from closing the gap between two servers. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.rejoin import advice
from kachecks.commands.rejoin.errors import meaning
from kachecks.commands.rejoin.facts import DECIDE, HERE, NOT_YET, Gap, RejoinFinding, Side
from kachecks.config.options import Config
from kachecks.mysql.facts import OFFLINE_MODE, Channel, filtered
from kachecks.transitions.progress import sentence

_ENDS = frozenset({OFFLINE_MODE, 1158, 1159, 1160, 1161})
"""Errors of a living source that end by themselves, or when somebody has done his work there; those
from 1158 on are of the connection."""


def of_gap(gap: Gap, replica: Side, config: Config, rebuild: str) -> Iterator[RejoinFinding]:
    """Everything about one gap; ``rebuild`` is the last resort in words."""
    choices: tuple[str, ...] = (rebuild,)
    if replica.facts.writable:
        choices += (
            f"or make {gap.source}, which has them, the active node, and rebuild {gap.replica}",
        )
    if gap.lost:
        yield RejoinFinding(
            "LOST_ITS_OWN",
            DECIDE,
            f"{gap.replica} has lost transactions that it had made itself and {gap.source} still"
            f" has: {gap.lost}; replication never brings a server its own transactions back",
            choices,
        )
    if gap.purged:
        yield RejoinFinding(
            "PURGED",
            DECIDE,
            f"{gap.replica} lacks {gap.purged}, which the binary logs of {gap.source} no longer"
            " have: replication can never catch up",
            choices,
        )
    stopped = list(_stopped(gap, replica, config, rebuild))
    yield from stopped
    if gap.left and not stopped:
        yield RejoinFinding(
            "NOT_CAUGHT_UP",
            NOT_YET,
            f"{gap.replica} lacks transactions of {gap.source}: "
            f"{sentence(gap.transactions, gap.rate)}",
            ("wait: replication runs and brings them",),
        )


def _stopped(gap: Gap, replica: Side, config: Config, rebuild: str) -> Iterator[RejoinFinding]:
    if not gap.channels:
        yield RejoinFinding(
            "NOT_REPLICATING",
            DECIDE,
            f"{gap.replica} does not replicate from {gap.source}",
            (advice.replicate(replica, config.peer if gap.replica == HERE else "this node"),),
        )
    left_out = filtered(gap.channels)
    if left_out:
        yield RejoinFinding("NOT_REPLICATING", DECIDE, f"{gap.replica}: {left_out}", (rebuild,))
    for channel in gap.channels:
        yield from of_applier(gap, channel, replica, rebuild)
        yield from _receiver(gap, channel, replica)


def of_applier(gap: Gap, channel: Channel, replica: Side, rebuild: str) -> Iterator[RejoinFinding]:
    if channel.applier:
        return
    errno = channel.applier_errno
    said = f"the applier of {_named(gap, channel)} has stopped"
    start = advice.start_applier(replica.facts.version, channel, gap.replica)
    if not errno:
        yield RejoinFinding("APPLIER_STOPPED", DECIDE, f"{said} without an error", (start,))
        return
    told = meaning(errno, channel.applier_error, replica.facts.version)
    yield RejoinFinding(
        "APPLIER_ERROR",
        DECIDE,
        f"{said} with error {errno}: {channel.applier_error}; that means: {told.sentence}",
        (
            *advice.details(replica.facts.version, gap.replica),
            *(told.on_active if replica.facts.writable and told.on_active else told.choices),
            f"then {start}",
            rebuild,
        ),
    )


def _receiver(gap: Gap, channel: Channel, replica: Side) -> Iterator[RejoinFinding]:
    if channel.receiving:
        return
    errno, version = channel.receiver_errno, replica.facts.version
    start = advice.start_receiver(version, channel, gap.replica)
    at = f"{channel.source_host} port {channel.source_port}"
    said = f"the receiver of {_named(gap, channel)} is not connected to {at}"
    told = meaning(errno, channel.receiver_error, version)
    if channel.receiver == "No":
        if not errno:
            yield RejoinFinding("RECEIVER_STOPPED", DECIDE, f"{said}: it was stopped", (start,))
            return
        yield RejoinFinding(
            "RECEIVER_ERROR",
            DECIDE,
            f"{said}: error {errno}: {channel.receiver_error}; that means: {told.sentence}",
            (*told.choices, f"then {start}"),
        )
        return
    error = f": error {errno}: {channel.receiver_error}" if errno else ""
    error += f"; that means: {told.sentence}" if told.choices else ""
    again = "it tries again every connect_retry seconds; to try at once, STOP and START it"
    stays = channel.turned_away and errno not in _ENDS
    yield RejoinFinding(
        "RECEIVER_CONNECTING",
        DECIDE if stays else NOT_YET,
        f"{said} yet{error}",
        (*told.choices, again),
    )


def _named(gap: Gap, channel: Channel) -> str:
    return f"{gap.replica} (channel {channel.label})" if channel.name else gap.replica
