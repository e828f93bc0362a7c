"""notify_down on a member of a cluster: nothing is closed, the VIP is handed over."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from kachecks.cluster.handing_over import SUCCESSOR, objections
from kachecks.commands.switchover.command import IGNORED, switch
from kachecks.hooks.common import DONE, REFUSED
from kachecks.hooks.notify_down import leave
from kachecks.mysql.errors import Refused
from tests.unit.doubles.cluster_world import GALERA, GROUP, ClusterWorld
from tests.unit.hooks.test_notify_down import options

STOP = "stop keepalived"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """A switchover ignores some; this process goes on."""
    before = {each: signal.getsignal(each) for each in IGNORED}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture
def holder() -> ClusterWorld:
    """The primary, with the VIP; another host gets it when it leaves."""
    world = ClusterWorld(GROUP, "primary")
    world.vip = True
    world.permit = True
    other = str(world.member.members()[0]["MEMBER_ID"])

    def takes_over() -> None:
        world.network.holder = "02:00:00:00:00:09"
        world.member.make_primary(other)

    world.when("end sessions", takes_over)
    return world


def run(world: ClusterWorld, **given: bool) -> int:
    status = leave(world.node, options(**given))
    assert world.locked_by == ""
    assert all(session.ended for session in world.member.sessions)
    return status


def happens_when_cut(world: ClusterWorld) -> None:
    """end_sessions_through_vip says its line without an event of its own."""
    real = world.servers.end_sessions_through_vip

    def cut(process: object) -> set[str]:
        found = real(process)  # type: ignore[arg-type]
        world.happening("end sessions")
        return found

    world.servers.end_sessions_through_vip = cut  # type: ignore[method-assign]


def test_the_vip_goes_first_and_keepalived_last(
    holder: ClusterWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    happens_when_cut(holder)
    assert run(holder) == DONE
    holder.order("find keepalived", "mark leaving", "permit 0", "end sessions", STOP)
    assert not [line for line in holder.log if "read_only" in line or "SIGKILL" in line]
    assert "another member has the VIP and is the writer" in capsys.readouterr().out
    assert [entry["outcome"] for entry in holder.recorded] == ["handed over"]


def test_a_switchover_stops_nothing(
    holder: ClusterWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    happens_when_cut(holder)
    assert switch(holder.node) == 0
    assert STOP not in holder.log
    assert capsys.readouterr().out.startswith("handed over: another member has the VIP and is the")
    assert [entry["cause"] for entry in holder.recorded] == ["kachecks switchover"]
    assert holder.locked_by == ""


@pytest.mark.parametrize("where", ["elsewhere", "alone", "busy"])
def test_a_switchover_that_is_refused(holder: ClusterWorld, where: str) -> None:
    if where == "elsewhere":
        holder.vip = False
    elif where == "busy":
        holder.locked_by = "promote"
    else:
        holder.member.state = "cut"
    assert switch(holder.node) == 1
    assert "permit 0" not in holder.log
    assert holder.permit


def test_without_a_fit_member_nothing_is_changed(
    holder: ClusterWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in holder.member.members():
        if row["MEMBER_ROLE"] != "PRIMARY":
            holder.member.rows_changed[str(row["MEMBER_PORT"])] = {"queued": "5000"}
    assert run(holder) == REFUSED
    assert holder.vip
    assert holder.permit
    assert STOP not in holder.log
    told = capsys.readouterr().out
    assert "no other member is fit to take over" in told
    assert "keepalived is left running\n" in told


@pytest.mark.parametrize("given", ["force", "keep_keepalived"])
def test_who_must_go_goes(holder: ClusterWorld, given: str) -> None:
    holder.member.rows_changed["3401"] = {"MEMBER_STATE": "RECOVERING"}
    happens_when_cut(holder)
    run(holder, **{given: True})
    assert "permit 0" in holder.log
    assert (STOP in holder.log) is (given == "force")


def test_keepalived_that_does_not_heed_the_permit_keeps_the_vip(holder: ClusterWorld) -> None:
    holder.vip_takes = float("inf")
    assert run(holder) == REFUSED
    assert holder.permit
    assert not holder.leaving
    assert "end sessions through the VIP" not in holder.log
    assert STOP not in holder.log


def test_nobody_takes_over(holder: ClusterWorld) -> None:
    begun = holder.time
    assert run(holder) == REFUSED
    assert SUCCESSOR <= holder.time - begun < SUCCESSOR + 3
    assert STOP not in holder.log


def test_a_standby_cuts_who_is_left_and_keepalived_goes_on() -> None:
    world = ClusterWorld(GALERA, "synced")
    assert run(world) == DONE
    assert "end sessions through the VIP" in world.log
    assert STOP not in world.log


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("cut", "of 3 members this one can reach 1"),
        ("offline", "this member is OFFLINE"),
    ],
)
def test_what_speaks_against_it(holder: ClusterWorld, state: str, words: str) -> None:
    holder.member.state = state
    assert words in objections(holder.node)[0]


def test_an_asynchronous_channel_keeps_the_primary_where_it_is(holder: ClusterWorld) -> None:
    holder.member.channels = ["shop"]
    (said,) = objections(holder.node)
    assert "STOP REPLICA" in said


def test_a_member_that_joins_too(holder: ClusterWorld) -> None:
    holder.member.rows_changed["3403"] = {"MEMBER_STATE": "RECOVERING"}
    assert "127.0.0.1 port 3403 is RECOVERING" in objections(holder.node)[0]


def test_a_server_that_cannot_be_asked(holder: ClusterWorld) -> None:
    holder.member.trouble = Refused("nobody listens")
    assert objections(holder.node) == ["this server cannot be asked: nobody listens"]


def test_galera_has_no_such_channels() -> None:
    assert objections(ClusterWorld(GALERA, "synced").node) == []
