"""May this node come back? What was seen becomes findings, each with the choices. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.rejoin import advice
from kachecks.commands.rejoin.facts import (
    DECIDE,
    HERE,
    MAY,
    NOT_YET,
    THERE,
    Finding,
    Seen,
    Server,
    Way,
)
from kachecks.commands.rejoin.replication import of_applier, of_way
from kachecks.config.options import Config
from kachecks.mysql.facts import channels_from

_PASSES = frozenset({"GAVE_WAY", "MAINTENANCE", "LAG", "RECEIVER_STOPPED", "ERRANT_TRANSACTIONS"})
"""Verdicts of the check that end by themselves, or at a set time."""

COVERED = frozenset(
    {"APPLIER_STOPPED", "NOT_REPLICATING", "ERRANT_TRANSACTIONS", "RECEIVER_STOPPED", "LAG"}
)
"""Verdicts of the check about what is looked at here in more detail."""


def findings(seen: Seen, config: Config) -> list[Finding]:
    """Everything that is in the way, the worst first."""
    found: list[Finding] = []
    if seen.there is None:
        found.append(_peer_away(seen, config))
        found.extend(_own_applier(seen, config))
    elif seen.strange:
        again = advice.replicate(seen.here, config.peer)
        choices = (
            f"after a rebuild: a copy of the other node has that node's replication; here {again}",
            f"mend {config.path}, or rebuild the server that is the wrong one",
        )
        found.append(Finding("STRANGER", DECIDE, seen.strange, choices))
    else:
        found.extend(_pair(seen, seen.there, config))
    verdict = seen.verdict
    if verdict.problem and not (found and verdict.reason in _covered(seen)):
        status = NOT_YET if verdict.reason in _PASSES else DECIDE
        found.append(
            Finding(verdict.reason, status, verdict.sentence, advice.of_verdict(verdict.reason))
        )
    return sorted(found, key=lambda each: -each.status)


def conclusion(seen: Seen, found: list[Finding]) -> tuple[int, str]:
    """The exit status, and the answer in one line."""
    status = max((each.status for each in found), default=MAY)
    serves = seen.vip_here and seen.here.facts.writable
    if status == MAY and serves:
        return status, "this node is back: it has the VIP and is open; the other one may take over"
    if status == MAY:
        return status, "this node may come back: both nodes have the same, and replicate"
    place = "this node serves, and the pair is not whole" if serves else "it may not come back"
    return status, f"{place}: {', '.join(dict.fromkeys(each.code for each in found))}"


def next_steps(seen: Seen) -> list[str]:
    """What happens to the transactions that one node alone has."""
    told = []
    ways = [way for way in (seen.to_there, seen.to_here) if way is not None and way.left]
    for way in ways:
        runs = way.channels and all(each.receiving and each.applier for each in way.channels)
        if way.lost or way.purged:
            how = f"does not all come to {way.replica}, as said above"
        elif runs:
            how = f"flows to {way.replica} by itself, as that replicates from {way.source}"
        elif way.channels:
            how = f"flows to {way.replica} by itself once its replication runs again"
        else:
            how = f"stays where it is: {way.replica} does not replicate from {way.source}"
        told.append(f"what only {way.source} has {how}")
    if len(ways) == 2:
        told.append(
            "both nodes have transactions of their own: rows that both have changed collide (1062,"
            " 1032) and stop the applier, other rows come together"
        )
    return told


def _covered(seen: Seen) -> frozenset[str]:
    """Verdicts that say no more than the findings; without a peer nobody says NOT_REPLICATING."""
    return COVERED if seen.to_here is not None else COVERED - {"NOT_REPLICATING"}


def _own_applier(seen: Seen, config: Config) -> Iterator[Finding]:
    """What was received is applied before this node opens; that needs no peer."""
    channels = channels_from(seen.here.facts.channels, config.peer)
    way = Way(THERE, HERE, channels, "", None, (), "", "", "", "", None)
    rebuild = advice.rebuild(seen.here.facts.version, HERE, THERE)
    for channel in channels:
        yield from of_applier(way, channel, seen.here, rebuild)


def _peer_away(seen: Seen, config: Config) -> Finding:
    said = f"the other node cannot be asked, so nothing can be compared: {seen.trouble}"
    if seen.answers:
        cure = f"mend [peer] in {config.path}, or its grants there, and run this again"
        return Finding("PEER_UNKNOWN", DECIDE, said, (cure,))
    start = f"start the other node's mysqld (or its host, {config.peer}), and run this again"
    if seen.here.facts.writable:
        keep = "nothing here is lost meanwhile, as long as the binary logs since then are kept"
        return Finding("PEER_AWAY", NOT_YET, said, (start, keep))
    if seen.proven or config.cold_start == "open":
        alone = "notify_master opens this node without the other one when the VIP comes here"
        return Finding("PEER_AWAY", NOT_YET, said, (alone, start))
    said += "; this server has not been up to date with it since it started, so it may lack writes"
    lost = (
        f"the other node is gone for good, and its last writes with it: set cold_start = open in"
        f" {config.path}; when this node serves, remove it again"
    )
    return Finding("COLD_START", DECIDE, said, (f"{start}: loses nothing", lost))


def _pair(seen: Seen, there: Server, config: Config) -> Iterator[Finding]:
    if seen.here.facts.writable and there.facts.writable:
        yield Finding(
            "TWO_WRITERS",
            DECIDE,
            "both nodes are open for writes",
            ("kachecks status; the checks close one of them by themselves within seconds",),
        )
    if not seen.here.facts.writable and not there.facts.writable:
        yield Finding(
            "NOBODY_SERVES",
            NOT_YET,
            "neither node is open for writes",
            ("kachecks status: notify_master opens the node that has the VIP",),
        )
    for way, replica in ((seen.to_here, seen.here), (seen.to_there, there)):
        if way is not None:
            rebuild = _rebuild(seen, there)
            yield from of_way(way, replica, config, rebuild)


def _rebuild(seen: Seen, there: Server) -> str:
    """Never of the node that serves."""
    version = there.facts.version
    if seen.here.facts.writable == there.facts.writable:
        return advice.rebuild(version, "one node", "the other")
    if seen.here.facts.writable:
        return advice.rebuild(version, THERE, HERE)
    return advice.rebuild(version, HERE, THERE)
