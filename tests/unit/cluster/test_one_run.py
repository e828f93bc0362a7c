"""One run of the check on a member: what it sees, and the marks it leaves."""

from __future__ import annotations

import pytest

from kachecks.cluster.one_run import Run
from kachecks.cluster.verdict import GRACE, MemberVerdict
from kachecks.mysql import cluster_queries as queries
from kachecks.mysql.disks import Disks
from kachecks.mysql.errors import Lost, NoAnswer, Refused, ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import GaveWay, Unopened
from tests.unit.doubles.cluster_world import GALERA, GROUP, PROCESS, ClusterWorld, no_act


def check(world: ClusterWorld, act: bool = True) -> MemberVerdict:
    run = Run(world.node, act)
    try:
        return run.act_on(run.look())
    finally:
        run.close()
        assert all(session.ended for session in world.member.sessions)


def checked(world: ClusterWorld, act: bool = True) -> tuple[str, int]:
    verdict = check(world, act)
    return verdict.reason, verdict.status


@pytest.fixture
def holder() -> ClusterWorld:
    world = ClusterWorld(GROUP, "primary")
    world.vip = True
    world.earlier_answers()
    return world


@pytest.fixture
def standby() -> ClusterWorld:
    world = ClusterWorld(GROUP, "secondary")
    world.earlier_answers()
    return world


@pytest.mark.parametrize(("kind", "state"), [(GROUP, "primary"), (GALERA, "synced")])
def test_a_good_check(kind: str, state: str) -> None:
    world = ClusterWorld(kind, state)
    world.vip = True
    assert checked(world) == ("OK", 0)
    assert world.open_mark == world.last_server == PROCESS
    assert world.permit


def test_the_session_is_freed_before_anything_is_asked() -> None:
    """A consistency that is set globally would hold the questions up."""
    for kind, state, first in (
        (GROUP, "primary", queries.UNBOUND_GROUP),
        (GALERA, "synced", queries.UNBOUND_GALERA),
    ):
        world = ClusterWorld(kind, state)
        check(world, act=False)
        assert world.member.asked[0] == first


def test_a_server_of_neither_kind_is_no_member(standby: ClusterWorld) -> None:
    standby.member.loaded = False
    verdict = check(standby)
    assert (verdict.reason, verdict.status) == ("NOT_A_MEMBER", 41)
    assert "peer in place of cluster = yes" in verdict.sentence
    asked = standby.member.asked
    assert asked == [queries.UNBOUND_GROUP, queries.UNBOUND_GALERA]


def test_without_act_nothing_is_left_behind(holder: ClusterWorld) -> None:
    with no_act(holder):
        assert checked(holder, act=False) == ("OK", 0)
    holder.member.state = "cut"
    with no_act(holder):
        assert checked(holder, act=False) == ("NO_QUORUM", 40)


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        (Refused("nobody listens"), ("MYSQLD_DOWN", 10)),
        (NoAnswer("no answer"), ("MYSQLD_HUNG", 11)),
        (ServerError(1040, "Too many connections"), ("TOO_MANY_CONNECTIONS", 0)),
        (ServerError(1045, "Access denied"), ("UNKNOWN", 0)),
    ],
)
def test_a_server_that_cannot_be_asked(
    holder: ClusterWorld, trouble: Exception, answer: tuple[str, int]
) -> None:
    holder.member.trouble = trouble  # type: ignore[assignment]
    assert checked(holder) == answer


def test_a_lost_session_is_tried_again_within_the_time(holder: ClusterWorld) -> None:
    holder.member.trouble = Lost("it has gone")
    begun = holder.time
    assert checked(holder) == ("MYSQLD_HUNG", 11)
    assert holder.node.config.hung_after <= holder.time - begun < 4


def test_a_missing_socket_is_no_death(holder: ClusterWorld) -> None:
    check(holder)
    holder.servers.listening = "/bound.sock"
    holder.member.trouble = Refused("nobody listens")
    assert checked(holder) == ("UNKNOWN", 0)


def test_a_missing_privilege_says_which_file_has_the_grants(standby: ClusterWorld) -> None:
    standby.member.troubles["replication_group_members"] = ServerError(1142, "SELECT denied")
    verdict = check(standby)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 30)
    assert "keepalived-snippets" in verdict.sentence


def test_after_a_cut_the_same_view_is_believed_only_when_the_group_answers(
    holder: ClusterWorld,
) -> None:
    holder.member.state = "cut"
    assert checked(holder) == ("NO_QUORUM", 40)
    view = holder.member.members()[0]["VIEW_ID"]
    holder.member.state = "primary"
    for row in holder.member.members():
        holder.member.rows_changed[str(row["MEMBER_PORT"])] = {"VIEW_ID": str(view)}
    holder.member.answers_group = False
    assert checked(holder) == ("STALE_VIEW", 44)
    assert checked(holder, act=False) == ("STALE_VIEW", 44)
    holder.member.answers_group = True
    assert checked(holder) == ("OK", 0)
    holder.member.answers_group = False  # it is asked no more
    assert checked(holder) == ("OK", 0)


def test_after_a_cut_another_view_is_the_group_s_word(holder: ClusterWorld) -> None:
    holder.member.state = "cut"
    check(holder)
    holder.member.state = "primary"
    for row in holder.member.members():
        holder.member.rows_changed[str(row["MEMBER_PORT"])] = {"VIEW_ID": "17:99"}
    holder.member.answers_group = False
    assert checked(holder) == ("OK", 0)


@pytest.mark.parametrize(("paused", "answer"), [(4, ("OK", 0)), (5, ("STALE_VIEW", 44))])
def test_after_a_pause_the_group_is_asked(
    holder: ClusterWorld, paused: float, answer: tuple[str, int]
) -> None:
    """The others may have expelled it after 5 s."""
    check(holder)
    holder.time += paused + 0.1
    holder.member.answers_group = False
    assert checked(holder) == answer


def test_a_holder_that_is_no_writer_has_a_moment(standby: ClusterWorld) -> None:
    standby.vip = True
    assert checked(standby) == ("NOT_WRITER", 0)
    standby.time += GRACE
    standby.earlier_answers()
    assert checked(standby) == ("NOT_WRITER", 45)
    assert standby.gave_way is not None
    assert standby.gave_way.why.startswith("NOT_WRITER: the VIP is here, and")
    standby.earlier_answers()
    assert checked(standby) == ("GAVE_WAY", 16)


def test_a_hook_at_work_has_the_time_it_takes(standby: ClusterWorld) -> None:
    standby.vip, standby.locked_by = True, "promote"
    check(standby)
    standby.time += 2 * GRACE
    standby.earlier_answers()
    assert checked(standby) == ("NOT_WRITER", 0)


def test_who_has_served_and_lost_its_role_gives_way_at_once(holder: ClusterWorld) -> None:
    """The newest primary wins: it is not taken back."""
    assert checked(holder) == ("OK", 0)
    holder.member.state = "secondary"
    assert checked(holder) == ("NOT_WRITER", 45)


def test_but_not_while_it_hands_over(holder: ClusterWorld) -> None:
    check(holder)
    holder.member.state = "secondary"
    holder.leaving = True
    assert checked(holder) == ("NOT_WRITER", 0)


def test_nor_with_what_it_was_before_the_vip_left(holder: ClusterWorld) -> None:
    check(holder)
    holder.vip, holder.member.state = False, "secondary"
    assert checked(holder) == ("OK", 0)
    assert holder.open_mark is None
    holder.vip = True
    assert checked(holder) == ("NOT_WRITER", 0)


def test_who_is_writer_again_begins_anew(standby: ClusterWorld) -> None:
    standby.vip = True
    check(standby)
    assert standby.node.marks.unopened() == Unopened(pytest.approx(standby.time, abs=1))
    standby.member.state = "primary"
    assert checked(standby) == ("OK", 0)
    assert standby.node.marks.unopened() is None


@pytest.mark.parametrize(
    ("seconds", "adverts", "elsewhere", "answer"),
    [
        (1, False, "", ("GAVE_WAY", 16)),
        (11, False, "", ("OK", 0)),
        (11, False, "02:00:00:00:00:09", ("GAVE_WAY", 16)),
        (1, True, "02:00:00:00:00:09", ("OK", 0)),
    ],
)
def test_when_a_node_that_gave_way_returns(
    standby: ClusterWorld, seconds: float, adverts: bool, elsewhere: str, answer: tuple[str, int]
) -> None:
    standby.gave_way = GaveWay(standby.time, "superseded")
    standby.time += seconds
    standby.earlier_answers()
    standby.network.adverts, standby.network.holder = adverts, elsewhere
    standby.permit = False
    assert checked(standby) == answer
    assert standby.permit is (answer == ("OK", 0))
    assert (standby.gave_way is None) is (answer == ("OK", 0))


def test_a_full_disk_moves_the_vip_once(holder: ClusterWorld) -> None:
    check(holder)
    holder.servers.disks = Disks(full="/data has 1 MB left")
    holder.time += holder.node.config.peer_check
    holder.earlier_answers()
    assert checked(holder) == ("DISK_FULL", 13)
    assert holder.gave_way is not None


def test_a_disk_that_was_full_before_the_vip_came_keeps_it(standby: ClusterWorld) -> None:
    standby.servers.disks = Disks(full="/data has 1 MB left")
    assert checked(standby) == ("DISK_FULL", 0)
    standby.vip, standby.member.state = True, "primary"
    assert checked(standby) == ("DISK_FULL", 0)


@pytest.mark.parametrize(("expel", "seconds"), [("0", 12), ("5", 30)])
def test_no_check_fails_while_the_engine_makes_up_its_mind(
    holder: ClusterWorld, expel: str, seconds: float
) -> None:
    """All writers wait then, everywhere."""
    holder.member.changed["expel_seconds"] = expel
    begun = holder.time
    failed_after = None
    while failed_after is None and holder.time < begun + 60:
        age = int(holder.time - begun) + 2
        row: dict[str, str | None] = {"Id": "7", "User": "app", "Host": "10.0.0.10:1", "db": None}
        row.update(Command="Query", Time=str(age), State="waiting for handler commit", Info="x")
        holder.member.processes = [row]
        if checked(holder)[1]:
            failed_after = holder.time - begun
        holder.time += 1
    assert failed_after is not None
    assert seconds <= failed_after < seconds + 3


def test_without_a_run_directory_the_vip_stays(holder: ClusterWorld) -> None:
    holder.files.error = StateError("cannot write /run/kachecks")
    assert checked(holder) == ("UNKNOWN", 0)
    holder.vip = False
    assert checked(holder) == ("UNKNOWN", 30)


def test_a_link_that_cannot_be_asked_is_no_proof(standby: ClusterWorld) -> None:
    standby.servers.disks = Disks(full="/data has 1 MB left")
    standby.network.errors["holder"] = OSError(19, "no such device")
    assert checked(standby) == ("UNKNOWN", 30)
    assert checked(standby, act=False) == ("UNKNOWN", 30)


def test_the_vip_may_come_while_a_standby_is_judged(standby: ClusterWorld) -> None:
    standby.member.state = "offline"
    standby.when("replication_group_members", standby.becomes(vip=True))
    verdict = check(standby)
    assert (verdict.status, verdict.role) == (41, "holder")
