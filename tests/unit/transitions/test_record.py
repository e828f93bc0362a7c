"""The record of a transition: what is timed, and what is worth a line in the audit log."""

from __future__ import annotations

import inspect

import pytest

from kachecks.transitions.record import Outcome, Steps
from tests.unit.doubles import simulated_outside as simulated
from tests.unit.doubles.simulation import World

DONE = Outcome("demote", "closed", "closed for writes", done=True, changed=True)


def test_milliseconds_of_each_step_and_of_all() -> None:
    world = World()
    steps = Steps(world.node)
    world.pass_time(0.0205)
    steps.done("lock")
    world.pass_time(1.5)
    steps.done("close")
    world.pass_time(0.25)
    steps.record(DONE._replace(position="1-1-5"), "notify_backup")
    (entry,) = world.recorded
    del entry["time"], entry["host"]
    assert entry == {
        "name": "main",
        "transition": "demote",
        "outcome": "closed",
        "why": "closed for writes",
        "cause": "notify_backup",
        "milliseconds": 1770.5,
        "steps": [["lock", 20.5], ["close", 1500.0]],
        "position": "1-1-5",
        "problem": False,
    }


@pytest.mark.parametrize(
    ("done", "changed", "recorded", "problem"),
    [
        (True, True, True, False),
        (True, False, False, False),  # nothing to do: no line every second
        (False, True, True, True),
        (False, False, True, True),
    ],
)
def test_what_is_recorded(done: bool, changed: bool, recorded: bool, problem: bool) -> None:
    world = World()
    Steps(world.node).record(DONE._replace(done=done, changed=changed), "check_mysql")
    assert len(world.recorded) == recorded
    if recorded:
        assert world.recorded[0]["problem"] is problem
        assert "position" not in world.recorded[0]


def test_the_person_at_the_terminal_is_told_in_any_case() -> None:
    world = World()
    told: list[str] = []
    world.node.telling.progress = told.append  # type: ignore[method-assign]
    steps = Steps(world.node)
    world.pass_time(0.002)
    steps.done("lock")
    steps.record(DONE._replace(changed=False), "notify_backup")
    assert told == ["  lock: 2 ms", "demote: closed: closed for writes"]


@pytest.mark.parametrize(
    ("part", "real_ones"),
    [
        (simulated.Clock, set()),
        (simulated.Files, {"is_news", "forget"}),  # made of the others
        (simulated.Disk, set()),
        (simulated.Servers, set()),
        (simulated.Network, set()),
        (simulated.Keepalived, set()),
        (simulated.Voice, {"progress"}),  # nothing
    ],
)
def test_what_is_simulated_is_like_the_real(part: type, real_ones: set[str]) -> None:
    """Whatever a node calls on the one is there, and is called alike, on the other."""
    real = {
        name: call
        for name, call in vars(part.__mro__[-2]).items()
        if callable(call) and not name.startswith("_")
    }
    assert set(real) - set(vars(part)) == real_ones
    for name in set(real) - real_ones:
        parameters = list(inspect.signature(real[name]).parameters)
        assert list(inspect.signature(vars(part)[name]).parameters) == parameters, name
