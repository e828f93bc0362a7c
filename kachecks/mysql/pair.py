"""Two servers beside each other: one answer for check, promotion, switchover and the commands.

Are they a pair? Which transactions has one made that the other lacks? Is a replica fit to take
over, and if not, how far is it from that? Pure: values in, words out. The words for what a server
is (open, closed, mute ...) are in mysql.errors.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysql.facts import Channel, Facts, by_file, channels_by_address, filtered
from kachecks.mysql.gtid import lost_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FAMILY, SERVER_ID, SERVER_UUID, SOURCE = "family", "server_id", "server_uuid", "source"
"""What keeps two servers from being a pair."""

NO_CHANNEL, FILE, FILTER = "no channel", "file", "filter"
APPLIER, RECEIVER, LAG = "applier", "receiver", "lag"
"""What keeps a replica from taking over, apart from being open itself."""

LONGEST_LAG = 2.0
"""Seconds of lag with which a replica may take over as planned: nobody can write while it applies
the rest. A failover does not ask."""


def mismatch(here: Facts, there: Facts, peer: str) -> str:
    """Why these two are not a pair: FAMILY, SERVER_ID, SERVER_UUID or SOURCE; "" if they are.

    Args:
        peer: the address of ``there``, as the option file has it.
    """
    if here.version.mariadb != there.version.mariadb:
        return FAMILY
    if there.server_id == here.server_id:
        return SERVER_ID
    if here.server_uuid and there.server_uuid == here.server_uuid:
        return SERVER_UUID
    known = sources_of(channels_by_address(here.channels, peer))
    return SOURCE if known and there.identity not in known else ""


def not_our_pair(here: Facts, there: Facts, peer: str, path: str) -> str:
    """The same as a sentence with the cure; "" if they are a pair.

    Args:
        path: of the option file.
    """
    known = ", ".join(sorted(sources_of(channels_by_address(here.channels, peer))))
    return {
        "": "",
        FAMILY: f"{here.version} here and {there.version} at {peer} cannot replicate both ways",
        SERVER_ID: f"the server at {peer} has this server's server_id, {here.server_id}: peer in"
        f" {path} names this very node, or the servers need a server_id each",
        SERVER_UUID: f"the server at {peer} has this server's server_uuid, {here.server_uuid}: the"
        " datadir was copied with its auto.cnf; remove that file on the copy and start mysqld"
        " again",
        SOURCE: f"the server at {peer} is {there.identity}, but this one replicates from {known}: a"
        f" different cluster's data, or the wrong peer or port in {path}",
    }[mismatch(here, there, peer)]


def sources_of(channels: Iterable[Channel]) -> frozenset[str]:
    """Identities of the servers that these channels have ever read from."""
    return frozenset(channel.source_id for channel in channels if channel.source_id)


def errant(maker: Facts, lacking: str) -> str:
    """GTIDs that ``maker`` has made itself and the other one has not even received.

    Args:
        lacking: what the other one lacks of all that ``maker`` has (positions.not_received). What
            waits in its relay log is not part of that, since it only needs time.
    """
    return lost_of(maker.identity, lacking)


class Obstacle(NamedTuple):
    """Something that keeps a replica from taking over."""

    kind: str  # one of the words above
    sentence: str
    lag_seconds: int | None = None


def obstacles(channels: tuple[Channel, ...], longest_lag: float) -> Iterator[Obstacle]:
    """What keeps a replica that reads through these channels from taking over now.

    Args:
        longest_lag: s. A lag that the server does not know counts as too long. A lag of 0 proves
            nothing.
    """
    if not channels:
        yield Obstacle(NO_CHANNEL, "it does not replicate")
    without = by_file(channels)
    if without:
        yield Obstacle(FILE, without)
    left_out = filtered(channels)
    if left_out:
        yield Obstacle(FILTER, left_out)
    for channel in channels:
        if not channel.applier:
            yield Obstacle(APPLIER, f"its applier has stopped: {channel.applier_said}")
        elif not channel.receiving:
            yield Obstacle(RECEIVER, f"its receiver is not connected: {channel.receiver_said}")
        elif channel.lag_seconds is None:
            yield Obstacle(LAG, "how far it is behind is not known")
        elif channel.lag_seconds > longest_lag:
            behind = f"it is {channel.lag_seconds} s behind, more than {longest_lag:g} s"
            yield Obstacle(LAG, behind, channel.lag_seconds)
