"""The least peer_grace: figures worked out by hand from the manual's page on the two clocks."""

from __future__ import annotations

import pytest

from kachecks.config.options import parse
from kachecks.config.two_clocks import least_peer_grace


@pytest.mark.parametrize(
    ("isolation_timeout", "advert_int", "least"),
    [(2.0, 1.0, 3.0), (2.0, 0.2, 4.6), (1.0, 1.0, 2.0), (5.0, 1.0, 6.0), (1.0, 3.0, 0.0)],
)
def test_least(isolation_timeout: float, advert_int: float, least: float) -> None:
    assert least_peer_grace(isolation_timeout, advert_int) == pytest.approx(least)


def test_the_defaults_are_safe() -> None:
    config = parse("[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\nwitness = 10.0.0.254\n", "k")
    assert config.peer_grace >= least_peer_grace(config.isolation_timeout, config.advert_int)


@pytest.mark.parametrize("advert_int", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("isolation_timeout", [1.0, 2.0, 5.0])
def test_the_worst_case(isolation_timeout: float, advert_int: float) -> None:
    """An advert was heard one interval before the cut; the other node's timer is three of them."""
    grace = least_peer_grace(isolation_timeout, advert_int)
    opens_after_the_cut = 3 * advert_int - advert_int + grace
    closed_after_the_cut = isolation_timeout + 3.0
    assert opens_after_the_cut >= closed_after_the_cut - 1e-9
