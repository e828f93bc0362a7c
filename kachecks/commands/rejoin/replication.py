"""What keeps replication from bringing one node what the other has. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.rejoin import advice
from kachecks.commands.rejoin.errors import meaning
from kachecks.commands.rejoin.facts import DECIDE, HERE, NOT_YET, Finding, Server, Way
from kachecks.config.options import Config
from kachecks.mysql.facts import Channel
from kachecks.transitions.progress import sentence


def of_way(way: Way, replica: Server, config: Config, rebuild: str) -> Iterator[Finding]:
    """Everything about one way; ``rebuild`` is the last resort in words."""
    choices: tuple[str, ...] = (rebuild,)
    if replica.facts.writable:
        choices += (
            f"or make {way.source}, which has them, the active node, and rebuild {way.replica}",
        )
    if way.lost:
        yield Finding(
            "LOST_ITS_OWN",
            DECIDE,
            f"{way.replica} has lost transactions that it had made itself and {way.source} still"
            f" has: {way.lost}; replication never brings a server its own",
            choices,
        )
    if way.purged:
        yield Finding(
            "PURGED",
            DECIDE,
            f"{way.replica} lacks {way.purged}, which the binary logs of {way.source} no longer"
            " have: replication can never catch up",
            choices,
        )
    stopped = list(_stopped(way, replica, config, rebuild))
    yield from stopped
    if way.left and not stopped:
        yield Finding(
            "NOT_CAUGHT_UP",
            NOT_YET,
            f"{way.replica} lacks transactions of {way.source}: "
            f"{sentence(way.transactions, way.rate)}",
            ("wait: they come by themselves, as replication runs",),
        )


def _stopped(way: Way, replica: Server, config: Config, rebuild: str) -> Iterator[Finding]:
    if not way.channels:
        yield Finding(
            "NOT_REPLICATING",
            DECIDE,
            f"{way.replica} does not replicate from {way.source}",
            (advice.replicate(replica, config.peer if way.replica == HERE else "this node"),),
        )
    for channel in way.channels:
        yield from of_applier(way, channel, replica, rebuild)
        yield from _receiver(way, channel, replica)


def of_applier(way: Way, channel: Channel, replica: Server, rebuild: str) -> Iterator[Finding]:
    if channel.applier:
        return
    errno = channel.applier_errno
    said = f"the applier of {_named(way, channel)} has stopped"
    start = advice.start_applier(replica.facts.version, channel, way.replica)
    if not errno:
        yield Finding("APPLIER_STOPPED", DECIDE, f"{said} without an error", (start,))
        return
    told = meaning(errno, replica.facts.version.mariadb)
    yield Finding(
        "APPLIER_ERROR",
        DECIDE,
        f"{said} with error {errno}: {channel.applier_error}; that means: {told.sentence}",
        (
            *advice.details(replica.facts.version, way.replica),
            *(told.on_active if replica.facts.writable and told.on_active else told.choices),
            f"then {start}",
            rebuild,
        ),
    )


def _receiver(way: Way, channel: Channel, replica: Server) -> Iterator[Finding]:
    if channel.receiving:
        return
    errno, version = channel.receiver_errno, replica.facts.version
    start = advice.start_receiver(version, channel, way.replica)
    at = f"{channel.source_host} port {channel.source_port}"
    said = f"the receiver of {_named(way, channel)} is not connected to {at}"
    told = meaning(errno, version.mariadb)
    if channel.receiver == "No":
        if not errno:
            yield Finding("RECEIVER_STOPPED", DECIDE, f"{said}: it was stopped", (start,))
            return
        yield Finding(
            "RECEIVER_ERROR",
            DECIDE,
            f"{said}: error {errno}: {channel.receiver_error}; that means: {told.sentence}",
            (*told.choices, f"then {start}"),
        )
        return
    error = f": error {errno}: {channel.receiver_error}" if errno else ""
    again = "it tries again every connect_retry seconds; at once: STOP and START the receiver"
    yield Finding(
        "RECEIVER_CONNECTING",
        DECIDE if errno and told.choices else NOT_YET,
        f"{said} yet{error}",
        (*told.choices, again),
    )


def _named(way: Way, channel: Channel) -> str:
    return f"{way.replica} (channel {channel.name})" if channel.name else way.replica
