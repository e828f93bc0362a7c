"""What members say, from the rows of real ones."""

from __future__ import annotations

import pytest

from kachecks.cluster.facts import (
    DEFAULT_SUSPICION,
    DONOR,
    Galera,
    Group,
    _suspect_seconds,
    parse_galera,
    parse_group,
)
from kachecks.mysql.errors import Nonsense
from tests.rows import rows

GROUP, GALERA = "mysql-9.7-group", "mariadb-10.11-galera"


def group(state: str, **settings: str) -> Group:
    (given,) = rows(GROUP, f"settings_{state}")
    given.update(settings)
    return parse_group(given, rows(GROUP, f"members_{state}"))


def galera(state: str, **changed: str) -> Galera:
    (given,) = rows(GALERA, f"settings_{state}")
    status = {
        str(row["Variable_name"]): str(row["Value"]) for row in rows(GALERA, f"status_{state}")
    }
    settings = {name: str(value) for name, value in given.items()}
    settings.update({name: value for name, value in changed.items() if name in settings})
    status.update({name: value for name, value in changed.items() if name not in settings})
    return parse_galera(settings, status)


def wrong(member: Group | Galera) -> dict[str, str]:
    """What would make it unfit, by the question."""
    said = {
        name: getattr(member, name)
        for name in ("no_quorum", "outside", "rejects", "closed", "donor", "not_writer")
    }
    said["behind"] = member.behind(1000)
    return {name: sentence for name, sentence in said.items() if sentence}


def test_a_primary_is_the_writer() -> None:
    seen = group("primary")
    assert (wrong(seen), seen.is_writer, seen.all_online) == ({}, True, True)
    assert seen.others_fit(1000) == 2
    assert seen.said == "Group Replication: writer, 3 of 3 members ONLINE"


def test_a_secondary_is_none() -> None:
    seen = group("secondary")
    assert wrong(seen) == {"not_writer": "127.0.0.1 port 3402 is PRIMARY"}
    assert not seen.is_writer


def test_a_cut_member_has_no_quorum_whatever_it_believes_to_be() -> None:
    seen = group("cut")
    assert seen.is_writer
    assert wrong(seen) == {
        "no_quorum": "of 3 members this one can reach 1:"
        " 127.0.0.1 port 3401, 127.0.0.1 port 3403 are silent"
    }


def test_half_of_the_members_are_no_quorum() -> None:
    seen = group("primary")
    silent = seen.members[0]._replace(state="UNREACHABLE")
    assert not seen._replace(members=(silent, *seen.members[1:])).no_quorum
    assert seen._replace(members=(silent, seen.members[1])).no_quorum


def test_an_offline_member_is_outside_and_not_without_a_quorum() -> None:
    assert list(wrong(group("offline"))) == ["outside", "not_writer"]
    never_started = group("offline")._replace(members=())
    assert "START GROUP_REPLICATION" in never_started.outside


def test_who_joins_keeps_the_engine_from_changing_the_primary() -> None:
    seen = group("primary")
    joining = seen.members[0]._replace(state="RECOVERING")
    assert not seen._replace(members=(joining, *seen.members[1:])).all_online


def test_a_primary_may_be_closed() -> None:
    assert list(wrong(group("primary", super_read_only="1"))) == ["closed"]
    assert list(wrong(group("primary", offline_mode="1"))) == ["rejects"]


def test_a_queue_counts_here_and_with_the_others() -> None:
    seen = group("primary")
    late = tuple(each._replace(queued=1001) for each in seen.members)
    assert seen._replace(members=late).behind(1000).startswith("1001 transactions wait")
    assert not seen._replace(members=late).behind(1001)
    assert seen._replace(members=late).others_fit(1000) == 0


@pytest.mark.parametrize(("expel", "seconds"), [("0", 12), ("1", 26), ("5", 30)])
def test_how_long_the_group_takes_for_a_dead_member(expel: str, seconds: float) -> None:
    assert group("primary", expel_seconds=expel).settles_within == seconds


@pytest.mark.parametrize(
    ("column", "value"), [("MEMBER_STATE", "FINE"), ("MEMBER_PORT", "x"), ("queued", "many")]
)
def test_a_group_member_that_makes_no_sense(column: str, value: str) -> None:
    members = rows(GROUP, "members_primary")
    members[0][column] = value
    with pytest.raises(Nonsense):
        parse_group(rows(GROUP, "settings_primary")[0], members)


def test_a_host_of_a_member_is_shown_as_text() -> None:
    members = rows(GROUP, "members_primary")
    members[0]["MEMBER_HOST"] = "db\x1b[2J"
    seen = parse_group(rows(GROUP, "settings_primary")[0], members)
    assert seen.members[0].name == "db?[2J port 3401"


@pytest.mark.parametrize(
    ("state", "questions"),
    [
        ("synced", []),
        ("non_primary", ["no_quorum", "outside"]),
        ("wsrep_off", ["outside"]),
        ("rejects", ["rejects"]),
        ("read_only", ["closed"]),
        ("desync", ["behind"]),
    ],
)
def test_the_states_of_a_galera_member(state: str, questions: list[str]) -> None:
    assert list(wrong(galera(state))) == questions


def test_a_donor_is_told_from_a_desynced_member() -> None:
    donor = galera("synced", wsrep_local_state=str(DONOR))
    assert list(wrong(donor)) == ["donor"]
    rejecting = galera("synced", wsrep_local_state=str(DONOR), wsrep_sst_donor_rejects_queries="1")
    assert list(wrong(rejecting)) == ["rejects", "donor"]


@pytest.mark.parametrize(
    ("changed", "question"),
    [
        ({"wsrep_cluster_status": "non-Primary"}, "no_quorum"),  # shuts down: Synced all the same
        ({"wsrep_cluster_status": "Disconnected"}, "outside"),
        ({"wsrep_ready": "OFF"}, "outside"),
        ({"wsrep_local_state": "1"}, "outside"),
        ({"wsrep_local_state": "0"}, "outside"),
        ({"wsrep_local_state": "3"}, "behind"),
        ({"wsrep_local_recv_queue": "1001"}, "behind"),
        ({"read_only": "NO_LOCK_NO_ADMIN"}, "closed"),  # MariaDB 12
    ],
)
def test_what_is_wrong_with_a_galera_member(changed: dict[str, str], question: str) -> None:
    assert question in wrong(galera("synced", **changed))


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ("evs.suspect_timeout = PT5S; pc.weight = 1", 5.0),
        ("a = b; evs.suspect_timeout = PT0.5S; c = d", 0.5),
        ("evs.suspect_timeout = PT1M30S;", 90.0),
        ("evs.suspect_timeout = PT2M;", 120.0),
        ("", DEFAULT_SUSPICION),
        ("evs.suspect_timeout = PTwhatever;", DEFAULT_SUSPICION),
    ],
)
def test_the_suspicion_of_galera(options: str, seconds: float) -> None:
    assert _suspect_seconds(options) == seconds


def test_how_long_galera_takes_for_a_dead_member() -> None:
    assert galera("synced").settles_within == 10
    assert galera("synced").others_fit(1000) == 2
