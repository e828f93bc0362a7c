"""kachecks doctor on a member of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kachecks.commands.doctor.command import main
from kachecks.commands.doctor.member.look import look_at_member
from kachecks.commands.doctor.member.rules import TABLE
from kachecks.commands.doctor.rule import HERE, judge
from kachecks.commands.doctor.tables import RULES, RULES_OF_MEMBER
from kachecks.mysql.errors import Refused, ServerError
from tests.unit.cluster.test_status import option_file
from tests.unit.doubles.cluster_world import GALERA, GROUP, ClusterWorld

RIGHT = {"group_replication_unreachable_majority_timeout": "8", "wsrep_sst_method": "mariabackup"}


def right(kind: str, **options: str) -> ClusterWorld:
    world = ClusterWorld(kind, "primary" if kind == GROUP else "synced", **options)
    world.member.variables = dict(RIGHT)
    return world


def found(world: ClusterWorld) -> list[str]:
    facts = look_at_member(world.node)
    assert all(session.ended for session in world.member.sessions)
    return [finding.rule.name for finding in judge(TABLE, facts, HERE)]


@pytest.mark.parametrize("kind", [GROUP, GALERA])
def test_a_member_as_it_should_be(kind: str) -> None:
    assert found(right(kind)) == []


@pytest.mark.parametrize(
    ("kind", "changed", "rule"),
    [
        (GROUP, {"changed": {"expel_seconds": "5"}}, "EXPEL_TIMEOUT"),
        (
            GROUP,
            {"variables": {"group_replication_unreachable_majority_timeout": "0"}},
            "UNREACHABLE_MAJORITY",
        ),
        (
            GROUP,
            {"variables": {"group_replication_single_primary_mode": "OFF"}},
            "SINGLE_PRIMARY",
        ),
        (GROUP, {"channels": ["shop"]}, "OUTSIDE_CHANNELS"),
        (GROUP, {"changed": {"offline_mode": "1"}}, "MEMBER_OF_CLUSTER"),
        (GROUP, {"state": "cut"}, "MEMBER_OF_CLUSTER"),
        (GROUP, {"trouble": Refused("nobody listens")}, "MEMBER_ASKED"),
        (GROUP, {"loaded": False}, "MEMBER_ASKED"),
        (
            GROUP,
            {"troubles": {"connection_status": ServerError(1142, "denied")}},
            "MEMBER_ASKED",
        ),
        (
            GROUP,
            {"grants": "GRANT PROCESS, CONNECTION_ADMIN ON *.* TO `kachecks`@`localhost`"},
            "MEMBER_GRANTS",
        ),
        (GALERA, {"changed": {"wsrep_cluster_size": "2"}}, "THREE_VOTES"),
        (GALERA, {"variables": {"wsrep_sst_method": "rsync"}}, "SST_METHOD"),
        (
            GALERA,
            {"changed": {"wsrep_provider_options": "evs.suspect_timeout = PT1S; a = b"}},
            "SUSPECT_TIMEOUT",
        ),
        (GALERA, {"grants": "GRANT USAGE ON *.* TO `kachecks`@`localhost`"}, "MEMBER_GRANTS"),
    ],
)
def test_what_is_wrong(kind: str, changed: dict[str, object], rule: str) -> None:
    world = right(kind)
    for name, value in changed.items():
        setattr(world.member, name, value)
    assert rule in found(world)


def test_the_right_to_close_is_needed_for_one_writer_alone() -> None:
    grants = "GRANT PROCESS, CONNECTION ADMIN ON *.* TO `kachecks`@`localhost`"
    for writers, rules in (("any", []), ("one", ["MEMBER_GRANTS"])):
        world = right(GALERA, writers=writers)
        world.member.grants = grants
        assert found(world) == rules


def test_no_hash_of_a_password_is_kept() -> None:
    world = right(GALERA)
    world.member.grants = "GRANT PROCESS ON *.* TO `k`@`localhost` IDENTIFIED BY PASSWORD '*69A7'"
    assert look_at_member(world.node).privileges == "GRANT PROCESS"


def test_every_rule_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    names = [rule.name for rule in RULES]
    for rule, _ in TABLE:
        assert rule.name not in names
        assert rule in RULES_OF_MEMBER
        assert main(["--explain", rule.name]) == 0
        assert rule.checked.split()[0] in capsys.readouterr().out
    assert "WITNESS" in names
    assert "WITNESS" not in [rule.name for rule in RULES_OF_MEMBER]


def test_through_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = tmp_path / "keepalived.conf"
    conf.write_text("vrrp_instance V {\n state BACKUP\n interface lo\n priority 250\n}\n")
    arguments = [f"--defaults-file={option_file(tmp_path)}", f"--keepalived-conf={conf}", "--json"]
    assert main(arguments) == 2
    told = json.loads(capsys.readouterr().out)
    rules = [each["rule"] for each in told["findings"]]
    assert "MEMBER_ASKED" in rules
    assert "VIP_INSTANCE" in rules
    assert "WITNESS" not in rules
