"""Pairs of keepalived.conf made at random, for the election rules to be tried on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

ADVERT_INT = 0.2
"""Seconds: VRRPv3, so that an election takes less than one. Shorter than a busy machine's pauses
would be a test of the machine."""
ADDRESSES = {"A": "10.0.0.1", "B": "10.0.0.2"}
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

    def side(self, name: str) -> Side:
        return self.a if name == "A" else self.b

    def address(self, name: str) -> str:
        return ADDRESSES[name if not self.swapped else "B" if name == "A" else "A"]

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
        return "; ".join(sides) + ("; unicast" if self.unicast else "")


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


def conf(pair: Plan, name: str, directory: Path) -> str:
    """The text of one node's keepalived.conf, written with what the parser allows."""
    side, other = pair.side(name), "B" if name == "A" else "A"
    lines = [
        f"$PRIORITY={side.priority}",
        "global_defs {",
        "    router_id election  ! not seen by VRRP",
        "    script_user root",
        "    enable_script_security",
        "    vrrp_priority -20",  # nice: other tests may run beside these
        "}",
        *_definition(side, directory),
        "vrrp_instance election",
        "{",
        f"    state {side.state}" + ("\n    nopreempt" if side.nopreempt else ""),
        "    interface eth0",
        "    version 3",
        f"    advert_int {ADVERT_INT}",
        "    virtual_router_id 51",
        "    @A priority ${PRIORITY}",
        "    @^A priority $PRIORITY",
        "    virtual_ipaddress { 10.0.0.100/24 }",
        *_tracking(side),
    ]
    if pair.unicast:
        lines += [
            f"    unicast_src_ip {pair.address(name)}",
            f"    unicast_peer {{ {pair.address(other)} }}",
        ]
    return "\n".join([*lines, "}"]) + "\n"


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
