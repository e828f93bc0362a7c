"""The table of failovers, from known runs, and the picture of the typical ones."""

from __future__ import annotations

import json

from benchmarks.failover import draw, notes, results, rows, times_of
from benchmarks.failover_runs import Run, Story, plays
from tests.unit.lab.test_timeline import failover


def run(outage: float, **more: object) -> Run:
    usual = Run(outage, outage - 0.01, 3, 0, 0, 0.0, 0.0, 12.0, True)
    return usual._replace(**more)


OURS = [run(0.5), run(0.9), run(0.4, missing=7)]
THEIRS = [run(3.0, two_writers=11.5, lost=8, differing=9), run(2.0, two_writers=11.0, lost=None)]


def test_a_row_has_the_median_and_the_worst() -> None:
    heading, ours, theirs = rows("mariadb 10", {"kill": {"kachecks": OURS, "recipe": THEIRS}})
    assert len(heading) == len(ours) == len(theirs)
    assert ours[:6] == ["SIGKILL of mysqld on A", "kachecks", "3", "0.50 s", "0.90 s", "0.20 x"]
    assert ours[6:] == ["7", "0", "0", "0 s", "0 s"]
    assert theirs[6:] == ["3", "no answer", "9", "11.50 of 12 s", "0 s"]


def test_without_the_recipe_there_is_no_ratio() -> None:
    runs = {"switchover": {"kachecks": OURS}}
    assert rows("x", runs)[1][5] == "-"
    assert any("no switchover" in note for note in notes(runs))
    assert not plays("recipe", "switchover")
    assert plays("recipe", "kill")


def test_a_run_that_proves_nothing_is_counted() -> None:
    runs = {"kill": {"kachecks": [run(0.5), run(0.5, proven=False)], "recipe": THEIRS}}
    assert notes(runs)[-1].startswith("1 runs prove nothing")
    assert not any("prove" in note for note in notes({"kill": {"kachecks": OURS}}))


def test_what_people_judge_by_is_played_most() -> None:
    assert [times_of(fault, 20) for fault in ("kill", "switchover", "stop")] == [100, 20, 20]
    assert times_of("stop", 1) == 1


def test_the_results_are_json() -> None:
    runs = {"kill": {"kachecks": [run(0.5, takeover=None)]}}
    told = json.loads(json.dumps(results(runs)))["kill"]["kachecks"]
    assert told["outage_seconds"] == {"runs": 1, "median": 0.5, "worst": 0.5}
    assert told["takeover_seconds"] is None
    assert told["runs"][0]["missing"] == 3


def test_the_picture_has_a_panel_per_suite() -> None:
    story = Story(run(0.4), failover(), [])
    drawn = draw("mariadb 10", "kill", {"kachecks": story, "recipe": story})
    assert drawn.count("0.40 s without a write") == 2
    assert ">kachecks, mariadb 10: SIGKILL of mysqld on A<" in drawn
