"""Pairs of keepalived.conf made at random, for the election rules to be tried on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

ADVERT_INT = 0.2
"""Seconds: VRRPv3, so that an election takes less than one. Shorter than a busy machine's pauses
would be a test of the machine."""
ADDRESSES = {"A": "10.0.0.1", "B": "10.0.0.2"}
SECOND_ADDRESSES = {"A": "10.0.0.12", "B": "10.0.0.11"}
"""Whose order is the other way round."""
SAME_ADDRESS = "10.0.0.20"
"""That both nodes have, so that each drops what the other sends from it."""
SECOND_INTERFACE = "eth1"


class Side(NamedTuple):
    """One node's configuration."""

    state: str
    nopreempt: bool
    priority: int
    tracker: str  # script, file, interface
    weight: int

    @property
    def best(self) -> int:
        """The priority while the check is well."""
        return min(self.priority + max(self.weight, 0), 254)


class Plan(NamedTuple):
    """A pair of configurations."""

    a: Side
    b: Side
    unicast: bool
    swapped: bool  # B has the lower address
    group: str = ""  # who of a sync group tracks: election, other, group; "" there is no group
    weighted: bool = False  # the group allows weights
    sources: str = ""  # of the adverts: "" not said, second, same; of addresses beside the first

    def side(self, name: str) -> Side:
        return self.a if name == "A" else self.b

    def address(self, name: str) -> str:
        """The first one of the interface."""
        return ADDRESSES[self._swapped(name)]

    def source(self, name: str) -> str:
        """Where its adverts come from."""
        if self.sources == "second":
            return SECOND_ADDRESSES[self._swapped(name)]
        return SAME_ADDRESS if self.sources == "same" else self.address(name)

    def file_weight(self, name: str) -> int:
        """What keepalived makes of a file's weight: 1, which is its default, is none for an
        instance of a sync group."""
        weight = self.side(name).weight
        return 0 if weight == 1 and self.group in ("election", "other") else weight

    def _swapped(self, name: str) -> str:
        return name if not self.swapped else "B" if name == "A" else "A"

    @property
    def words(self) -> str:
        """One line for the log."""
        sides = []
        for name in "AB":
            side = self.side(name)
            preempting = " nopreempt" if side.nopreempt else ""
            sides.append(
                f"{name} {self.address(name)} {side.state}{preempting} {side.priority}"
                f" {side.tracker} {side.weight:+d}"
            )
        more = [
            "unicast" if self.unicast else "",
            f"sync group, tracked by {self.group}" if self.group else "",
            "weights allowed" if self.weighted else "",
            f"{self.sources} source" if self.sources else "",
        ]
        return "; ".join([*sides, *filter(None, more)])


def plan(dice: random.Random, sign: int) -> Plan:
    """A pair whose weights are positive, zero or negative, by ``sign``."""
    base = dice.randint(30, 250)
    gap = dice.choice([0, 1, 1, 5, 10, 20])
    other = max(base - gap, 1)
    priorities = [base, other]
    dice.shuffle(priorities)
    nopreempt = dice.choice([(True, True), (False, False), (False, False), (True, False)])
    sides = []
    for priority, still in zip(priorities, nopreempt):
        state = "MASTER" if not still and dice.random() < 0.25 else "BACKUP"
        tracker = dice.choice(["script", "file", "interface"])
        # Around the gap: that is where one more or less decides.
        size = max(gap + dice.choice([-1, 0, 1, 1, 30]), 1)
        sides.append(Side(state, still, priority, tracker, sign * size))
    if sides[0].best == sides[1].best:
        # Of two equal ones a MASTER that starts wins or not by a matter of milliseconds.
        sides = [side._replace(state="BACKUP") for side in sides]
    return Plan(sides[0], sides[1], dice.random() < 0.3, dice.random() < 0.5)


def varied(dice: random.Random, sign: int) -> Plan:
    """A pair with sync groups, unicast and source addresses of its own."""
    pair = plan(dice, sign)._replace(unicast=dice.random() < 0.5)
    sources = ["", "", "second", "second", "second"] if pair.unicast else ["", "second", "same"]
    group = dice.choice(["", "election", "other", "group", "group"])
    # Weights of one member alone would have the group elect without end.
    weighted = group == "group" and dice.random() < 0.5
    if group in ("election", "other"):  # where an interface's weight counts nevertheless
        a, b = (
            side._replace(tracker="file" if side.tracker == "interface" else side.tracker)
            for side in (pair.a, pair.b)
        )
        pair = pair._replace(a=a, b=b)
    pair = pair._replace(group=group, weighted=weighted, sources=dice.choice(sources))
    if group and pair.a.priority == pair.b.priority:  # a weight may be none
        a, b = (side._replace(state="BACKUP") for side in (pair.a, pair.b))
        pair = pair._replace(a=a, b=b)
    return pair


def conf(pair: Plan, name: str, directory: Path) -> str:
    """The text of one node's keepalived.conf, written with what the parser allows."""
    side = pair.side(name)
    lines = [
        f"$PRIORITY={side.priority}",
        "global_defs {",
        "    router_id election  ! not seen by VRRP",
        "    script_user root",
        "    enable_script_security",
        "    vrrp_priority -20",  # nice: other tests may run beside these
        "}",
        *_definition(side, directory),
        *_group(pair, side),
        *_instance(pair, name, "election", 51),
        *(_instance(pair, name, "other", 52) if pair.group else []),
    ]
    return "\n".join(lines) + "\n"


def _group(pair: Plan, side: Side) -> list[str]:
    if not pair.group:
        return []
    lines = ["vrrp_sync_group both {", "    group { other election }"]
    lines += ["    sync_group_tracking_weight"] if pair.weighted else []
    return [*lines, *(_tracking(side) if pair.group == "group" else []), "}"]


def _instance(pair: Plan, name: str, instance: str, vrid: int) -> list[str]:
    side = pair.side(name)
    return [
        f"vrrp_instance {instance}",
        "{",
        f"    state {side.state}" + ("\n    nopreempt" if side.nopreempt else ""),
        "    interface eth0",
        "    version 3",
        f"    advert_int {ADVERT_INT}",
        f"    virtual_router_id {vrid}",
        "    @A priority ${PRIORITY}",
        "    @^A priority $PRIORITY",
        f"    virtual_ipaddress {{ 10.0.0.{vrid + 49}/24 }}",
        *(_tracking(side) if instance == (pair.group or "election") else []),
        *_sending(pair, name),
        "}",
    ]


def _sending(pair: Plan, name: str) -> list[str]:
    if pair.unicast:
        other = "B" if name == "A" else "A"
        return [
            f"    unicast_src_ip {pair.source(name)}",
            f"    unicast_peer {{ {pair.source(other)} }}",
        ]
    return [f"    mcast_src_ip {pair.source(name)}"] if pair.sources else []


def _definition(side: Side, directory: Path) -> list[str]:
    if side.tracker == "script":
        return [
            "vrrp_script check{",
            f'    script "/usr/bin/test ! -e {directory}/failed"',
            "    interval 1",
            "}",
        ]
    if side.tracker == "file":
        return ["track_file check {", f"    file {directory}/value", "    weight 0", "}"]
    return []


def _tracking(side: Side) -> list[str]:
    subject = SECOND_INTERFACE if side.tracker == "interface" else "check"
    weight = f" weight {side.weight}" if side.weight or side.tracker == "file" else ""
    return [f"    track_{side.tracker} {{", f"        {subject}{weight}", "    }"]
