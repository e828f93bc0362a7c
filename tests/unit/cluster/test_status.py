"""kachecks status on a member of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kachecks.check.verdict import CRITICAL, WARNING
from kachecks.commands import main
from kachecks.commands.status import command, monitor, nagios
from kachecks.commands.status.of_cluster import (
    MemberStatus,
    as_json,
    look,
    problems,
    screen,
    sentence,
    severity,
    status_of,
)
from kachecks.commands.status.terminal import Window
from kachecks.config.options import ConfigError
from kachecks.state.audit_log import History
from tests.unit.doubles.cluster_world import GALERA, GROUP, ClusterWorld, no_act

MAC = "02:00:00:00:00:09"


def looked(world: ClusterWorld) -> MemberStatus:
    world.earlier_answers() if world.member.kind == GROUP else None
    with no_act(world):
        return look(world.node, History("/nowhere", "main"))


def shown(status: MemberStatus) -> str:
    return "\n".join(screen(status, Window(80, None), lambda text, _style: text))


@pytest.fixture
def holder() -> ClusterWorld:
    world = ClusterWorld(GROUP, "primary")
    world.vip = True
    return world


def test_a_holder_that_serves(holder: ClusterWorld) -> None:
    status = looked(holder)
    assert (status_of(status), severity(status), problems(status)) == (0, "ok", [])
    text = shown(status)
    assert "OK: Group Replication: writer, 3 of 3 members ONLINE; the VIP is here" in text
    assert "127.0.0.1 port 3402 (this)       ONLINE       PRIMARY         0" in text
    assert "127.0.0.1 port 3403              ONLINE       SECONDARY       0" in text


def test_a_standby_says_who_has_the_vip() -> None:
    world = ClusterWorld(GALERA, "synced")
    world.network.holder = MAC
    status = looked(world)
    assert status_of(status) == 0
    assert f"VIP       another host, {MAC}" in shown(status)
    assert "members   3: AUTO,AUTO,AUTO" in shown(status)


def test_a_vip_that_is_nowhere() -> None:
    status = looked(ClusterWorld(GALERA, "synced"))
    assert (status_of(status), severity(status)) == (2, CRITICAL)
    assert "NOT SERVING: the VIP is nowhere" in shown(status)


def test_a_vip_on_two_hosts(holder: ClusterWorld) -> None:
    holder.network.holder = MAC
    status = looked(holder)
    assert status_of(status) == 2
    assert sentence(status).startswith("the VIP is here, and another host")


def test_a_link_that_cannot_be_asked_is_said(holder: ClusterWorld) -> None:
    holder.vip = False
    holder.network.errors["holder"] = PermissionError(1, "not permitted")
    status = looked(holder)
    assert status_of(status) == 0
    assert "who else answers for the VIP is not known" in shown(status)


def test_another_member_in_trouble(holder: ClusterWorld) -> None:
    holder.member.rows_changed["3403"] = {"MEMBER_STATE": "RECOVERING"}
    status = looked(holder)
    assert (status_of(status), severity(status)) == (1, WARNING)
    assert problems(status) == ["member 127.0.0.1 port 3403 is RECOVERING"]


def test_a_holder_without_a_quorum(holder: ClusterWorld) -> None:
    holder.member.state = "cut"
    status = looked(holder)
    assert (status_of(status), severity(status)) == (2, CRITICAL)
    assert "quorum    of 3 members this one can reach 1" in shown(status)


def test_a_server_that_cannot_be_asked_is_shown(holder: ClusterWorld) -> None:
    holder.member.loaded = False
    text = shown(looked(holder))
    assert "check     NOT_A_MEMBER, exit 41 (holder)" in text
    assert "quorum" not in text


def test_for_programs(holder: ClusterWorld) -> None:
    told = json.loads(json.dumps(as_json(looked(holder))))
    assert told["engine"] == "Group Replication"
    assert told["quorum"] is told["writer"] is told["vip_here"] is True
    assert told["check"] == {
        "reason": "OK",
        "exit": 0,
        "sentence": "Group Replication: writer, 3 of 3 members ONLINE; the VIP is here",
        "role": "holder",
    }
    (own,) = [each for each in told["group"]["members"] if each["this"]]
    assert (own["role"], own["port"]) == ("PRIMARY", 3402)
    galera = as_json(looked(ClusterWorld(GALERA, "synced")))
    assert galera["galera"]["size"] == 3
    assert galera["group"] is None


def option_file(directory: Path) -> Path:
    path = directory / "k.cnf"
    path.write_text(
        f"[kachecks]\nvip = 10.99.88.77\ninterface = lo\ncluster = yes\nrun_dir = {directory}\n"
        f"state_dir = {directory}\n[client]\nsocket = {directory}/none.sock\n"
    )
    return path


def test_through_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([f"--defaults-file={option_file(tmp_path)}"]) in (1, 2)
    assert "MYSQLD_DOWN" in capsys.readouterr().out


def test_for_nagios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "PAUSE", 0.0)
    path = option_file(tmp_path)
    state, lines = monitor._nagios(str(path))
    assert state in (1, 2)
    assert len(lines) == 1
    assert lines[0].startswith(("KACHECKS CRITICAL: ", "KACHECKS WARNING: "))


def test_there_are_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no metrics of a member"):
        monitor.tell("prometheus", str(option_file(tmp_path)))


def test_a_sentence_for_nagios_begins_no_figures() -> None:
    assert nagios.said("ok", "a | b") == "KACHECKS OK: a / b"


@pytest.mark.parametrize("part", ["rejoin"])
def test_what_knows_only_pairs_says_so(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([part, f"--defaults-file={option_file(tmp_path)}"]) == 3
    assert f"cluster = yes, and kachecks {part} knows only pairs" in capsys.readouterr().err
