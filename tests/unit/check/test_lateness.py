"""What a standby knows to lack when its peer can no longer be asked (simulation.py)."""

from __future__ import annotations

import contextlib

import pytest

from kachecks.check.deep_look import remember
from kachecks.check.verdict import Findings
from kachecks.mysql.session import ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import Marks
from tests.unit.doubles.check_runs import check, result
from tests.unit.doubles.check_runs import standby as standing_by
from tests.unit.doubles.deep_looks import look_in_full
from tests.unit.doubles.promotions import run
from tests.unit.doubles.simulated_server import CLOSED, OPEN, UUID, Client
from tests.unit.doubles.simulation import (
    MAC,
    MARIADB,
    MUTE,
    MYSQL,
    REFUSED,
    SILENT,
    VERSIONS,
    World,
    active,
    standby,
)

FOR_LONG = [5.0] * 30  # s between the looks
GONE = [REFUSED, SILENT, MUTE, ServerError(1045, "denied")]


def looks(world: World, *after: float) -> Findings:
    found = Findings()
    for seconds in after:
        world.pass_time(seconds)
        found = look_in_full(world)
        remember(world.node, found, world.vip and world.b.access == OPEN)
    return found


def deaf(version: str = MYSQL, **options: str) -> World:
    """B's receiver gets nothing any more; it has 5 of the 40 that A has."""
    world = standby(version, **options).but(a__made=40, b__deaf=True, time=100.0)
    looks(world, 0.0)
    return world


@pytest.mark.parametrize("trouble", GONE)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_standby_that_was_late_stays_late(trouble: Exception, version: str) -> None:
    world = deaf(version)
    assert looks(world, *[5.0] * 7).behind
    found = looks(world.but(a__trouble=trouble), 1.0, *FOR_LONG)
    assert found.behind == ""
    assert "which the peer had 35 s before it was last known to serve" in found.stale
    assert found.wrong


@pytest.mark.parametrize("after", [5.0, 29.0])
def test_a_standby_that_was_not_yet_late_is_fit(after: float) -> None:
    """Counted until the peer was last known to serve, not until now."""
    world = deaf()
    looks(world, after)
    assert looks(world.but(a__trouble=SILENT), 1.0, *FOR_LONG).stale == ""


def test_what_comes_from_the_relay_log_ends_it() -> None:
    world = deaf()
    looks(world, 40.0)
    world.b.received = world.b.applied = 40
    assert looks(world.but(a__trouble=SILENT), 1.0).stale == ""


@pytest.mark.parametrize("trouble", GONE)
def test_a_peer_that_serves_on_unasked(trouble: Exception) -> None:
    """Nothing is received, SQL is cut, and another host answers for the VIP: nobody knows what is
    missing. 30 s of max_lag, and the 8 s in which a peer that hangs lets go."""
    world = standby().but(time=100.0)
    looks(world, 0.0, 5.0)
    world.but(a__trouble=trouble, b__receiver="Connecting", network__holder=MAC)
    assert looks(world, *[5.0] * 5).stale == ""
    assert "s while this server could neither ask it nor receive" in looks(world, *[5.0] * 3).stale
    world.network.holder = ""
    assert looks(world, *FOR_LONG).stale
    assert looks(world.but(a__trouble=None, b__receiver="Yes"), 1.0).stale == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"b__receiver": "Connecting"},  # nobody has the VIP
        {"network__holder": MAC},  # it goes on receiving: a wrong password of [peer]
        {"network__holder": MAC, "b__receiver": "Connecting", "vip": True},
    ],
)
def test_a_peer_that_is_not_known_to_serve(changes: dict[str, object]) -> None:
    world = standby().but(time=100.0)
    looks(world, 0.0, 5.0)
    world.but(a__trouble=SILENT, **changes)
    assert looks(world, *[5.0] * 20).stale == ""


def test_a_peer_that_serves_unasked_ends_the_alone_mark() -> None:
    """A refusal may be a firewall's: whoever has the VIP now may have what this node lacks."""
    world = standby().but(time=100.0, a__trouble=REFUSED, b__receiver="Connecting", alone=True)
    looks(world, 0.0)
    assert world.alone
    looks(world.but(network__holder=MAC), 5.0)
    assert not world.alone


def test_who_has_the_vip_cannot_be_told() -> None:
    world = standby().but(time=100.0, b__receiver="Connecting")
    looks(world, 0.0)
    world.but(a__trouble=SILENT).network.errors["holder?"] = PermissionError("no CAP_NET_RAW")
    assert looks(world, *[5.0] * 20).stale == ""


@pytest.mark.parametrize(("unwatched", "stale"), [(34.0, False), (60.0, True)])
def test_nobody_has_looked_for_long(unwatched: float, stale: bool) -> None:
    """keepalived did not run here, or this node was cut off: the peer may have served all the
    time."""
    world = standby().but(time=100.0)
    looks(world, 0.0)
    found = looks(world.but(a__trouble=SILENT, b__receiver="Connecting"), unwatched)
    assert bool(found.stale) == stale


def test_an_open_server_wants_nothing() -> None:
    world = deaf()
    looks(world, 40.0)
    found = looks(world.but(vip=True, b__access=OPEN, a__trouble=SILENT), 1.0)
    assert found.stale == ""
    assert found.known is not None
    assert found.known.wanted == ""
    assert looks(world.but(vip=False, b__access=CLOSED), 10.0).stale == ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("restarted", [{"b__pid": 4999}, {}])
def test_a_node_that_served_alone_and_was_down(version: str, restarted: dict[str, object]) -> None:
    """Its mysqld recovered for a minute, or it was cut off: the peer was off, and would not have
    opened."""
    world = active(version).but(time=100.0, a__trouble=SILENT, b__receiver="Connecting")
    looks(world, 0.0, 5.0)
    world.but(vip=False, b__access=CLOSED, open_mark=None, **restarted)
    assert looks(world, 60.0, 1.0).stale == ""
    assert run(world.but(vip=True)).done


def test_a_peer_that_has_lived_since_this_node_served_alone() -> None:
    world = active().but(time=100.0, a__trouble=SILENT, b__receiver="Connecting")
    looks(world, 0.0, 5.0)
    world.but(vip=False, b__access=CLOSED, b__received=9, b__applied=9)
    assert "s while this server could neither ask it" in looks(world, 60.0).stale


@pytest.mark.parametrize("version", VERSIONS)
def test_what_waits_in_the_relay_log_is_applied_by_the_promotion(version: str) -> None:
    """A reader has held the applier up for longer than max_lag, and only a promotion cuts it."""
    world = standby(version).but(time=100.0, a__made=40)
    world.b.add(Client("backup", holds_up=True))
    assert looks(world, 0.0, *[5.0] * 8).behind
    world.but(a__trouble=REFUSED, b__receiver="Connecting")
    assert looks(world, *[1.0] * 10).stale == ""
    assert run(world.but(vip=True)).done
    assert world.b.applied == 40


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_peer_itself_has_lost(version: str) -> None:
    """It was set up anew, or crashed before its log was on its disk: nobody can send it."""
    world = deaf(version)
    looks(world, 5.0)
    assert not looks(world.but(a__made=5, b__deaf=False), *FOR_LONG).behind


def test_what_the_peer_has_lost_besides() -> None:
    """It does not make this server less late."""
    world = deaf()
    looks(world, 5.0)
    assert looks(world.but(a__made=39), *[5.0] * 7).behind
    assert "1:6-39" in looks(world.but(a__trouble=SILENT), 1.0).stale


# What GTIDs do not tell ---------------------------------------------------------------------------

UNTOLD = "so nobody knows what is missing"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_position_set_too_high_by_hand(version: str) -> None:
    """Its source refuses the receiver (1236), and by its GTIDs it has all that the peer will ever
    write."""
    world = standby(version).but(time=100.0)
    looks(world, 0.0)
    world.but(b__receiver="No", b__received=90_000, b__applied=90_000)
    for made in range(10, 20):
        found = looks(world.but(a__made=made), 4.0)
    assert UNTOLD in found.behind
    found = looks(world.but(a__trouble=REFUSED), 1.0, *FOR_LONG)
    assert "the peer has served for" in found.stale
    assert UNTOLD in found.stale
    assert UNTOLD in run(world.but(vip=True)).why
    world.but(a__trouble=None, a__access=CLOSED)
    assert "which the peer should have made" in run(world).why
    assert UNTOLD in looks(rebooted(world.but(a__trouble=REFUSED)), 1.0).stale


def test_a_peer_that_has_lost_its_last_commits_in_a_crash() -> None:
    """It was not seen to serve without them: this server is the better choice."""
    world = standby().but(time=100.0, a__made=90, b__received=90, b__applied=90)
    looks(world, 0.0)
    looks(world.but(a__made=80, a__access=CLOSED), *FOR_LONG)
    assert run(world.but(vip=True)).done


def test_a_receiver_that_was_stopped_beside_an_idle_peer() -> None:
    """What the peer wrote after the last look nobody knows."""
    world = standby().but(time=100.0)
    looks(world, 0.0)
    looks(world.but(b__receiver="No"), *[5.0] * 7)
    assert UNTOLD in looks(world.but(a__trouble=SILENT), 1.0).stale


@pytest.mark.parametrize("state", ["No", "Connecting"])
def test_a_receiver_that_is_down_for_a_moment(state: str) -> None:
    world = standby().but(time=100.0)
    for _ in range(10):
        assert not looks(world.but(b__receiver=state), 5.0, 5.0).behind
        assert not looks(world.but(b__receiver="Yes"), 5.0).behind
    looks(world.but(b__receiver=state), 5.0)
    assert looks(world.but(a__trouble=SILENT), 1.0, *FOR_LONG).stale == ""
    assert run(world.but(vip=True)).done


def test_a_receiver_that_comes_back_after_long() -> None:
    """What was written meanwhile is wanted, and has been for as long."""
    world = standby().but(time=100.0)
    looks(world, 0.0)
    looks(world.but(b__receiver="No"), *[5.0] * 7)
    looks(world.but(a__made=40), 5.0)
    assert "1:6-40" in looks(world.but(b__receiver="Yes", b__deaf=True), 1.0).behind
    assert looks(world.but(b__deaf=False), 1.0, 1.0).behind == ""
    assert looks(world.but(a__trouble=SILENT), 1.0).stale == ""


def test_a_receiver_that_is_down_beside_a_closed_peer() -> None:
    """Neither serves, so nothing is missed."""
    world = standby().but(time=100.0, a__access=CLOSED, b__receiver="No")
    looks(world, *FOR_LONG)
    assert looks(world.but(a__trouble=SILENT), 1.0).stale == ""


def beside_a_reset_peer(version: str) -> tuple[World, Findings]:
    """RESET BINARY LOGS AND GTIDS on the active node: it counts anew, below what is here."""
    world = standby(version).but(time=100.0, a__made=90, b__received=90, b__applied=90)
    looks(world, 0.0)
    world.but(a__made=1)
    for made in range(2, 12):
        found = looks(world.but(a__made=made), 4.0)
    return world, found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_peers_gtids_were_reset(version: str) -> None:
    world, found = beside_a_reset_peer(version)
    assert "the peer's GTIDs were reset, or it was restored" in found.errant
    looks(world.but(a__access=CLOSED), 1.0)  # its mysqld is restarted
    assert "which the peer should have made" in run(world.but(vip=True)).why
    world.but(vip=False)
    found = looks(world.but(a__trouble=REFUSED, b__receiver="Connecting"), 1.0)
    assert UNTOLD in found.stale
    assert UNTOLD in run(world.but(vip=True)).why


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_while_the_peer_does_not_tell_how_it_replicates(version: str) -> None:
    world, _ = beside_a_reset_peer(version)
    waits = {"REPLICA STATUS": MUTE, "SLAVES STATUS": MUTE}
    for _ in range(4):
        found = looks(world.but(a__troubles=waits), 4.0)
    assert "the peer's GTIDs were reset" in found.errant
    looks(world.but(a__trouble=REFUSED, b__receiver="Connecting"), 1.0)
    assert UNTOLD in run(world.but(vip=True)).why


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_on_its_way_is_no_reset(version: str) -> None:
    """A source commits a moment after its replica where it waits for that (AFTER_SYNC)."""
    world = standby(version).but(a__made=8, b__received=9, b__applied=9)
    world.when("sleep", a__made=9)
    assert not look_in_full(world).reset


# What was received and thrown away ----------------------------------------------------------------

THROWN_AWAY = "which is neither applied nor in its relay log any more"


def behind_by_its_relay_log(version: str = MYSQL, **options: str) -> World:
    """B has received 40 of A's, of which it has applied 5; then A dies."""
    world = standby(version, **options).but(time=100.0, a__made=40, b__received=40, b__applies=0)
    looks(world, 0.0)
    return world.but(a__trouble=REFUSED, b__receiver="Connecting")


def thrown_away(world: World) -> World:
    """STOP REPLICA; CHANGE REPLICATION SOURCE TO ...; START REPLICA."""
    return world.but(b__received=world.b.applied, b__applies=1000)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_received_and_thrown_away(version: str) -> None:
    world = behind_by_its_relay_log(version)
    assert looks(world, 1.0).stale == ""
    found = looks(thrown_away(world), 1.0, *FOR_LONG)
    assert THROWN_AWAY in found.stale
    assert "40" in found.stale
    assert THROWN_AWAY in run(world.but(vip=True)).why
    assert THROWN_AWAY in looks(rebooted(world), 1.0).stale
    assert looks(world.but(a__trouble=None, b__receiver="Yes"), 1.0, 1.0).stale == ""
    assert looks(world.but(a__trouble=SILENT), 1.0).stale == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_thrown_away_while_it_is_applied(version: str) -> None:
    """It came after the last look."""
    world = standby(version).but(time=100.0)
    looks(world, 0.0)
    world.but(a__made=40, b__received=40, b__applies=1, vip=True)
    world.but(a__trouble=REFUSED, b__receiver="Connecting")
    world.when("sleep", b__received=8, b__applied=8)
    for _ in range(2):
        assert THROWN_AWAY in run(world).why


def test_what_was_thrown_away_is_given_up() -> None:
    world = thrown_away(behind_by_its_relay_log(on_stale_replica="open"))
    assert run(world.but(vip=True)).outcome == "opened"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_received_and_applied(version: str) -> None:
    world = behind_by_its_relay_log(version).but(b__applies=1000, vip=True)
    assert run(world).outcome == "opened"


def test_what_the_operator_lets_go() -> None:
    """on_drain_timeout = open: it is still in the relay log."""
    world = behind_by_its_relay_log(on_drain_timeout="open").but(vip=True)
    assert run(world).outcome == "opened"


def test_what_the_peer_has_lost_is_not_waited_for() -> None:
    world = behind_by_its_relay_log()
    looks(thrown_away(world).but(a__trouble=None, a__made=6, b__receiver="Yes"), 1.0)
    assert looks(world.but(a__trouble=SILENT), 1.0).stale == ""


# The mark on the disk ----------------------------------------------------------------------------


def rebooted(world: World) -> World:
    world.last_look = None
    return world


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_is_known_after_a_reboot(version: str) -> None:
    world = deaf(version)
    looks(world, 35.0)
    assert world.node.known_late.read(world.time) is not None
    rebooted(world).but(a__trouble=SILENT)
    assert "35 s before it was last known to serve" in looks(world, 0.0, 5.0).stale


@pytest.mark.parametrize(
    "changes", [{"b__received": 40, "b__applied": 40}, {"vip": True, "b__access": OPEN}]
)
def test_the_mark_goes_as_soon_as_it_has_everything_or_is_open(changes: dict[str, object]) -> None:
    world = deaf()
    looks(world, 35.0)
    looks(rebooted(world).but(**changes), 1.0)
    assert world.node.known_late.read(world.time) is None


def test_the_look_is_kept_before_the_disk_is_written() -> None:
    """A disk may take its time, and a promotion that goes by the look would know nothing."""
    world = deaf()
    lacking = []

    def note() -> None:
        assert world.last_look is not None
        lacking.append(world.last_look.known.lacking)

    world.when("mark late", note)
    looks(world, 35.0)
    assert lacking
    assert lacking[0] > 30


def test_the_mark_is_set_where_no_look_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """/run is full: after a reboot only the disk knows."""
    world = deaf()

    def full(_marks: Marks, _look: object) -> None:
        raise StateError("No space left on device")

    monkeypatch.setattr(Marks, "remember_look", full)
    with contextlib.suppress(StateError):
        looks(world, 35.0)
    assert world.node.known_late.read(world.time) is not None


def test_the_disk_is_written_once() -> None:
    world = deaf()
    looks(world, 35.0, 1.0, 1.0)
    assert world.log.count("mark late") == 1
    world.log.clear()
    world.b.received = world.b.applied = 40
    looks(world, 1.0, 1.0)
    assert world.log.count("unmark late") == 1


# The verdict -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "status"), [("refuse", 29), ("open", 0)])
def test_a_stale_standby_is_unfit(policy: str, status: int) -> None:
    world = standing_by(on_stale_replica=policy).but(a__made=40, b__deaf=True)
    world.last_look = None
    check(world)
    world.pass_time(35.0)
    assert result(world) == ("LAG", 24, "standby")
    world.but(a__trouble=SILENT, b__receiver="Connecting").pass_time(1.0)
    assert result(world) == ("STALE", status, "standby")
    world.pass_time(1.0)
    assert result(world) == ("STALE", status, "standby")


def test_what_was_remembered_and_is_no_position_is_asked_for_anew() -> None:
    """This server answers with 1772 when it is compared; it is late from then on all the same."""
    world = deaf()
    last = world.node.marks.last_look()
    assert last is not None
    nonsense = last.known._replace(wanted=f"{UUID[1]}:0")
    world.node.marks.remember_look(last._replace(known=nonsense))
    assert looks(world, *[5.0] * 8).behind
    assert looks(world.but(a__trouble=REFUSED), 1.0).stale
