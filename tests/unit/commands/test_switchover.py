"""kachecks switchover: refused with every reason at once, or handed over, or open again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.commands.switchover import command as switchover
from kachecks.commands.switchover.handing_over import (
    REOPEN_PATIENCE,
    RETURN_PATIENCE,
    TAKEOVER_PATIENCE,
    VIP_PATIENCE,
    hand_over,
)
from kachecks.commands.switchover.preflight import look_at_both, objections
from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql.session import ServerError
from kachecks.state.files import StateError
from kachecks.state.maintenance_mark import in_local_time
from kachecks.state.marks import GaveWay
from kachecks.transitions.progress import ProgressLines
from kachecks.transitions.record import Outcome
from kachecks.transitions.waiting_for_lock import HANDOVER_LOCK_PATIENCE
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB,
    MUTE,
    MYSQL,
    OPEN,
    REFUSED,
    SILENT,
    Client,
    World,
)

CLOSING = "B: SET GLOBAL super_read_only = 1"


def active(version: str = MYSQL, **options: str) -> World:
    """B is open with the VIP; A stands by with everything, and opens when the VIP has left."""
    world = World(version, **options)
    world.a.access, world.b.access = CLOSED, OPEN
    world.open_mark, world.opening_told = world.b.process, True

    def a_opens() -> None:
        if world.vip:
            world.when("sleep", a_opens)
        else:
            world.a.access = OPEN

    world.when("sleep", a_opens)
    return world


def alone(world: World) -> World:
    """A never takes the VIP."""
    world.acts.clear()
    return world


def run(world: World, catch_up: float = 10.0) -> Outcome:
    outcome = hand_over(world.node, catch_up)
    assert world.locked_by != "us"
    assert [each for each in world.sessions if not each.ended] == []
    return outcome


# --- handing over --------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_in_this_order(version: str) -> None:
    world = active(version)
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("handed over", True), outcome.why
    assert outcome.position
    assert "seen through the VIP; no writes for " in outcome.why
    assert (world.a.access, world.b.access) == (OPEN, CLOSED)
    world.order("flock to switchover", "mark leaving", "B: SET GLOBAL", "permit 0", "unlock")
    assert world.permit  # given back: it stands by from now on
    assert not world.node.marks.is_leaving()
    (entry,) = world.recorded
    assert (entry["transition"], entry["cause"], entry["problem"]) == (
        "switchover", "kachecks switchover", False,
    )  # fmt: skip
    assert [name for name, _ in entry["steps"]] == [  # type: ignore[attr-defined]
        "connect", "close", "peer has everything", "VIP gone", "open there",
    ]  # fmt: skip


def test_the_permit_is_withdrawn_only_when_the_peer_has_everything() -> None:
    world = active()
    had: list[int] = []
    world.a.of_b = 5  # of 7

    def catches_up() -> None:
        had.append(world.a.of_b)
        world.a.of_b += 1
        if world.a.of_b < 7:
            world.when("sleep", catches_up)

    world.when("sleep", catches_up)
    world.when("permit 0", lambda: pytest.fail("too early") if world.a.of_b < 7 else None)
    assert run(world).outcome == "handed over"
    assert had == [5, 6]


def test_nobody_opens_this_node_while_it_leaves() -> None:
    """The leaving mark is fresh from before the closing until the VIP is gone."""
    world = active()
    stale: list[str] = []

    def looks(what: str) -> Callable[[], None]:
        return lambda: stale.append(what) if not world.node.marks.is_leaving() else None

    world.when(CLOSING, looks("closing"))
    world.when("permit 0", looks("permit"))
    world.a.of_b = 5
    ticks = 0

    def slowly() -> None:
        nonlocal ticks
        ticks += 1
        world.pass_time(0.3)
        looks("waiting")()
        if ticks < 12:
            world.when("sleep", slowly)
        else:
            world.a.of_b = 7

    world.when("sleep", slowly)
    assert run(world).outcome == "handed over"
    assert ticks == 12
    assert stale == []


def test_the_vip_takes_its_time() -> None:
    world = active()
    world.vip_takes = VIP_PATIENCE - 0.1
    assert run(world).outcome == "handed over"


def test_the_vip_cannot_be_reached_from_here() -> None:
    world = active()
    world.servers.connect_vip = lambda _: (_ for _ in ()).throw(MUTE)  # type: ignore[method-assign]
    outcome = run(world)
    assert outcome.outcome == "handed over"
    assert "the VIP cannot be reached from here" in outcome.why


# --- rolled back ---------------------------------------------------------------------------


def reopened(world: World, outcome: Outcome) -> str:
    """This node serves as before, and nothing of the attempt is left behind."""
    assert (outcome.outcome, outcome.done) == ("rolled back", False), outcome.why
    assert (world.b.access, world.vip, world.permit) == (OPEN, True, True)
    assert not world.node.marks.is_leaving()
    assert world.gave_way is None
    assert world.recorded[-1]["problem"]
    return outcome.why


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_the_peer_does_not_catch_up(version: str) -> None:
    world = alone(active(version))
    world.a.of_b = 5
    why = reopened(world, run(world, catch_up=1.5))
    assert why == "the peer does not have everything after 1.5 s; this node is open again"
    assert "permit 0" not in world.log


def test_what_a_failing_check_closes_is_not_opened_again() -> None:
    """The check beside it had found mysqld dead, which has started again since."""
    world = alone(active())
    world.when(CLOSING, lambda: setattr(world.a, "trouble", SILENT))
    world.when("unmark leaving", world.node.marks.mark_failing)
    outcome = run(world)
    assert outcome.outcome != "rolled back"
    assert world.b.access == CLOSED


def test_a_server_that_cannot_be_closed_is_not_killed() -> None:
    world = alone(active())
    world.b.add(Client("app", blocks=True, unkillable=True))
    reopened(world, run(world))
    assert not any("SIGKILL" in line for line in world.log)


def test_somebody_who_may_write_through_read_only_comes_back() -> None:
    world = alone(active(MARIADB))
    world.b.add(Client("root", returns=1000))
    assert "is not closed to everybody" in reopened(world, run(world))


def test_the_peer_goes_away_half_way() -> None:
    world = alone(active())
    world.when(CLOSING, lambda: setattr(world.a, "trouble", SILENT))
    assert "the peer does not answer" in reopened(world, run(world))


def test_keepalived_does_not_watch_the_permit() -> None:
    world = alone(active())
    world.vip_takes = float("inf")
    assert "must track the permit file" in reopened(world, run(world))


def test_a_lost_privilege() -> None:
    world = alone(active())
    world.b.troubles["SET GLOBAL super"] = ServerError(1227, "you need SUPER")
    assert "1227" in reopened(world, run(world))


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_says_how_many_transactions_are_left(version: str) -> None:
    world = alone(active(version))
    world.a.of_b = 5
    said: list[str] = []
    hand_over(world.node, 2.5, ProgressLines(world.clock.now, said.append))
    assert said
    assert all(line.startswith("2 transactions left, none applied") for line in said)


@pytest.mark.parametrize("lasts", [2.0, 60.0])
def test_the_peer_cannot_be_asked_for_a_while(lasts: float) -> None:
    """It answers with an error, so it is alive: tried again before the VIP is given away."""
    world = alone(active())
    world.a.of_b = 5

    def denies() -> None:
        world.a.troubles["SELECT"] = ServerError(1040, "too many connections")
        world.a.trouble = ServerError(1040, "too many connections")
        until = world.time + lasts

        def ends() -> None:
            if world.time > until:
                world.a.trouble = None
                world.a.troubles.clear()
            else:
                world.when("sleep", ends)

        world.when("sleep", ends)

    world.when("sleep", denies)
    outcome = run(world)
    if lasts < REOPEN_PATIENCE:
        assert "1040" in reopened(world, outcome)
    else:
        assert outcome.outcome == "not serving"
        assert world.gave_way is not None
        assert world.b.access == CLOSED


def test_a_bug_does_not_leave_it_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = alone(active())

    def fails(*_: object) -> None:
        raise OverflowError("timeout value is too large")

    monkeypatch.setattr("kachecks.commands.switchover.handing_over.wait_for_peer", fails)
    assert "unexpected OverflowError" in reopened(world, run(world))


def test_semi_sync_is_on_again_where_the_closing_failed() -> None:
    """It serves on, and its commits must wait for the other node as before."""
    world = alone(active())
    world.b.semi_sync = "rpl_semi_sync_source_enabled"
    world.b.add(Client("app", blocks=True, unkillable=True))
    reopened(world, run(world))
    world.order("rpl_semi_sync_source_enabled = 0", "rpl_semi_sync_source_enabled = 1")
    assert world.b.semi_sync_on


# --- when the VIP has left -----------------------------------------------------------------


def test_the_vip_comes_back() -> None:
    """Nobody took it; the hooks here have opened this server again."""
    world = alone(active())
    when = 3.0

    def keepalived_takes_it_back() -> None:
        if world.time < when:
            world.when("sleep", keepalived_takes_it_back)
        else:
            world.vip, world.b.access = True, OPEN

    world.when("sleep", keepalived_takes_it_back)
    assert "the VIP has come back" in reopened(world, run(world))


def test_the_peer_is_late() -> None:
    world = alone(active())

    def late() -> None:
        if world.time < TAKEOVER_PATIENCE + 1:
            world.when("sleep", late)
        else:
            world.a.access = OPEN

    world.when("sleep", late)
    outcome = run(world)
    assert outcome.outcome == "handed over"
    assert "longer than it should" in outcome.why


def test_the_vip_leaves_by_itself_while_the_peer_is_waited_for() -> None:
    world = alone(active())
    world.a.of_b = 5

    def moves() -> None:
        world.vip, world.a.access = False, OPEN

    world.when("sleep", moves)
    outcome = run(world, catch_up=1.0)
    assert (outcome.outcome, outcome.done) == ("handed over", True), outcome.why
    assert world.b.access == CLOSED


def test_neither_serves() -> None:
    world = alone(active())
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("not serving", False)
    assert world.time < TAKEOVER_PATIENCE + RETURN_PATIENCE + 3
    assert world.permit
    assert not world.node.marks.is_leaving()


def test_this_server_dies_half_way() -> None:
    """Not serving: the check sees to it, and the other node takes over."""
    world = alone(active())
    world.when("A: connect", lambda: setattr(world.b, "trouble", REFUSED))
    outcome = run(world)
    assert outcome.outcome == "not serving"


# --- nothing done --------------------------------------------------------------------------


def test_another_program_is_at_work() -> None:
    world = active()
    world.locked_by = "promote"
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert "to promote" in outcome.why
    assert HANDOVER_LOCK_PATIENCE <= world.time < HANDOVER_LOCK_PATIENCE + 0.1
    assert world.b.access == OPEN


def test_the_vip_has_just_left() -> None:
    world = active()
    world.vip = False
    assert run(world).outcome == "refused"
    assert world.b.access == OPEN


def test_without_a_run_directory() -> None:
    world = active()
    world.files.error = StateError("no such directory")
    with pytest.raises(StateError):
        run(world)
    assert world.b.access == OPEN


# --- preflight -----------------------------------------------------------------------------


def found(world: World, force: bool = False) -> list[str]:
    seen = look_at_both(world.node)
    assert world.b.access == OPEN
    assert not any("SET GLOBAL" in line or "permit" in line for line in world.log)
    assert [each for each in world.sessions if not each.ended] == []
    return objections(seen, world.node.config, force)


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_nothing_in_the_way(version: str) -> None:
    world = active(version)
    world.b.add(Client("app", transaction=5))
    world.b.add(Client("system user", transaction=100))
    world.a.lag, world.a.of_b = "2", 5
    assert found(world) == []


IN_FORCE = in_local_time(0, 4e9, "kim", "disks")


def breaks(**changes: object) -> Callable[[World], None]:
    def apply(world: World) -> None:
        for name, value in changes.items():
            where, _, attribute = name.rpartition("__")
            setattr(getattr(world, where) if where else world, attribute, value)

    return apply


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda world: world.declare(IN_FORCE), "by kim: disks; end it"),
        (breaks(gave_way=GaveWay(0, "superseded")), "has given way: superseded"),
        (breaks(locked_by="promote"), "is at work here, to promote"),
        (breaks(keepalived__running=False), "no keepalived runs here"),
        (breaks(keepalived__error=KeepalivedError("two of them")), "two of them"),
        (breaks(b__trouble=REFUSED), "check [client] in k.cnf"),
        (breaks(a__trouble=MUTE), "the peer: no answer"),
        (breaks(a__trouble=ServerError(1045, "denied")), "check [peer] in k.cnf"),
        (breaks(a__access=OPEN), "the peer is open too"),
        (breaks(a__channels=0), "the peer: it does not replicate"),
        (breaks(a__applier="No"), "the peer: its applier has stopped"),
        (breaks(a__applier="No", a__applier_errno=1062), "error 1062: Duplicate entry '25'"),
        (breaks(a__receiver="Connecting"), "the peer: its receiver is not connected"),
        (
            breaks(a__lag="3", a__of_b=5),
            "the peer: it is 3 s behind, more than 2 s: wait, or --force",
        ),
        (breaks(a__number=2), "server_id"),
        (breaks(b__source_id=9), "a different cluster's data"),
    ],
)
def test_what_is_in_the_way(broken: Callable[[World], None], said: str) -> None:
    world = active()
    broken(world)
    (sentence,) = found(world)
    assert said in sentence


def test_a_closed_server() -> None:
    world = active()
    world.b.access = CLOSED
    seen = look_at_both(world.node)
    (sentence,) = objections(seen, world.node.config)
    assert "this node's server is closed" in sentence


def test_not_the_active_node() -> None:
    world = active()
    world.vip = False
    (sentence,) = found(world)
    assert "run this on the active node" in sentence


def test_a_long_transaction() -> None:
    world = active()
    world.b.add(Client("app", transaction=6))
    (sentence,) = found(world)
    assert "of app has a transaction open for 6 s" in sentence


def test_what_an_operator_may_know_better() -> None:
    world = active()
    world.b.add(Client("app", transaction=6))
    world.a.lag, world.a.of_b = "60", 5
    world.network.no_vrrp = True
    assert len(found(world)) == 3
    assert found(world, force=True) == []


def test_the_peer_has_no_keepalived() -> None:
    world = active()
    world.network.no_vrrp = True
    (sentence,) = found(world)
    assert "no keepalived runs there" in sentence


def test_without_the_right_to_knock() -> None:
    """Not known is no objection: should nobody take the VIP, it comes back."""
    world = active()
    world.network.errors["vrrp?"] = PermissionError()
    assert found(world) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (breaks(b__applier="No", b__applier_errno=1062), "APPLIER_STOPPED"),
        (breaks(b__channels=0), "NOT_REPLICATING"),
        (breaks(b__receiver="Connecting"), "RECEIVER_STOPPED"),
    ],
)
def test_a_node_that_could_not_take_the_vip_back(
    broken: Callable[[World], None], said: str
) -> None:
    """Open, it keeps the VIP with an alert; closed, it would fail as a standby."""
    world = active()
    broken(world)
    (sentence,) = found(world)
    assert f"could not take the VIP back: {said}" in sentence
    assert found(world, force=True) == []


def test_every_reason_at_once() -> None:
    world = active()
    world.keepalived.running = False
    world.a.applier = "No"
    world.b.add(Client("app", transaction=60))
    assert len(found(world)) == 3


# --- the command ---------------------------------------------------------------------------


@pytest.fixture
def option_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = tmp_path / "k.cnf"
    file.write_text("[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\n")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return f"--defaults-file={file}"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("handed over", 0), ("refused", 1), ("rolled back", 1), ("not serving", 2)],
)
def test_exit_statuses(
    option_file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    status: int,
) -> None:
    world = active()
    handlers: list[object] = []

    def ends(*_: object) -> Outcome:
        handlers.extend(signal.getsignal(each) for each in (signal.SIGINT, signal.SIGHUP))
        return Outcome("switchover", outcome, "so", done=False, changed=True)

    monkeypatch.setattr(switchover, "node_for", lambda *_: world.node)
    monkeypatch.setattr(switchover, "hand_over", ends)
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGHUP)]
    try:
        assert switchover.main([option_file]) == status
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGHUP), before):
            signal.signal(number, handler)
    assert capsys.readouterr().out == f"{outcome}: so\n"
    assert handlers == [signal.SIG_IGN] * 2  # a lost terminal must not leave this node closed


def test_refused_before_anything(
    option_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = active()
    world.a.lag, world.a.of_b = "30", 5
    monkeypatch.setattr(switchover, "node_for", lambda *_: world.node)
    assert switchover.main([option_file]) == 1
    assert capsys.readouterr().out.startswith("refused: the peer: it is 30 s behind")
    assert world.b.access == OPEN


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "1e11", "3601", "soon"])
def test_how_long_to_wait(option_file: str, seconds: str) -> None:
    with pytest.raises(SystemExit) as ended:
        switchover.main([option_file, f"--catch-up={seconds}"])
    assert ended.value.code == 3


def test_not_root(option_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert switchover.main([option_file]) == 3
