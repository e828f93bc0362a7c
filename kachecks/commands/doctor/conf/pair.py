"""doctor on both nodes' keepalived.conf together: what `kachecks elect` finds, as rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import Setups
from kachecks.commands.doctor.rule import FAILURE, WARNING, Finder, Found, Table, row
from kachecks.keepalived.election import higher_address
from kachecks.keepalived.findings import findings
from kachecks.keepalived.situations import Sides

_ADVERTS = ("ADVERTS_DROPPED", "ADVERT_INTERVALS")
_EQUAL = ("EQUAL_PRIORITIES",)
_OF_ONE_NODE = (
    "KEEPALIVED_ENDS", "NO_CHECK", "NOPREEMPT_ON_ONE_NODE", "NOT_AS_WRITTEN", "PRIORITY_CUT",
    "OWNER",
)  # fmt: skip
"""Codes that have a rule of their own, which looks at each node."""


def _elects(*codes: str, but: tuple[str, ...] = ()) -> Finder[Setups]:
    """What `kachecks elect` finds under these codes; if none are given, under all codes ``but``
    those."""

    def finder(setups: Setups) -> Iterator[Found]:
        here, peer = setups.here.instance, setups.peer.instance
        if here is None or peer is None:
            return
        checks = {setup.check.tracker.where for setup in setups if setup.check}
        for found in findings(Sides(here, peer, higher_address(here.source, peer.source))):
            weight = found.code.startswith("WEIGHT_") and found.where in checks  # CHECK_WEIGHT
            asked = found.code in codes if codes else found.code not in but
            if asked and not weight:
                yield Found(f"{found.sentence} (A is here, B the peer)", found.where)

    return finder


TABLE: Table[Setups] = (
    row("PAIR_ADVERTS", FAILURE, _elects(*_ADVERTS),
        "each node accepts the other one's adverts (with --peer-config)",
        "adverts with another VRID, version, interval, password or list of addresses are dropped,"
        " and a node that uses unicast does not hear multicast: both nodes become MASTER.",
        "make the vrrp_instance of both nodes alike but for priority and unicast addresses"),
    row("PAIR_PRIORITIES", WARNING, _elects(*_EQUAL),
        "the nodes have different priorities (with --peer-config)",
        "two nodes that start at once with equal priorities both become MASTER for a moment.",
        "use 250 on one node and 249 on the other"),
    row("PAIR_FAILS_OVER", FAILURE, _elects(but=(*_ADVERTS, *_EQUAL, *_OF_ONE_NODE)),
        "a failed check moves the VIP to the other node (with --peer-config)",
        "the VIP stays on a node that may not have it, or goes nowhere.",
        "see `kachecks elect A.conf B.conf`, which has the table of all situations"),
)  # fmt: skip
