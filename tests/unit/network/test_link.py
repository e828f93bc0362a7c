"""What a pair's own addresses and ports are asked for."""

from __future__ import annotations

import pytest

from kachecks.network import vip
from kachecks.network.link import Network
from tests.unit.doubles.simulation import config


def test_which_vips_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vip, "here", lambda vips: vips == ["10.0.0.101"])
    network = Network(config(vip="10.0.0.100, 10.0.0.101, 10.0.0.102"))
    assert network.vips_missing() == ("10.0.0.100", "10.0.0.102")
