"""The story the project starts from: A's mysqld stops, comes back, then B's stops.

With the recipe of the articles it ended with the VIP on both nodes, rows lost and error 1062.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.matrix.sequence import play
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import Expect, proven, verify
from tests.lab.pairs.pair import Pair
from tests.lab.records import evidence
from tests.lab.servers.flavour import Flavour


def test_the_articles_sequence(flavour: Flavour, measured: Callable[[str], None]) -> None:
    for line in proven(lambda: sequence(flavour)):
        measured(line)


def sequence(flavour: Flavour) -> list[str]:
    """What was measured, a line for each switch."""
    with (
        Pair(flavour, suite="kachecks") as pair,
        Observer.of(pair) as observer,
    ):
        played = play(pair, observer)
        for switch in played.switches:
            assert switch.came, f"after {switch.text} the writes did not go to {switch.wanted}"
        assert played.stayed, "the VIP left B when A came back"
        assert not played.applier_errors
        assert played.lost == 0
        assert played.differing == 0
        assert evidence.both_holding(played.record) == 0
        verify(pair, played.record, Expect(holder="a"))
        pair.wait_replication_running()
        assert pair.tables_equal()
    return [
        f"sequence {flavour.name}: {switch.text}: outage {switch.outage.seconds:.2f} s"
        for switch in played.switches
    ]
