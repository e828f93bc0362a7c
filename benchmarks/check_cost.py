"""What a check costs: ours, bare Python, `mysqladmin ping`, shell scripts that ask the same.

    python -m benchmarks.check_cost [--flavour mariadb|mysql|both] [--times N] [--json FILE]

Whole processes, run inside a node of the lab with nothing else at work, in turn. Needs root.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import command
from benchmarks.check_runs import (
    DOWN,
    HEALTHY,
    OURS,
    PROGRAMS,
    PYTHON,
    RECIPE,
    SOCKET_WAY,
    TLS_WAY,
    Cost,
    measure,
    quiet_pair,
    use,
)
from benchmarks.summary import milliseconds, ratio, summary
from tests.lab.pictures.figures import table
from tests.lab.servers.flavour import Flavour

Costs = dict[str, dict[str, dict[str, Cost]]]
"""By state of the server, way to it, program."""

_TIME_BOUND, _MEMORY_BOUND = 3.0, 2.5
"""How many times bare Python our healthy check may take over the unix socket."""


def measured(flavour: Flavour, times: int) -> Costs:
    """On one pair: healthy, then with mysqld down."""
    costs: Costs = {HEALTHY: {}, DOWN: {}}
    with quiet_pair(flavour) as pair:
        for state in costs:
            if state == DOWN:
                pair.a.stop_mysqld()
            for way in (SOCKET_WAY, TLS_WAY):
                command.progress([f"{flavour.name}: {state}, {way}, {times} runs each"])
                use(pair, way)
                costs[state][way] = measure(pair.a, flavour, state, times)
    return costs


def rows(found: dict[str, Cost]) -> list[list[str]]:
    """A heading and a row per program."""
    recipe, python = found[RECIPE], found[PYTHON]
    lines = [["", "wall", "worst", "CPU", "worst", "memory", "calls"]]
    lines[0] += ["wall/recipe", "CPU/recipe", "wall/Python", "CPU/Python"]
    for name in PROGRAMS:
        cost = found[name]
        wall, cpu = summary(cost.wall), summary(cost.cpu)
        lines.append(
            [
                name,
                *milliseconds(wall),
                *milliseconds(cpu),
                f"{cost.memory / 2**20:.1f} MiB",
                "-" if cost.calls is None else f"{cost.calls:,}",
                ratio(wall, summary(recipe.wall)),
                ratio(cpu, summary(recipe.cpu)),
                ratio(wall, summary(python.wall)),
                ratio(cpu, summary(python.cpu)),
            ]
        )
    return lines


def bounds(costs: Costs) -> dict[str, bool]:
    """What the healthy check over the unix socket promises, and whether it was so."""
    found = costs[HEALTHY][SOCKET_WAY]
    ours, python, recipe = found[OURS], found[PYTHON], found[RECIPE]
    wall, cpu = _medians(ours)
    python_wall, python_cpu = _medians(python)
    recipe_wall, recipe_cpu = _medians(recipe)
    return {
        f"wall at most {_TIME_BOUND:g} x bare Python": wall <= _TIME_BOUND * python_wall,
        f"CPU at most {_TIME_BOUND:g} x bare Python": cpu <= _TIME_BOUND * python_cpu,
        f"memory at most {_MEMORY_BOUND:g} x bare Python": ours.memory
        <= _MEMORY_BOUND * python.memory,
        "wall below the shell recipe": wall < recipe_wall,
        "CPU below the shell recipe": cpu < recipe_cpu,
    }


def _medians(cost: Cost) -> tuple[float, float]:
    wall, cpu = summary(cost.wall), summary(cost.cpu)
    assert wall is not None
    assert cpu is not None
    return wall.median, cpu.median


def told(name: str, costs: Costs) -> str:
    """The tables and the bounds, for people."""
    parts = [
        f"{name}: {state}, {way}\n{table(rows(found))}"
        for state, ways in costs.items()
        for way, found in ways.items()
    ]
    if all(c.calls is None for each in costs.values() for f in each.values() for c in f.values()):
        parts.append("calls left out: strace is not installed (apt-get install strace)")
    kept = [f"{'yes' if was else 'NO':<4}{words}" for words, was in bounds(costs).items()]
    parts.append("\n".join(["healthy, unix socket:", *kept]))
    return "\n\n".join(parts)


def results(costs: Costs) -> dict[str, Any]:
    """The same for programs: seconds, bytes, counts; every single measurement."""
    return {
        "bounds": bounds(costs),
        "costs": {
            state: {
                way: {program: cost._asdict() for program, cost in found.items()}
                for way, found in ways.items()
            }
            for state, ways in costs.items()
        },
    }


def main(argv: list[str] | None = None) -> int:
    """Print the tables; exit status 0 whether or not the bounds were kept."""
    parsing = command.parser("check_cost", "What a check costs, beside a shell recipe.")
    parsing.add_argument("--times", type=command.positive, default=100, help="runs of each")
    options = parsing.parse_args(argv)

    def one(flavour: Flavour) -> tuple[str, dict[str, Any]]:
        costs = measured(flavour, options.times)
        name = f"{flavour.name} {flavour.version}"
        return told(name, costs), {"times": options.times, **results(costs)}

    return command.run("check_cost", options, one)


if __name__ == "__main__":
    sys.exit(main())
