"""The table of rules for members of a cluster."""

from __future__ import annotations

import pytest

from kachecks.check import verdict as of_pairs
from kachecks.check.verdict import CRITICAL, WARNING
from kachecks.cluster.verdict import (
    RULES,
    Findings,
    Observation,
    explain,
    judge,
    needs_link,
    severity_of,
)
from kachecks.state.maintenance import Maintenance
from tests.unit.cluster.test_facts import galera, group
from tests.unit.doubles.cluster_world import member_config

CONFIG = member_config()
HERE = Observation(True, group("primary"))
ELSEWHERE = Observation(False, group("secondary"))


def told(seen: Observation, **options: str) -> tuple[str, int]:
    found = judge(seen, member_config(**options))
    return found.reason, found.status


def test_who_is_well() -> None:
    assert told(HERE) == told(ELSEWHERE) == ("OK", 0)
    assert told(Observation(True, galera("synced"))) == ("OK", 0)
    assert judge(HERE, CONFIG).sentence.endswith("; the VIP is here")


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"member": None, "failure": "refusing"}, ("MYSQLD_DOWN", 10)),
        ({"member": None, "failure": "mute"}, ("MYSQLD_HUNG", 11)),
        ({"member": group("cut")}, ("NO_QUORUM", 40)),
        ({"member": galera("non_primary")}, ("NO_QUORUM", 40)),
        ({"member": group("offline")}, ("NOT_A_MEMBER", 41)),
        ({"member": galera("wsrep_off")}, ("NOT_A_MEMBER", 41)),
        ({"member": None, "no_engine": "none"}, ("NOT_A_MEMBER", 41)),
        ({"member": galera("rejects")}, ("REJECTS_CLIENTS", 42)),
        ({"stale": "since the cut"}, ("STALE_VIEW", 44)),
        ({"gave_way": "superseded"}, ("GAVE_WAY", 16)),
    ],
)
def test_what_nobody_may_hold_the_vip_with(
    here: bool, changed: dict[str, object], answer: tuple[str, int]
) -> None:
    assert told((HERE if here else ELSEWHERE)._replace(**changed)) == answer


def test_a_hung_server_behind_a_fit_cluster_gives_way_and_two_disks_take_no_turns() -> None:
    stalled = HERE._replace(found=Findings(stalled="3 connections wait"))
    assert told(stalled) == ("WRITES_STALLED", 12)
    assert told(stalled._replace(takes_turns=True)) == ("WRITES_STALLED", 0)
    alone = stalled.member._replace(members=stalled.member.members[1:2])  # type: ignore[union-attr]
    assert told(stalled._replace(member=alone)) == ("WRITES_STALLED", 0)


def test_a_disk_of_a_standby_counts_while_somebody_else_serves() -> None:
    full = ELSEWHERE._replace(found=Findings(disk_full="/data is full"))
    assert told(full) == ("DISK_FULL", 0)
    assert needs_link(full, CONFIG)
    assert told(full._replace(vip_elsewhere=True)) == ("DISK_FULL", 13)
    assert not needs_link(ELSEWHERE, CONFIG)
    assert not needs_link(HERE._replace(found=Findings(disk_full="/data is full")), CONFIG)


def test_a_holder_that_is_not_the_writer() -> None:
    seen = Observation(True, group("secondary"))
    assert told(seen) == ("NOT_WRITER", 0)
    assert told(seen._replace(unfit_for=6)) == ("NOT_WRITER", 45)
    assert told(seen._replace(unfit_for=6, pulling=True)) == ("NOT_WRITER", 0)
    assert told(seen._replace(superseded=True, pulling=True)) == ("NOT_WRITER", 45)


def test_a_closed_member() -> None:
    primary = group("primary", super_read_only="1")
    for seen in (Observation(True, primary), Observation(False, primary)):
        assert told(seen) == ("CLOSED", 0)
        assert told(seen._replace(unfit_for=6)) == ("CLOSED", 43)
    standby = Observation(False, galera("read_only"), unfit_for=6)
    assert told(standby) == ("CLOSED", 43)
    assert told(standby, writers="one") == ("OK", 0)
    assert told(standby._replace(vip_here=True), writers="one") == ("CLOSED", 43)


def test_a_donor() -> None:
    donor = Observation(True, galera("synced", wsrep_local_state="2"))
    assert told(donor) == ("DONOR", 0)
    assert told(donor, donor="fail") == ("DONOR", 46)
    standby = donor._replace(vip_here=False)
    assert told(standby) == ("DONOR", 0)
    assert told(standby._replace(vip_elsewhere=True)) == ("DONOR", 46)


def test_who_is_behind() -> None:
    late = Observation(False, galera("synced", wsrep_local_recv_queue="51"))
    assert told(late) == ("OK", 0)
    assert told(late, max_queue="50") == ("BEHIND", 0)
    assert told(late._replace(vip_elsewhere=True), max_queue="50") == ("BEHIND", 47)
    assert told(late._replace(vip_here=True), max_queue="50") == ("BEHIND", 0)


def test_what_keeps_never_hides_what_fails() -> None:
    mark = Maintenance(0.0, 9e9, "ops", "disks", "until tomorrow")
    seen = HERE._replace(maintenance=mark)
    assert told(seen)[1] == 0
    assert told(seen._replace(member=group("cut"))) == ("NO_QUORUM", 40)
    assert told(ELSEWHERE._replace(maintenance=mark)) == ("MAINTENANCE", 18)


def test_not_knowing_keeps_the_vip_where_it_is() -> None:
    for failure in ("unaskable", "unknown"):
        assert told(HERE._replace(member=None, failure=failure)) == ("UNKNOWN", 0)
        assert told(ELSEWHERE._replace(member=None, failure=failure)) == ("UNKNOWN", 30)
    assert told(HERE._replace(vips_missing="10.0.0.101")) == ("UNKNOWN", 0)
    busy = HERE._replace(member=None, failure="busy")
    assert told(busy) == ("TOO_MANY_CONNECTIONS", 0)
    assert told(busy, too_many_connections="fail") == ("TOO_MANY_CONNECTIONS", 25)


def test_a_failing_verdict_stands_whatever_hangs_later() -> None:
    assert judge(HERE._replace(stale="since the cut"), CONFIG).status_if_open == 44


def test_reasons_that_both_tables_have_are_the_same() -> None:
    of_pair = {rule.reason: rule.status for rule in of_pairs.RULES}
    own = {rule.reason: rule.status for rule in RULES}
    assert {reason: own[reason] for reason in own if reason in of_pair} == {
        reason: of_pair[reason] for reason in own if reason in of_pair
    }
    assert sorted(own[reason] for reason in own if reason not in of_pair) == list(range(40, 48))
    assert len(set(own.values())) == len(own)


def test_the_table_for_people() -> None:
    text = explain()
    for rule in RULES:
        assert f"{rule.reason} (exit {rule.status}): {rule.meaning}" in text
    assert "    holder:  keep, alert (donor = fail: fail)\n" in text
    assert "    holder and standby: fail\n" in text


def test_how_bad_it_is() -> None:
    assert severity_of(judge(HERE._replace(member=group("cut")), CONFIG)) == CRITICAL
    assert severity_of(judge(Observation(False, group("offline")), CONFIG)) == WARNING
    assert severity_of(judge(HERE, CONFIG)) == "ok"
