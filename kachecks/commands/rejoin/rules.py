"""May this node come back? Turns what was seen into findings, each with the choices. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.rejoin import advice
from kachecks.commands.rejoin.facts import (
    DECIDE,
    HERE,
    MAY,
    NOT_YET,
    THERE,
    Comparison,
    Gap,
    RejoinFinding,
    Side,
)
from kachecks.commands.rejoin.replication import of_applier, of_gap
from kachecks.config.options import Config
from kachecks.mysql.facts import channels_by_address

_PASSES = frozenset({"GAVE_WAY", "MAINTENANCE", "LAG", "RECEIVER_STOPPED", "ERRANT_TRANSACTIONS"})
"""Verdicts of the check that pass by themselves, or at a set time."""

COVERED = frozenset(
    {
        "APPLIER_STOPPED",
        "NOT_REPLICATING",
        "ERRANT_TRANSACTIONS",
        "RECEIVER_STOPPED",
        "LAG",
        "STALE",
    }
)
"""Verdicts of the check about things that are looked at here in more detail."""


def findings(seen: Comparison, config: Config) -> list[RejoinFinding]:
    """Everything that is in the way, the worst first."""
    found: list[RejoinFinding] = []
    if seen.there is None:
        found.append(_peer_away(seen, config))
        found.extend(_own_applier(seen, config))
    elif seen.not_our_pair:
        again = advice.replicate(seen.here, config.peer)
        choices = (
            f"after a rebuild the copy still has the other node's replication: {again}",
            f"mend {config.path}, or rebuild the wrong server",
        )
        found.append(RejoinFinding("STRANGER", DECIDE, seen.not_our_pair, choices))
    else:
        found.extend(_pair(seen, seen.there, config))
    verdict = seen.verdict
    if verdict.problem and not (found and verdict.reason in _covered(seen)):
        status = NOT_YET if verdict.reason in _PASSES else DECIDE
        found.append(
            RejoinFinding(
                verdict.reason, status, verdict.sentence, advice.of_verdict(verdict.reason)
            )
        )
    return sorted(found, key=lambda each: -each.status)


def conclusion(seen: Comparison, found: list[RejoinFinding]) -> tuple[int, str]:
    """The exit status, and the answer in one line."""
    status = max((each.status for each in found), default=MAY)
    serves = seen.vip_here and seen.here.facts.writable
    if status == MAY and serves:
        return status, "this node is back: it has the VIP and is open; the other one may take over"
    if status == MAY:
        return status, "this node may come back: both nodes have the same, and replicate"
    place = "this node serves, but the pair is not whole" if serves else "it may not come back"
    return status, f"{place}: {', '.join(dict.fromkeys(each.code for each in found))}"


def next_steps(seen: Comparison) -> list[str]:
    """What happens to the transactions that one node alone has."""
    told = []
    gaps = [gap for gap in (seen.to_there, seen.to_here) if gap is not None and gap.left]
    for gap in gaps:
        runs = gap.channels and all(each.receiving and each.applier for each in gap.channels)
        if gap.lost or gap.purged:
            how = f"does not all come to {gap.replica}, as said above"
        elif runs:
            how = f"flows to {gap.replica} by itself, as that replicates from {gap.source}"
        elif gap.channels:
            how = f"flows to {gap.replica} by itself once its replication runs again"
        else:
            how = f"stays where it is: {gap.replica} does not replicate from {gap.source}"
        told.append(f"what only {gap.source} has {how}")
    if len(gaps) == 2:
        told.append(
            "both nodes have transactions of their own: rows that both have changed collide (1062,"
            " 1032) and stop the applier; all other rows are merged"
        )
    return told


def _covered(seen: Comparison) -> frozenset[str]:
    """Verdicts that say no more than the findings do. Without a peer no finding says
    NOT_REPLICATING."""
    return COVERED if seen.to_here is not None else COVERED - {"NOT_REPLICATING"}


def _own_applier(seen: Comparison, config: Config) -> Iterator[RejoinFinding]:
    """This node opens only when all that was received is applied. Whether its applier runs can be
    told without a peer."""
    channels = channels_by_address(seen.here.facts.channels, config.peer)
    gap = Gap(THERE, HERE, channels, "", None, (), "", "", "", "", None)
    rebuild = advice.rebuild(seen.here.facts.version, HERE, THERE)
    for channel in channels:
        yield from of_applier(gap, channel, seen.here, rebuild)


def _peer_away(seen: Comparison, config: Config) -> RejoinFinding:
    said = f"the other node cannot be asked, so nothing can be compared: {seen.trouble}"
    if seen.answers:
        cure = f"mend [peer] in {config.path}, or its grants there, and run this again"
        return RejoinFinding("PEER_UNKNOWN", DECIDE, said, (cure,))
    start = f"start the other node's mysqld (or its host, {config.peer}), and run this again"
    if seen.here.facts.writable:
        keep = "nothing here is lost meanwhile, as long as the binary logs since then are kept"
        return RejoinFinding("PEER_AWAY", NOT_YET, said, (start, keep))
    if seen.stale and config.on_stale_replica == "refuse":
        lost = (
            "if the other node is gone for good, and what this one lacks with it, set"
            f" on_stale_replica = open in {config.path}, and remove that again once this node"
            " serves"
        )
        known = f"{said}; {seen.stale}"
        return RejoinFinding("STALE", DECIDE, known, (f"{start}: loses nothing", lost))
    if seen.proven or config.cold_start == "open":
        alone = "when the VIP comes here, notify_master opens this node without the other one"
        return RejoinFinding("PEER_AWAY", NOT_YET, said, (alone, start))
    said += "; this server has not been up to date with it since it started, so it may lack writes"
    lost = (
        f"if the other node is gone for good, and its last writes with it, set cold_start = open in"
        f" {config.path}, and remove that again once this node serves"
    )
    return RejoinFinding("COLD_START", DECIDE, said, (f"{start}: loses nothing", lost))


def _pair(seen: Comparison, there: Side, config: Config) -> Iterator[RejoinFinding]:
    if seen.here.facts.writable and there.facts.writable:
        yield RejoinFinding(
            "TWO_WRITERS",
            DECIDE,
            "both nodes are open for writes",
            ("kachecks status; the checks close one of them by themselves within seconds",),
        )
    if not seen.here.facts.writable and not there.facts.writable:
        yield RejoinFinding(
            "NOBODY_SERVES",
            NOT_YET,
            "neither node is open for writes",
            ("kachecks status: notify_master opens the node that has the VIP",),
        )
    for gap, replica in ((seen.to_here, seen.here), (seen.to_there, there)):
        if gap is not None:
            rebuild = _rebuild(seen, there)
            yield from of_gap(gap, replica, config, rebuild)


def _rebuild(seen: Comparison, there: Side) -> str:
    """The advice to rebuild a node, never the one that serves."""
    version = there.facts.version
    if seen.here.facts.writable == there.facts.writable:
        return advice.rebuild(version, "one node", "the other")
    if seen.here.facts.writable:
        return advice.rebuild(version, THERE, HERE)
    return advice.rebuild(version, HERE, THERE)
