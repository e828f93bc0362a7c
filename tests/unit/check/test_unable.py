"""A server that answers, and could not take writes: offline_mode, forced recovery ..."""

from __future__ import annotations

import pytest

from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.check_runs import holder, result, standby
from tests.unit.doubles.deep_looks import FIT, look
from tests.unit.doubles.simulated_server import CLOSED
from tests.unit.doubles.simulation import MARIADB, MYSQL, World, active

UNABLE = [
    ({"offline": "1"}, "offline_mode is ON"),
    ({"innodb_read_only": "1"}, "innodb_read_only is ON"),
    ({"innodb_read_only": "ON"}, "innodb_read_only is ON"),
    ({"transactions_read": "1"}, "_read_only = 0, and the clients must connect anew"),
    ({"forced": "1"}, "innodb_force_recovery is 1"),
    ({"forced": "6", "innodb_read_only": "1"}, "innodb_force_recovery is 6"),
    ({"group": True}, "a member of Group Replication"),
]


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize(("changes", "why"), UNABLE)
def test_a_peer_that_is_unable_is_not_fit(
    changes: dict[str, object], why: str, version: str
) -> None:
    world = active(version)
    world.a.but(**changes)
    assert look(world) == FIT._replace(peer_fit=False, gives_way=False)
    assert look(active(version)) == FIT
    world = active(version)
    world.b.but(**changes)
    assert why in look(world).unable


@pytest.mark.parametrize("changes", [changes for changes, _ in UNABLE])
def test_a_standby_that_is_unable_stays_unfit(changes: dict[str, object]) -> None:
    """At each check, and not only at those that look closer."""
    world = standby().but(last_look=None)
    world.b.but(**changes)
    for _ in range(3):
        assert result(world) == ("UNABLE_TO_SERVE", 19, "standby")
    world.b.but(offline="0", innodb_read_only="0", transactions_read="0", forced="0", group=False)
    assert result(world) == ("OK", 0, "standby")


@pytest.mark.parametrize(("changes", "why"), UNABLE)
def test_it_is_not_opened(changes: dict[str, object], why: str) -> None:
    """Nor is the peer, which may be serving, closed for it."""
    world = World()
    world.b.but(**changes)
    outcome = promote(world.node, Steps(world.node))
    assert outcome.outcome == ("not now" if "group" in changes else "refused")
    assert why in outcome.why
    assert world.b.access == CLOSED
    assert world.a.access != CLOSED


@pytest.mark.parametrize("fit", [True, False])
def test_a_holder_gives_way_to_a_fit_peer(fit: bool) -> None:
    """Somebody has switched offline_mode on: the clients are gone, and B could serve them."""
    world = holder().but(b__offline="1", a__offline="0" if fit else "1")
    assert result(world) == ("OK", 0, "holder"), "the closer look is not due yet"
    world.pass_time(5)
    assert result(world)[:2] == ("UNABLE_TO_SERVE", 19 if fit else 0)
    assert (world.gave_way is not None) == fit


OFFLINE = {"receiver": "Connecting", "receiver_errno": 3032}


@pytest.mark.parametrize("lacks", [False, True])
def test_a_peer_that_is_turned_away_by_offline_mode(lacks: bool) -> None:
    """offline_mode throws its receiver out, too: it is fit if it had got everything."""
    world = holder().but(b__offline="1")
    world.a.but(**OFFLINE, of_b=6 if lacks else 7)
    world.pass_time(5)
    assert result(world)[:2] == ("UNABLE_TO_SERVE", 0 if lacks else 19)


@pytest.mark.parametrize(("errno", "reason"), [(3032, "OK"), (1045, "RECEIVER_STOPPED")])
def test_a_standby_whose_source_is_in_offline_mode(errno: int, reason: str) -> None:
    """It is needed just then; one that lacks something is found out by its GTIDs."""
    world = standby().but(a__offline="1")
    world.b.but(receiver="Connecting", receiver_errno=errno)
    assert result(world)[0] == reason
