"""The table of growth from known points, and the configuration with many virtual addresses."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest

from benchmarks import idlers, scale
from benchmarks.scale_runs import GROWTHS, Point, with_vips
from tests.lab.pairs.suite import recipe


def _point(outage: float, work: float) -> Point:
    return Point(outage, work, 0, "demote: closed")


POINTS: scale.Points = {
    "kachecks": {10: [_point(0.2, 0.02)] * 2, 1000: [_point(0.6, 0.3), _point(0.8, 0.5)]},
    "recipe": {10: [Point(1.0, None, 10, None)], 1000: [Point(1.4, None, 1000, None)]},
}


def test_each_row_is_held_against_the_recipe_and_against_the_fewest() -> None:
    heading, few, many, *theirs = scale.rows(GROWTHS["connections"], POINTS)
    assert all(len(row) == len(heading) for row in (few, many, *theirs))
    assert (
        " ".join(few) == "10 kachecks 2 0.20 s 0.20 s 0.20 x 1.00 x 0.02 s 0.02 s 0 demote: closed"
    )
    assert (
        " ".join(many)
        == "1,000 kachecks 2 0.70 s 0.80 s 0.50 x 3.50 x 0.40 s 0.50 s 0 demote: closed"
    )
    assert " ".join(theirs[1]) == "1,000 recipe 1 1.40 s 1.40 s 1.00 x 1.40 x - - 1,000 -"


def test_without_the_recipe() -> None:
    assert scale.rows(GROWTHS["vips"], {"kachecks": POINTS["kachecks"]})[1][5] == "-"


def test_the_results_are_json() -> None:
    told = json.loads(json.dumps(scale.results(POINTS)))
    assert told["recipe"]["10"] == [{"outage": 1.0, "work": None, "left": 10, "ended": None}]


def test_an_unknown_kind_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        scale.main(["vip"])
    assert "vip: expected one of connections, relay-log, vips" in capsys.readouterr().err


def test_keepalived_gets_every_address() -> None:
    for text in with_vips(recipe(), ["10.0.0.100", "10.0.0.101"]).keepalived_conf:
        lines = [line.strip() for line in text.splitlines()]
        assert "10.0.0.100/VIP_PREFIX dev NODE_INTERFACE" in lines
        assert "10.0.0.101/VIP_PREFIX dev NODE_INTERFACE" in lines
        assert "VIP_ADDRESS" not in text


def test_idlers_notice_who_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(), socket.socketpair()
    standard_input = socket.socketpair()
    monkeypatch.setattr("sys.stdin", standard_input[0])
    ours[1].close()
    with ours[0], theirs[0], theirs[1], standard_input[0], standard_input[1]:
        assert idlers.wait([ours[0]]) == []  # type: ignore[list-item]
        standard_input[1].shutdown(socket.SHUT_WR)
        assert idlers.wait([theirs[0]]) == [theirs[0]]  # type: ignore[list-item]


class Asked(idlers.Idler):
    """One end of a connection."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end


def test_idlers_that_hang_are_told_from_those_that_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an answer, by the end of the connection, by nothing."""
    monkeypatch.setattr(idlers, "ANSWER", 0.2)
    pairs = [socket.socketpair() for _ in range(3)]
    with contextlib.ExitStack() as undo:
        for each in pairs:
            undo.enter_context(each[0])
            undo.enter_context(each[1])
        pairs[0][1].send(b"an answer")
        pairs[1][1].close()
        assert idlers.use([Asked(each[0]) for each in pairs]) == 1
