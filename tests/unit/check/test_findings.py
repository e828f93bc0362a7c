"""Which findings make the next check look again."""

from __future__ import annotations

import pytest

from kachecks.check.verdict import NOTHING_FOUND, Findings

SENTENCES = ["stalled", "disk_full", "disk_read_only", "two_writers", "errant", "behind"]


@pytest.mark.parametrize("what", SENTENCES)
def test_something_is_wrong(what: str) -> None:
    assert Findings(**{what: "why"}).wrong


@pytest.mark.parametrize("peer", ["", "open", "closed", "refusing", "absent", "mute"])
@pytest.mark.parametrize("fit", [False, True])
def test_the_peer_alone_is_not_wrong(peer: str, fit: bool) -> None:
    """A standby that is powered off for a week must not cost a closer look every second."""
    assert not Findings(peer=peer, peer_fit=fit, ours_to_close=fit).wrong
    assert not Findings(peer=peer, wanted="1-1-5", wanted_at=7.0).wrong
    assert not Findings(peer=peer, up_to_date=fit).wrong


def test_nothing() -> None:
    assert Findings() == NOTHING_FOUND
    assert not any(Findings())
    assert not NOTHING_FOUND.wrong
