"""A look at both nodes: what is asked of whom, and what becomes of errors (simulation.py).

Node B looks, A is its peer. The clock of the simulation is one for all, so the questions are
asked one after the other here; that they run at the same time is test_status_asking's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kachecks.bounded import GivenUp
from kachecks.commands.status import keepalived_state
from kachecks.commands.status.facts import NO_KEEPALIVED, Lacks, Status
from kachecks.commands.status.json import as_json
from kachecks.commands.status.judgement import summary
from kachecks.commands.status.probe import PEER_CONNECT, Looking, hurried_node
from kachecks.keepalived import ask_state as keepalived_probe
from kachecks.keepalived.process import NoPermission, NotFound
from kachecks.keepalived.vrrp_state import Vrrp
from kachecks.mysql import operator_queries, queries
from kachecks.mysql.session import NoAnswer, ServerError
from kachecks.node import Servers
from kachecks.state.marks import GaveWay
from tests.unit.doubles.changing import failing
from tests.unit.doubles.simulated_server import CLOSED, OPEN, UUID
from tests.unit.doubles.simulation import MAC, MARIADB, MUTE, MYSQL, REFUSED, SILENT, World, config

BACKUP = Vrrp("mysql", "BACKUP", 1795367442.0, 249, 249)
MASTER = BACKUP._replace(state="MASTER")


class AtOnce:
    """Asking, without threads."""

    def __init__(self) -> None:
        self.outcomes: dict[str, tuple[Any, Exception | None]] = {}
        self.late: set[str] = set()

    def ask(self, name: str, work: Callable[[], Any]) -> None:
        try:
            self.outcomes[name] = work(), None
        except Exception as error:  # noqa: BLE001 - raised again below
            self.outcomes[name] = None, error

    def answer(self, name: str, seconds: float) -> Any:
        result, error = self.outcomes[name]
        if name in self.late:
            raise GivenUp(f"no answer within {seconds:g} s")
        if error is not None:
            raise error
        return result


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A keepalived, and a run directory."""
    monkeypatch.setattr(keepalived_probe, "ask_keepalived", lambda _vips: BACKUP)
    monkeypatch.setattr(keepalived_state, "find", lambda: None)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "main.permit").write_text("1\n")


def standby(directory: Path, version: str = MYSQL) -> World:
    """A serves, B stands by and has everything. keepalived has just called B's check."""
    world = World(version, run_dir=str(directory / "run"), state_dir=str(directory))
    (directory / "run").mkdir(exist_ok=True)
    (directory / "run/main.check").touch()
    return world.but(vip=False, network__holder=MAC, network__adverts=True)


def look(world: World, asking: AtOnce) -> Status:
    return Looking(world.node, asking).look()


def seen(world: World, asking: AtOnce | None = None) -> Status:
    status = look(world, asking or AtOnce())
    assert world.sessions_left == []
    changed = [
        line
        for line in world.log
        if line.startswith(("A: SET", "B: SET", "mark", "unmark"))
        and not line.endswith(operator_queries.ASK_FOR_ALL)  # for its own session alone
    ]
    assert changed == []
    json.dumps(as_json(status, summary(status)))
    return status


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_both_nodes_of_a_healthy_pair(tmp_path: Path, version: str) -> None:
    status = seen(standby(tmp_path, version))
    here, there = status.here, status.there
    assert (here.vip, here.open, here.vrrp) == (False, False, BACKUP)
    assert (there.vip, there.open, there.vrrp_state) == (True, True, "MASTER")
    assert there.vip_said == f"{MAC} answers for it on the link"
    assert (there.name, there.address) == ("a", "10.0.0.1")
    assert here.server and there.server
    assert here.server.uptime == 93784
    assert status.marks and status.marks.permit is True
    assert summary(status).status == 0


def test_a_server_that_refuses_show_status(tmp_path: Path) -> None:
    """It serves all the same."""
    world = standby(tmp_path)
    world.a.troubles[queries.UPTIME] = ServerError(1969, "max_statement_time exceeded")
    there = seen(world).there
    assert (there.open, there.trouble) == (True, "")
    assert there.server and there.server.uptime is None


def test_events_that_are_not_told_in_time(tmp_path: Path) -> None:
    """Somebody has locked mysql.event: the server answers all the same."""
    world = standby(tmp_path, MARIADB)
    world.a.troubles[operator_queries.IDLE_EVENTS] = NoAnswer("within 0.3 s")
    there = seen(world).there
    assert (there.open, there.trouble) == (True, "")
    assert there.server and there.server.idle_events == ""
    assert there.server.idle_events_trouble == "no answer within 0.3 s"


@pytest.mark.parametrize(("errno", "told"), [(1305, False), (1370, False), (1260, True)])
def test_events_that_are_refused(tmp_path: Path, errno: int, told: bool) -> None:
    """Of a missing function doctor tells."""
    world = standby(tmp_path)
    world.a.troubles[operator_queries.IDLE_EVENTS] = ServerError(errno, "no")
    there = seen(world).there
    assert there.server and there.server.idle_events == ""
    assert there.server.idle_events_trouble == (f"error {errno}: no" if told else "")


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_nothing_cuts_short_what_it_asks_for(tmp_path: Path, version: str) -> None:
    world = standby(tmp_path, version)
    seen(world)
    assert [f"{each}: {operator_queries.ASK_FOR_ALL}" in world.log for each in "AB"] == [True] * 2


@pytest.mark.parametrize(
    ("version", "changes", "here", "there"),
    [
        (MYSQL, {"b__made": 8}, Lacks(f"{UUID[1]}:6-9", 4), Lacks(f"{UUID[2]}:8", 1)),
        (MARIADB, {}, Lacks("1-1-9", 4), Lacks("", 0)),
        (MYSQL, {"a__version": MARIADB}, None, None),  # two families are not compared
    ],
)
def test_what_each_side_lacks(
    tmp_path: Path, version: str, changes: dict[str, Any], here: Lacks | None, there: Lacks | None
) -> None:
    world = standby(tmp_path, version).but(a__made=9, b__receiver="No", **changes)
    status = seen(world)
    assert status.here.server and status.there.server
    assert (status.here.server.lacks, status.there.server.lacks) == (here, there)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (REFUSED, "MYSQLD_DOWN"),
        (MUTE, "MYSQLD_HUNG"),
        (SILENT, None),
        (ServerError(1045, "denied"), "UNKNOWN"),
        (ServerError(1040, "too many connections"), "TOO_MANY_CONNECTIONS"),
    ],
)
def test_peer_that_cannot_be_asked(tmp_path: Path, trouble: Any, reason: str | None) -> None:
    world = standby(tmp_path).but(a__trouble=trouble)
    status = seen(world)
    there = status.there
    assert (there.server, there.trouble) == (None, str(trouble))
    assert (there.verdict.reason if there.verdict else None) == reason
    if there.verdict and reason == "MYSQLD_HUNG":  # the check itself would wait longer
        assert there.verdict.sentence == f"{trouble}; asked for less than hung_after = 3 s"
    assert there.name == "10.0.0.1"
    assert status.here.server and status.here.server.lacks is None
    assert status.here.verdict and status.here.verdict.reason == "OK"


def test_own_server_that_cannot_be_asked(tmp_path: Path) -> None:
    world = standby(tmp_path).but(b__trouble=REFUSED)
    status = seen(world)
    assert (status.here.server, status.here.trouble) == (None, str(REFUSED))
    assert status.here.verdict and status.here.verdict.reason == "MYSQLD_DOWN"
    assert status.there.open is True
    assert summary(status).status == 1


def test_check_that_takes_long_is_not_waited_for(tmp_path: Path) -> None:
    world, asking = standby(tmp_path), AtOnce()
    world.node.marks.verdict_changed("OK 0")
    asking.late = {"verdict"}
    here = seen(world, asking).here
    assert here.verdict is None
    assert here.verdict_said.endswith("keepalived's last one said OK 0")


def test_servers_that_do_not_answer_in_time(tmp_path: Path) -> None:
    world, asking = standby(tmp_path), AtOnce()
    asking.late = {"there", "vrrp", "holder", "adverts"}
    status = look(world, asking)
    assert (status.there.server, status.there.vip, status.there.vrrp_state) == (None, None, "")
    # A dead host takes that long, too, and so does this one without CPU: nobody is called hung.
    assert (status.there.verdict, status.there.verdict_said) == (None, "no answer within 0.95 s")
    assert (status.here.vrrp, status.here.vrrp_state) == (None, "")


def test_who_is_not_root_is_told_what_cannot_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        keepalived_probe, "ask_keepalived", failing(NoPermission("only root may do it"))
    )
    denied = PermissionError(1, "Operation not permitted")
    world = standby(tmp_path).but(network__errors={"holder?": denied, "adverts?": denied})
    for file in (tmp_path / "run").iterdir():
        file.unlink()
    (tmp_path / "run").rmdir()
    status = seen(world)
    assert (status.there.vip, status.there.vip_said) == (True, "its server answers at 10.0.0.100")
    assert status.there.vrrp_said == "only root may listen"
    assert status.here.vrrp_said == "only root may do it"
    assert status.marks is None
    assert status.marks_said.endswith("run cannot be read: No such file or directory")
    assert summary(status).status == 0


@pytest.mark.parametrize(
    ("trouble", "vip", "said"),
    [
        (None, True, "its server answers at 10.0.0.100"),
        (SILENT, False, "nothing answers at 10.0.0.100 (only root may ask the link)"),
        (REFUSED, None, "only root may ask the link, and MySQL does not tell at 10.0.0.100: "),
        (MUTE, None, "only root may ask the link, and MySQL does not tell at 10.0.0.100: "),
    ],
)
def test_who_may_not_ask_the_link_asks_who_answers_at_the_vip(
    tmp_path: Path, trouble: Any, vip: bool | None, said: str
) -> None:
    denied = PermissionError(1, "Operation not permitted")
    world = standby(tmp_path).but(network__errors={"holder?": denied})
    if trouble is not None:
        world = world.but(servers__connect_vip=failing(trouble))
    there = seen(world).there
    assert (there.vip, there.vip_said[: len(said)]) == (vip, said)


def test_the_holder_that_may_not_ask_the_link_finds_itself_at_the_vip(tmp_path: Path) -> None:
    denied = PermissionError(1, "Operation not permitted")
    world = standby(tmp_path).but(network__errors={"holder?": denied})
    world = world.but(servers__connect_vip=world.servers.connect_local)
    there = seen(world).there
    assert (there.vip, there.vip_said) == (False, "another server answers at 10.0.0.100")


def test_for_monitoring_keepalived_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalived_probe, "ask_keepalived", failing(AssertionError("asked")))
    monkeypatch.setattr(keepalived_state, "find", lambda: object())
    status = Looking(standby(tmp_path).node, AtOnce(), for_monitoring=True).look()
    assert (status.here.vrrp, status.here.vrrp_state) == (None, "")
    assert status.here.vrrp_said == "not asked, as each answer is a line in keepalived's log"
    assert summary(status).status == 0


def test_what_a_look_takes_is_told(tmp_path: Path) -> None:
    status = seen(standby(tmp_path))
    assert status.check_seconds is not None
    assert 0 <= status.check_seconds <= status.look_seconds


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            PermissionError(13, "Permission denied"),
            "only root may look at them as mysqld sees them",
        ),
        (FileNotFoundError(2, "gone"), "they cannot be looked at as mysqld sees them: gone"),
    ],
)
def test_disks_that_the_check_may_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: OSError, said: str
) -> None:
    world = standby(tmp_path)
    monkeypatch.setattr("os.readlink", failing(trouble))
    assert seen(world).disks_said == said


def test_disks_of_a_process_that_is_not_known(tmp_path: Path) -> None:
    world = standby(tmp_path).but(servers__process_known=False)
    assert seen(world).disks_said == "which process mysqld is cannot be told"


def test_no_keepalived_here_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        keepalived_probe, "ask_keepalived", failing(NotFound("no keepalived is running here"))
    )
    status = seen(standby(tmp_path))
    assert status.here.vrrp_state == NO_KEEPALIVED
    assert "no keepalived is running here" in summary(status).problems[0]


def test_two_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalived_probe, "ask_keepalived", lambda _vips: MASTER)
    world = standby(tmp_path).but(vip=True, b__access=OPEN)
    told = summary(seen(world))
    assert (told.status, told.word) == (2, "TWO WRITERS")


def test_cut_link_is_no_proof_that_nobody_has_the_vip(tmp_path: Path) -> None:
    """The peer answers over another network, and nothing answers on the link of the VIP."""
    world = standby(tmp_path).but(network__holder="", network__adverts=False)
    assert seen(world).there.vip is None
    assert seen(world.but(network__on_link=True)).there.vip is False
    world.but(network__on_link=False, a__trouble=SILENT)
    assert seen(world).there.vip is False  # nobody is there at all


def test_what_goes_wrong_on_one_side_does_not_hide_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, crash = standby(tmp_path), failing(KeyError("Seconds_Behind"))
    monkeypatch.setattr(keepalived_probe, "ask_keepalived", crash)
    world.when("A: SHOW REPLICA STATUS", crash)
    status = look(world, AtOnce())
    assert status.here.open is False
    assert status.there.trouble == "unexpected KeyError: 'Seconds_Behind'"
    assert status.here.vrrp_said == status.there.trouble
    assert status.there.verdict and status.there.verdict.reason == "UNKNOWN"


def test_marks_of_this_node(tmp_path: Path) -> None:
    world = standby(tmp_path).but(network__adverts=False, a__access=CLOSED, permit=False)
    world.time = 100.0
    status = seen(world.but(gave_way=GaveWay(world.time - 12, "superseded")))
    assert status.marks and status.marks.gave_way == "superseded"
    assert status.marks.permit is False
    assert status.here.verdict and status.here.verdict.reason == "GAVE_WAY"


def test_keepalived_that_does_not_call_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, file = standby(tmp_path), tmp_path / "run/main.check"
    os.utime(file, (time.time() - 40, time.time() - 40))
    assert "has not called check_mysql --fence for 4" in str(summary(seen(world)).problems)
    file.unlink()
    assert "has never called check_mysql --fence" in str(summary(seen(world)).problems)
    monkeypatch.setattr(keepalived_probe, "ask_keepalived", failing(NotFound("none is here")))
    assert "check_mysql --fence" not in str(summary(seen(world)).problems)


def test_rules_of_the_check_do_not_wait_for_a_silent_peer_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(Servers, "connect_peer", lambda _self, timeout: waited.append(timeout))
    node = hurried_node(config())
    for timeout in (1.0, 0.1):
        node.servers.connect_peer(timeout)
    assert waited == [PEER_CONNECT, 0.1]


def test_holder_does_not_wait_for_adverts(tmp_path: Path) -> None:
    waited: dict[str, float] = {}

    class Noting(AtOnce):
        def answer(self, name: str, seconds: float) -> Any:
            waited[name] = seconds
            return super().answer(name, seconds)

    world = standby(tmp_path)
    seen(world, Noting())
    assert waited["adverts"] > world.node.config.advert_int
    world.vip = True
    seen(world, Noting())
    assert waited["adverts"] == 0
