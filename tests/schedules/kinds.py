"""Kinds of schedules with one special trouble, each of which can be switched on and off.

A seed draws at most one of them, from a number of its own: switching one on changes no schedule
that has not drawn it. What is off is there to be played by hand:

    python -m tests.schedules --kind reject --count 500
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.schedules import troubles
from tests.schedules.calm import LOADS, calm, status_waits
from tests.schedules.scene import Scene


class Kind(NamedTuple):
    """One of them."""

    chance: float
    play: Callable[[Scene], None]
    joins: bool  # the common faults are played as well


OFF = {
    "may_not_close": "a server that cannot be closed is left open when its VIP has gone",
}
"""Not played yet, and why."""

KINDS = {
    **{name: Kind(0.005, calm(load, OFF), joins=False) for name, load in LOADS.items()},
    "reject": Kind(0.03, troubles.reject, joins=False),
    "privileges": Kind(0.015, troubles.privileges, joins=True),
    "may_not_open": Kind(0.005, troubles.may_not_open, joins=False),
    "late": Kind(0.03, troubles.late, joins=False),
    "readers": Kind(0.01, troubles.readers, joins=True),
    "takeover_with_readers": Kind(0.01, troubles.takeover_with_readers, joins=False),
    "fencing": Kind(0.03, troubles.fencing, joins=False),
    "cut_in_promotion": Kind(0.03, troubles.cut_in_promotion, joins=True),
    "blink_alone": Kind(0.005, troubles.blink_alone, joins=False),
    "commits": Kind(0.02, troubles.commits, joins=True),
    "starved": Kind(0.02, troubles.starved, joins=True),
    "disks": Kind(0.02, troubles.disks, joins=True),
    "mute_log": Kind(0.01, troubles.mute_log, joins=True),
    "full_and_more": Kind(0.02, troubles.full_and_more, joins=False),
    "prepared": Kind(0.02, troubles.prepared, joins=True),
    "may_not_close": Kind(0.015, troubles.may_not_close, joins=True),
    "full_run": Kind(0.01, troubles.full_run, joins=True),
    "back_in_a_cut": Kind(0.01, troubles.back_in_a_cut, joins=False),
    "caught_up": Kind(0.005, troubles.caught_up, joins=False),
    "dead": Kind(0.005, troubles.dead, joins=False),
    "calm_status_waits": Kind(0.005, calm(status_waits, OFF), joins=False),
    "status_waits": Kind(0.02, troubles.status_waits, joins=True),
    "late_and_status_waits": Kind(0.01, troubles.late_and_status_waits, joins=False),
    "orderly": Kind(0.02, troubles.orderly, joins=False),
    "orderly_and_more": Kind(0.03, troubles.orderly_and_more, joins=True),
    "crowds": Kind(0.01, troubles.crowds, joins=True),
    "crowd_moves": Kind(0.01, troubles.crowd_moves, joins=False),
}
"""A new one goes to the end, so that the others keep their seeds."""


def kind_of(seed: int, always: str = "") -> tuple[Kind | None, random.Random]:
    """The kind that this schedule draws, if any, and the numbers for it.

    Args:
        always: the one that every schedule draws, though it may be off.
    """
    draw = random.Random(seed + 7_000_003)  # noqa: S311
    chance = draw.random()
    if always:
        return KINDS[always], draw
    for name, kind in KINDS.items():
        if chance < kind.chance:
            return (None if name in OFF else kind), draw
        chance -= kind.chance
    return None, draw
