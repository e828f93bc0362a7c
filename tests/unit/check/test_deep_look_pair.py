"""What a standby has that its peer lacks, and the other way round (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.deep_look import ERRANT_FOR, remember
from kachecks.check.verdict import Findings
from kachecks.mysql.probe import probe
from kachecks.mysql.session import ServerError
from tests.unit.doubles.deep_looks import FIT, FOLLOWS, look, look_in_full
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import MARIADB, MUTE, MYSQL, SILENT, VERSIONS, World, standby

# What only this standby has ----------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("vip", [True, False])
def test_errant(version: str, vip: bool) -> None:
    world = standby(version).but(vip=vip, b__made=9)  # the peer has 7 of them
    found = look(world)
    assert found.errant.startswith("the peer lacks transactions of this server: ")
    assert "9" in found.errant
    assert ERRANT_FOR == 1.0
    assert ERRANT_FOR <= world.time < ERRANT_FOR + 0.2


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize(("applier", "errant"), [("Yes", False), ("No", True)])
def test_what_waits_in_the_peers_relay_log(version: str, applier: str, errant: bool) -> None:
    """It only needs time; but where nobody applies it, it never comes."""
    world = standby(version).but(b__made=9, a__received=9, a__applier=applier)
    assert bool(look(world).errant) == errant


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        # Nobody is open: the node that has more is the better choice.
        ({"vip": False, "a__access": CLOSED, "b__made": 9}, FIT),
        ({"vip": True, "a__access": CLOSED, "b__made": 9}, FIT),
        # What the active node writes is always on its way.
        ({"vip": True, "a__access": CLOSED, "b__access": OPEN, "b__made": 9}, FIT),
        ({"b__applied": 3, "b__applies": 0}, FOLLOWS),  # what the peer has more
    ],
)
def test_what_is_not_errant(version: str, changes: dict[str, object], found: Findings) -> None:
    world = standby(version).but(**changes)
    assert look(world) == found
    assert world.time < 0.5


def test_errant_between_two_families_is_not_known() -> None:
    """A migration from MySQL to MariaDB: their GTIDs cannot be compared."""
    assert look(standby().but(a__version=MARIADB, b__made=9)) == FOLLOWS


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_what_is_still_on_its_way(version: str) -> None:
    """A node that was just demoted: the peer fetches what it wrote last."""
    world = standby(version).but(b__made=9)
    world.when("sleep", a__of_b=9)
    assert look(world) == FOLLOWS
    assert world.time < ERRANT_FOR / 2


def test_a_commit_that_waits_for_its_acknowledgement_is_not_lost() -> None:
    """MySQL sends it before its own GTIDs name it (AFTER_SYNC): nobody has reset anything."""
    world = standby(MYSQL).but(a__made=4)
    assert "the peer lacks transactions of its own" in look(world).errant
    waits = Client("app", "Query", state="Waiting for semi-sync ACK from replica", seconds=9)
    world.a.add(waits)
    found = look(world)
    assert (found.errant, found.behind) == ("", "")


# Another server at the peer's address -----------------------------------------------------------


OTHERS = [({"a__number": 2}, "names this very node"), ({"b__source_id": 9}, "different cluster's")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("changes", "said"), OTHERS)
def test_another_server_proves_nothing(version: str, changes: dict, said: str) -> None:
    """`peer` is this node's own address, or the port that of another pair: no contact, not late no
    more, no two writers, nothing fit."""
    world = deaf(version)
    known = looks_again(world, 60.0).known
    found = looks_again(world.but(had_contact=False, **changes), 60.0)
    assert (found.peer, found.peer_fit, found.up_to_date) == ("unaskable", False, False)
    assert said in found.not_our_pair
    assert found.wrong
    assert found.known is not None
    assert known is not None
    assert found.known.wanted == known.wanted


@pytest.mark.parametrize(("changes", "said"), OTHERS)
def test_an_open_server_that_is_not_the_peer_is_no_second_writer(changes: dict, said: str) -> None:
    found = look_in_full(standby().but(b__access=OPEN, vip=True, **changes))
    assert (found.two_writers, found.ours_to_close) == ("", False)
    assert said in found.not_our_pair


# What this standby has not got -------------------------------------------------------------------


def looks_again(world: World, after: float) -> Findings:
    """Look, remember, look again so many seconds later."""
    remember(world.node, look_in_full(world), holder=False)
    world.pass_time(after)
    found = look_in_full(world)
    remember(world.node, found, holder=False)
    return found


def deaf(version: str = MYSQL, **options: str) -> World:
    """Its receiver is connected and gets nothing: 0 s behind, as far as it knows."""
    world = standby(version, **options)
    world.a.made, world.b.deaf = 40, True  # B has 5 of them
    world.time = 100.0
    return world


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize(("after", "behind"), [(29.0, False), (31.0, True)])
def test_behind(version: str, after: float, behind: bool) -> None:
    """It lacks what the peer had more than max_lag (30 s) ago."""
    found = looks_again(deaf(version), after)
    assert bool(found.behind) == behind == found.wrong
    if behind:
        assert "40" in found.behind
        assert "which the peer had 31 s ago" in found.behind


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_counts_from_when_the_peer_had_it(version: str) -> None:
    """Each look asks for the same until it is here; what came later is no excuse, nor a charge."""
    world = deaf(version)
    assert looks_again(world, 20.0).behind == ""
    world.a.made = 50
    assert looks_again(world, 11.0).behind
    world.b.applied = world.b.received = 40
    found = looks_again(world, 1.0)
    assert found.behind == ""
    assert found.known is not None
    assert "50" in found.known.wanted
    assert looks_again(world, 25.0).behind == ""
    assert looks_again(world, 10.0).behind


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_standby_that_follows_is_never_behind(version: str) -> None:
    world = standby(version)
    for _ in range(5):
        world.a.made += 1000
        assert looks_again(world, 60.0).behind == ""


@pytest.mark.parametrize("trouble", [SILENT, MUTE])
def test_what_a_peer_had_is_kept_until_it_answers_again(trouble: Exception) -> None:
    world = deaf()
    looks_again(world, 1.0)
    looks_again(world.but(a__trouble=trouble), 1.0)
    assert "which the peer had 6" in looks_again(world.but(a__trouble=None), 60.0).behind


@pytest.mark.parametrize("changes", [{"a__access": CLOSED}, {"b__access": OPEN}])
def test_only_a_standby_of_an_open_peer_can_be_behind(changes: dict[str, object]) -> None:
    assert looks_again(deaf().but(**changes), 60.0).behind == ""


@pytest.mark.parametrize(("ours", "theirs"), [(MYSQL, MARIADB), (MARIADB, MYSQL)])
def test_behind_of_two_families_is_not_known(ours: str, theirs: str) -> None:
    found = looks_again(deaf(ours).but(a__version=theirs), 60.0)
    assert (found.peer, found.behind) == ("open", "")


# Contact: all that the peer has, since this mysqld started ----------------------------------------


def newcomer(version: str = MYSQL, **options: str) -> World:
    """B's mysqld has just started and its receiver just connected: 0 s behind, whatever it lacks.

    B has 5 transactions of A, which is open.
    """
    return standby(version, **options).but(had_contact=False, b__deaf=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_contact(version: str) -> None:
    world = newcomer(version)
    assert look(world) == FOLLOWS
    assert world.time < 0.1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_receiver_that_has_just_connected_is_no_contact(version: str) -> None:
    """It is asked for a while, and then unfit, however little it is behind as it says."""
    world = newcomer(version).but(a__made=40)
    found = look(world)
    assert found == Findings(
        peer="open", behind="it has not caught up with the peer since mysqld started"
    )
    assert found.wrong
    assert ERRANT_FOR <= world.time < ERRANT_FOR + 0.2
    assert probe(world.servers.connect_local(1.0), 1.0).channels[0].lag_seconds == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_contact_comes_as_soon_as_it_has_all(version: str) -> None:
    """The peer is asked once: what it writes meanwhile need not have come."""
    world = newcomer(version).but(a__made=40, b__applies=0)
    world.when("sleep", b__received=40, a__made=50)
    assert look(world) == FOLLOWS
    assert world.time < ERRANT_FOR / 2


@pytest.mark.parametrize("version", VERSIONS)
def test_what_waits_in_the_relay_log_has_been_received(version: str) -> None:
    """A promotion applies it before it opens."""
    world = newcomer(version).but(b__applied=2, b__applies=0)
    assert look(world) == FOLLOWS
    assert world.b.applied == 2
    world.b.received = 4
    assert not look(world).up_to_date


@pytest.mark.parametrize("version", VERSIONS)
def test_no_contact_beside_a_closed_peer_is_not_behind(version: str) -> None:
    """Nobody is open: which of the two has more is the promotion's question."""
    world = newcomer(version).but(a__made=40, a__access=CLOSED)
    found = look_in_full(world)
    assert (found.peer, found.up_to_date, found.behind) == ("closed", False, "")
    assert world.time >= ERRANT_FOR


@pytest.mark.parametrize("version", VERSIONS)
def test_contact_is_asked_once(version: str) -> None:
    """What this mysqld lacks later is lag: the peer is not asked for it, nor is it waited for."""
    world = newcomer(version).but(a__made=40, a__access=CLOSED)
    world.a.troubles["AS gtid_mode"] = ServerError(1227, "you need SUPER")
    assert look(world).peer == "closed"  # as it has said before
    found = look(world.but(had_contact=True, time=0.0, b__moved=0.0))
    assert (found.peer, found.up_to_date) == ("closed", True)
    assert world.time < 0.1


@pytest.mark.parametrize(
    ("receiver", "contact"), [("Yes", True), ("Connecting", False), ("No", False)]
)
def test_a_peer_that_has_nothing_yet(receiver: str, contact: bool) -> None:
    """Nothing can be missing, so only a receiver that runs shows that what comes will come."""
    world = newcomer().but(b__receiver=receiver, a__executed=lambda: "")
    assert look(world).up_to_date == contact


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_without_a_channel_there_is_no_contact(version: str) -> None:
    """It has what the peer has, as a copy would, and does not follow."""
    assert not look(newcomer(version).but(b__channels=0)).up_to_date


def test_the_peer_falls_silent_before_contact() -> None:
    assert look(newcomer().but(a__troubles={"AS gtid_mode": MUTE})) == Findings(peer="mute")
