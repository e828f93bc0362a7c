"""The election rules on histories that real keepalived 2.2.7 has lived through.

data/elections.json is what tests/lab/tests/test_election.py saw, written down with
LAB_RECORD=FILE: the two files of each pair, the addresses, and who held the VIP after each event.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kachecks.keepalived import election, instance, situations, tracker
from tests.lab.elections.prediction import Prediction

RECORD = json.loads((Path(__file__).parents[1] / "data/elections.json").read_text())


def differences(record: list[dict[str, Any]], directory: Path) -> list[str]:
    """Events after which somebody else held the VIP than predicted."""
    wrong = []
    for pair in record:
        for name, text in pair["files"].items():
            (directory / name).write_text(text)
        addresses = pair["addresses"]
        story = Prediction(directory / "A", directory / "B", addresses["A"], addresses["B"])
        for event, holders in pair["history"]:
            predicted = sorted(story.happen(event))
            if predicted != holders:
                wrong.append(f"{event}: {holders}, predicted {predicted}")
                story.masters = frozenset(holders)
    return wrong


def test_every_holder_is_as_predicted(tmp_path: Path) -> None:
    assert len(RECORD) >= 30
    assert differences(RECORD, tmp_path) == []


def _without_nopreempt(original: Any) -> Any:
    return lambda self, name, masters: original(
        self._replace(a=self.a._replace(nopreempt=False), b=self.b._replace(nopreempt=False)),
        name,
        masters,
    )


def _equal_preempts(original: Any) -> Any:
    def content(self: election.Election, name: str, masters: frozenset[str]) -> bool:
        equal = self.a.priority == self.b.priority
        return bool(original(self, name, masters)) and not (equal and masters - {name})

    return content


def _first_address_wins(original: Any) -> Any:
    return lambda self: original(self._replace(higher="A"))


def _weights_only_subtract(original: Any) -> Any:
    def effect(self: tracker.Tracker, failed: bool) -> int | None:
        return original(self._replace(weight=-abs(self.weight)), failed)  # type: ignore[no-any-return]

    return effect


def _zero_changes_nothing(original: Any) -> Any:
    return lambda self, failed: original(self, failed) or 0


def _group_is_not_followed(_original: Any) -> Any:
    return lambda *_: ()


def _same_source_is_heard(original: Any) -> Any:
    def why_dropped(receiver: Any, sender: Any) -> str:
        why = str(original(receiver, sender))
        return "" if "both nodes send from" in why else why

    return why_dropped


@pytest.mark.parametrize(
    ("owner", "method", "mutated"),
    [
        (election.Election, "_content", _without_nopreempt),
        (election.Election, "_content", _equal_preempts),
        (election.Election, "_yielding", _first_address_wins),
        (tracker.Tracker, "effect", _weights_only_subtract),
        (tracker.Tracker, "effect", _zero_changes_nothing),
        (instance, "_through_group", _group_is_not_followed),
        (situations, "why_dropped", _same_source_is_heard),
    ],
)
def test_the_record_tells_a_wrong_rule(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    method: str,
    mutated: Callable[[Any], Any],
) -> None:
    monkeypatch.setattr(owner, method, mutated(getattr(owner, method)))
    assert differences(RECORD, tmp_path)
