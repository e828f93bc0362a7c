"""The table of what a check costs, from known measurements."""

from __future__ import annotations

import json

import pytest

from benchmarks import check_cost
from benchmarks.check_runs import (
    DOWN,
    FRUGAL,
    HEALTHY,
    OURS,
    PING,
    PYTHON,
    RECIPE,
    SOCKET_WAY,
    Cost,
)
from benchmarks.check_runs import unexpected as wrong_status


def cost(milliseconds: float, mib: float = 10, calls: int | None = 100) -> Cost:
    spent = milliseconds / 1000
    return Cost([spent, spent, 2 * spent], [spent, spent, spent], [0], int(mib * 2**20), calls)


def costs(ours: Cost) -> check_cost.Costs:
    found = {OURS: ours, PYTHON: cost(10, 8), RECIPE: cost(25), FRUGAL: cost(12)}
    found[PING] = cost(5, calls=None)
    return {HEALTHY: {SOCKET_WAY: found}, DOWN: {}}


def test_a_check_within_its_bounds() -> None:
    assert set(check_cost.bounds(costs(cost(20, 20))).values()) == {True}


@pytest.mark.parametrize(
    ("ours", "broken"),
    [
        (cost(26), ["wall below the shell recipe", "CPU below the shell recipe"]),
        (cost(20, 20.1), ["memory at most 2.5 x bare Python"]),
        (
            cost(31),
            [
                "wall at most 3 x bare Python",
                "CPU at most 3 x bare Python",
                "wall below the shell recipe",
                "CPU below the shell recipe",
            ],
        ),
    ],
)
def test_a_bound_that_is_not_kept_is_told(ours: Cost, broken: list[str]) -> None:
    found = check_cost.bounds(costs(ours))
    assert [words for words, was in found.items() if not was] == broken
    said = check_cost.told("mariadb 10", costs(ours))
    assert [line[4:] for line in said.splitlines() if line.startswith("NO")] == broken


def test_the_table() -> None:
    lines = check_cost.told("mariadb 10", costs(cost(20))).splitlines()
    heading = "wall worst CPU worst memory calls wall/recipe CPU/recipe wall/Python CPU/Python"
    assert lines[0] == "mariadb 10: healthy, unix socket"
    assert " ".join(lines[1].split()) == heading
    row = next(line for line in lines if line.startswith(OURS))
    words = "check_mysql 20.0 ms 40.0 ms 20.0 ms 20.0 ms 10.0 MiB 100 0.80 x 0.80 x 2.00 x 2.00 x"
    assert row.split() == words.split()
    assert next(line for line in lines if line.startswith(PING)).split()[-9] == "-"


def test_the_results_are_json() -> None:
    told = json.loads(json.dumps(check_cost.results(costs(cost(20)))))
    assert told["costs"][HEALTHY][SOCKET_WAY][OURS]["wall"] == [0.02, 0.02, 0.04]


@pytest.mark.parametrize(
    ("name", "state", "statuses", "right"),
    [
        (OURS, HEALTHY, [0], True),
        (OURS, HEALTHY, [0, 30], False),
        (OURS, DOWN, [10], True),
        (RECIPE, DOWN, [0, 1], False),
        (PYTHON, DOWN, [0], True),
    ],
)
def test_a_wrong_status_makes_the_figures_void(
    name: str, state: str, statuses: list[int], right: bool
) -> None:
    assert (wrong_status(name, state, statuses) == "") is right
