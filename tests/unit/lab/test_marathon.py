"""What a marathon counts, and its table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from tests.lab.matrix import marathon

RUN = {"row": "1", "flavour": "mysql", "outage": 0.5, "lost": 0, "both_open": 0.0, "both_vip": 0.1}
FAILED = {"row": "1", "flavour": "mysql", "failed": "AssertionError"}
UNPROVEN = {"row": "1", "flavour": "mysql", "unproven": "the sampler did not look"}


def test_the_table() -> None:
    slow = {**RUN, "outage": 0.9, "lost": 2}
    told = marathon.table([RUN, slow, RUN, FAILED, UNPROVEN]).splitlines()
    assert " ".join(told[1].split()) == "1 mysql 4 1 0.50 s (0.90 s) 2 0.00 s 0.10 s"
    assert told[2] == "1 runs proved nothing: the machine was too busy"


def test_it_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed has been played; what proved nothing has not."""
    results = tmp_path / "results"
    results.write_text("".join(json.dumps(each) + "\n" for each in (RUN, FAILED, UNPROVEN)))
    monkeypatch.setattr(
        marathon, "played_apart", lambda row, flavour: {**RUN, "row": row, "flavour": flavour}
    )
    monkeypatch.setattr(marathon.played, "read", dict)
    options = argparse.Namespace(times=3, jobs=1, results=results)
    marathon.run_all(["1", "2"], ["mysql"], options)
    played = [json.loads(line)["row"] for line in results.read_text().splitlines()[3:]]
    assert played == ["2", "2", "1", "2"]
