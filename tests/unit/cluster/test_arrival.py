"""The VIP comes, the VIP leaves: what the hooks do on a member of a cluster."""

from __future__ import annotations

import pytest

from kachecks.cluster.arrival import DONE, HOLDER_LEAVES, PATIENCE, PULL, next_step
from kachecks.cluster.reconcile import reconcile
from kachecks.mysql.errors import NoAnswer, Refused, ServerError
from kachecks.state.marks import GaveWay
from kachecks.transitions.record import Outcome
from tests.unit.cluster.test_facts import group
from tests.unit.doubles.cluster_world import GALERA, GROUP, PROCESS, ClusterWorld

SWITCH = "group_replication_set_as_primary"
REFUSED = ServerError(1123, "Can't initialize function: a member is joining")


@pytest.fixture
def world() -> ClusterWorld:
    """The VIP has come to a secondary."""
    world = ClusterWorld(GROUP, "secondary")
    world.vip = True
    return world


def run(world: ClusterWorld) -> Outcome:
    outcome = reconcile(world.node, "notify_master", 5.0)
    assert world.locked_by == ""
    assert all(session.ended for session in world.member.sessions)
    return outcome


def pulls(world: ClusterWorld) -> list[str]:
    return [line for line in world.log if SWITCH in line]


def state_of(world: ClusterWorld, port: str, state: str) -> None:
    world.member.rows_changed.setdefault(port, {})["MEMBER_STATE"] = state


def test_a_secondary_makes_itself_the_primary_once_and_with_a_time_out(world: ClusterWorld) -> None:
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("opened", True)
    assert pulls(world) == [f"SELECT {SWITCH}('{world.member.uuid}', 5) AS said"]
    assert world.open_mark == PROCESS
    assert world.recorded[0]["outcome"] == "opened"


def test_a_primary_has_nothing_to_do() -> None:
    world = ClusterWorld(GROUP, "primary")
    world.vip = True
    outcome = run(world)
    assert (outcome.outcome, outcome.changed) == ("already open", False)
    assert pulls(world) == []
    assert world.open_mark == PROCESS


def test_a_new_primary_is_waited_for_while_it_applies(world: ClusterWorld) -> None:
    world.member.state = "primary"
    world.member.changed["super_read_only"] = "1"
    world.when("sleep", world.then("sleep", lambda: world.member.changed.clear()))
    assert run(world).outcome == "already open"


def test_a_dead_primary_is_waited_for_and_not_pulled_from(world: ClusterWorld) -> None:
    state_of(world, "3402", "UNREACHABLE")
    ends = world.time + 6
    world.when("sleep", lambda: None, after=0)
    world.when("replication_group_members", lambda: state_of(world, "3402", "ONLINE"), after=ends)
    assert run(world).outcome == "opened"
    assert world.time >= ends


def test_a_dead_primary_that_is_never_expelled_gives_the_vip_back(world: ClusterWorld) -> None:
    state_of(world, "3402", "UNREACHABLE")
    begun = world.time
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("refused", False)
    assert 12 <= world.time - begun < 13  # expel_timeout 0
    assert world.gave_way is not None
    assert world.permit is False
    assert not world.vip
    assert pulls(world) == []


def test_while_a_member_joins_nobody_is_made_primary(world: ClusterWorld) -> None:
    state_of(world, "3403", "RECOVERING")
    begun = world.time
    outcome = run(world)
    assert "127.0.0.1 port 3403 joins" in outcome.why
    assert PATIENCE <= world.time - begun < PATIENCE + 1
    assert pulls(world) == []


def test_without_a_quorum_nothing_is_done(world: ClusterWorld) -> None:
    world.member.state = "cut"
    world.member.make_primary("another")
    assert run(world).outcome == "refused"
    assert pulls(world) == []


def test_a_group_that_does_not_answer_is_asked_before_anything_is_begun(
    world: ClusterWorld,
) -> None:
    """All look ONLINE for 5 s after a cut; the switch would come when it has healed."""
    world.member.answers_group = False
    outcome = run(world)
    assert (outcome.done, outcome.why) == (False, "the group does not answer this member")
    assert pulls(world) == []


def test_another_host_with_the_vip_is_waited_for(world: ClusterWorld) -> None:
    world.network.holder = "02:00:00:00:00:09"
    begun = world.time
    world.when("sleep", world.then("sleep", lambda: setattr(world.network, "holder", "")))
    assert run(world).outcome == "opened"
    assert world.time - begun < HOLDER_LEAVES


def test_another_host_that_keeps_the_vip_is_not_waited_for_for_ever(world: ClusterWorld) -> None:
    """Its keepalived has died, or does not hear this one: the engine closes its server."""
    world.network.holder = "02:00:00:00:00:09"
    begun = world.time
    assert run(world).outcome == "opened"
    assert HOLDER_LEAVES <= world.time - begun < HOLDER_LEAVES + 0.5
    assert len(pulls(world)) == 1


def test_a_link_that_cannot_be_asked_holds_nobody_up(world: ClusterWorld) -> None:
    world.network.errors["holder"] = PermissionError(1, "Operation not permitted")
    assert run(world).outcome == "opened"


def test_who_is_refused_tries_again_and_then_gives_way(world: ClusterWorld) -> None:
    """Another switch may be under way, whose end is not far."""
    world.member.troubles[SWITCH] = REFUSED
    begun = world.time
    assert "1123" in run(world).why
    assert PATIENCE <= world.time - begun < PATIENCE + 1


def test_a_refusal_that_ends(world: ClusterWorld) -> None:
    world.member.troubles[SWITCH] = REFUSED
    world.when("sleep", world.then("sleep", lambda: world.member.troubles.clear()))
    assert run(world).outcome == "opened"


def test_a_switch_without_an_answer_is_not_begun_again(world: ClusterWorld) -> None:
    world.member.troubles[SWITCH] = NoAnswer("no answer")
    outcome = run(world)
    assert outcome.why.startswith("the group has not answered for")
    asked = [sql for sql in world.member.asked if SWITCH in sql]
    assert len(asked) == 1


def test_who_loses_the_role_meanwhile_does_not_take_it_back(world: ClusterWorld) -> None:
    other = str(world.member.members()[2]["MEMBER_ID"])
    world.member.uuid  # noqa: B018 - the rows are there
    original = world.member.make_primary
    world.member.make_primary = lambda _id: original(other)  # type: ignore[method-assign]
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert len(pulls(world)) == 1


@pytest.mark.parametrize("when", ["replication_group_members", "sleep"])
def test_a_vip_that_leaves_again(world: ClusterWorld, when: str) -> None:
    state_of(world, "3402", "UNREACHABLE")
    world.servers.ports_through_vip = {40000}
    world.when(when, world.lose_vip)
    outcome = run(world)
    assert (outcome.transition, outcome.outcome) == ("demote", "left")
    assert "1 client connections through the VIP were cut" in outcome.why
    assert pulls(world) == []


@pytest.mark.parametrize("mark", ["leaving", "gave_way"])
def test_who_is_leaving_pulls_nothing(world: ClusterWorld, mark: str) -> None:
    setattr(world, mark, True if mark == "leaving" else GaveWay(world.time, "superseded"))
    assert run(world).outcome in ("left", "not now")
    assert pulls(world) == []


def test_another_hook_at_work_is_not_disturbed(world: ClusterWorld) -> None:
    world.locked_by = "promote"
    outcome = reconcile(world.node, "notify_master", 5.0)
    assert outcome.outcome == "lock busy"
    assert pulls(world) == []


def test_a_server_that_answers_late_is_asked_again(world: ClusterWorld) -> None:
    world.member.trouble = Refused("nobody listens")
    world.when("sleep", lambda: setattr(world.member, "trouble", None))
    assert run(world).outcome == "opened"


def test_a_dead_server_gives_the_vip_back(world: ClusterWorld) -> None:
    world.member.trouble = Refused("nobody listens")
    assert run(world).outcome == "refused"
    assert not world.vip


def test_a_server_without_an_engine_opens_nothing(world: ClusterWorld) -> None:
    world.member.loaded = False
    assert "neither Galera nor Group Replication" in run(world).why


def test_the_steps_of_the_rule() -> None:
    assert next_step(group("primary"), False) is DONE
    assert next_step(group("secondary"), False) is PULL
    assert next_step(group("secondary"), True) is not PULL
    assert (
        "no member is PRIMARY"
        in next_step(
            group("secondary")._replace(
                members=tuple(
                    each._replace(role="SECONDARY") for each in group("secondary").members
                )
            ),
            False,
        ).why
    )


@pytest.mark.parametrize(
    ("writers", "state", "opened"),
    [("one", "read_only", True), ("any", "read_only", False), ("one", "synced", False)],
)
def test_galera_opens_its_one_writer(writers: str, state: str, opened: bool) -> None:
    world = ClusterWorld(GALERA, state, writers=writers)
    world.vip = True
    outcome = run(world)
    assert outcome.done
    assert ("SET GLOBAL read_only = 0" in world.log) is opened


def test_galera_without_a_quorum_gives_the_vip_back() -> None:
    world = ClusterWorld(GALERA, "non_primary", writers="one")
    world.vip = True
    assert run(world).outcome == "refused"
    assert "SET GLOBAL read_only = 0" not in world.log


@pytest.mark.parametrize("closes", [True, False])
def test_the_vip_has_left_galera(closes: bool) -> None:
    world = ClusterWorld(GALERA, "synced", writers="one" if closes else "any")
    world.servers.ports_through_vip = {40000, 40001}
    outcome = reconcile(world.node, "notify_backup", 5.0)
    assert (outcome.outcome, outcome.done) == ("left", True)
    assert ("SET GLOBAL read_only = 1" in world.log) is closes
    assert "end sessions through the VIP" in world.log


def test_group_replication_s_read_only_is_never_touched() -> None:
    world = ClusterWorld(GROUP, "primary", writers="one")
    reconcile(world.node, "notify_backup", 5.0)
    assert not [line for line in world.member.asked if "read_only =" in line]


def test_where_sockets_cannot_be_taken_sessions_are_killed() -> None:
    world = ClusterWorld(GROUP, "primary")
    world.servers.may_take = False
    world.servers.ports_through_vip = {40000}
    row: dict[str, str | None] = {"User": "app", "db": None, "Command": "Sleep", "Time": "1"}
    row.update(State="", Info=None)
    world.member.processes = [
        {**row, "Id": "7", "Host": "10.0.0.10:40000"},
        {**row, "Id": "8", "Host": "10.0.0.10:40001"},
        {**row, "Id": "9", "Host": "localhost"},
    ]
    outcome = reconcile(world.node, "notify_backup", 5.0)
    assert [line for line in world.log if line.startswith("KILL")] == ["KILL 7"]
    assert outcome.why == "1 client connections through the VIP were cut"


def test_a_hung_server_s_clients_are_cut_without_asking_it() -> None:
    world = ClusterWorld(GROUP, "primary")
    world.node.marks.remember_server(PROCESS, sockets=("/s.sock", "/bound.sock"))
    world.servers.ports_through_vip = {40000}
    world.member.trouble = NoAnswer("no answer")
    outcome = reconcile(world.node, "notify_backup", 5.0)
    assert outcome.why.startswith("1 client connections through the VIP were cut")
    assert outcome.done
