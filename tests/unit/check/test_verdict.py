"""Every rule, on the holder and on a standby, with every option that changes its effect."""

from __future__ import annotations

import pytest

from kachecks.check.verdict import (
    NOTHING_FOUND,
    RULES,
    Effect,
    Findings,
    Observation,
    explain,
    judge,
    needs_peer,
)
from kachecks.config.options import Config, parse
from kachecks.mysql.facts import Facts, Row, Version, parse_channel
from kachecks.state.maintenance_mark import in_local_time
from kachecks.state.marks import Known
from tests.rows import rows

MYSQL = Version(False, (9, 7, 4))


def config(**options: str) -> Config:
    lines = [f"{key} = {value}" for key, value in options.items()]
    text = "\n".join(["[kachecks]", "vip = 10.0.0.100", "peer = 10.0.0.1", *lines])
    return parse(text, "k.cnf")


def replica(state: str = "healthy", writable: bool = False, **changes: str | None) -> Facts:
    """Node B as tests/rows has it, some columns of its one channel changed."""
    found: list[Row] = [{**row, **changes} for row in rows("mysql-9.7", f"replica_status_{state}")]
    channels = tuple(parse_channel(row) for row in found)
    return Facts(MYSQL, 2, "9a39d64d", writable, not writable, channels)


def holder(facts: Facts | None, **seen: str) -> Observation:
    return Observation(True, False, facts and facts._replace(writable=True, closed=False), **seen)


def standby(facts: Facts | None, **seen: str) -> Observation:
    return Observation(False, False, facts, **seen)


HEALTHY = replica()
FAILURES = [
    # reason, status, failure, holder's status, options that change it, the other way round
    ("MYSQLD_DOWN", 10, "refusing", 10, {}, None),
    ("MYSQLD_HUNG", 11, "mute", 11, {}, None),
    ("MYSQLD_HUNG", 11, "absent", 11, {}, None),
    ("TOO_MANY_CONNECTIONS", 25, "busy", 0, {"too_many_connections": "fail"}, 25),
    ("UNKNOWN", 30, "unknown", 0, {}, None),
    ("UNKNOWN", 30, "unaskable", 0, {}, None),
]


@pytest.mark.parametrize(("reason", "status", "failure", "kept", "options", "otherwise"), FAILURES)
def test_server_that_could_not_be_asked(
    reason: str, status: int, failure: str, kept: int, options: dict, otherwise: int | None
) -> None:
    at_holder = judge(holder(None, failure=failure, detail="why it could not"), config())
    assert at_holder == (reason, kept, "why it could not", "holder")
    assert at_holder.problem
    at_standby = judge(standby(None, failure=failure, detail="why it could not"), config())
    assert at_standby == (reason, status, "why it could not", "standby")
    if options:
        seen = holder(None, failure=failure, detail="why")
        assert judge(seen, config(**options)).status == otherwise
        assert judge(seen._replace(vip_here=False), config(**options)).status == status


def test_another_server_at_the_peers_address() -> None:
    """Neither node acts on it; a standby that cannot ask its peer could not open."""
    found = Findings(peer="unaskable", not_our_pair="peer names this very node")
    kept = judge(holder(HEALTHY)._replace(found=found), config())
    assert (kept.reason, kept.status, kept.problem) == ("UNKNOWN", 0, True)
    assert kept.sentence == "peer names this very node"
    assert judge(standby(HEALTHY)._replace(found=found), config()).status == 30


def test_a_failure_without_words_is_still_a_failure() -> None:
    assert judge(standby(None, failure="mute"), config()).status == 11


@pytest.mark.parametrize("version", [Version(True, (10, 11, 19)), Version(False, (5, 7, 44))])
def test_what_the_server_does_not_know_is_not_advised(version: Version) -> None:
    for state, said in (("none", "CHANGE MASTER TO it"), ("applier_stopped", "START SLAVE SQL_")):
        facts = replica(state)._replace(version=version)
        assert said in judge(standby(facts), config()).sentence


LOCK_WAIT = {"Last_SQL_Errno": "1205"}
"""A promotion cuts who holds the lock, and starts the applier again."""

STATES = [
    # reason, status at the standby, state, columns changed, peer, the sentence has
    ("WITHOUT_GTIDS", 26, "by_file", {}, "", "10.0.0.1 goes by file and offset"),
    ("APPLIER_STOPPED", 20, "applier_1062", {}, "", "error 1062: "),
    ("APPLIER_STOPPED", 20, "applier_stopped", {}, "", "was it stopped by hand?"),
    ("APPLIER_STOPPED", 20, "stopped", {}, "closed", "was it stopped by hand?"),
    ("APPLIER_STOPPED", 20, "applier_1062", LOCK_WAIT, "open", "error 1205: "),
    ("APPLIER_STOPPED", 0, "applier_1062", LOCK_WAIT, "closed", "error 1205: "),
    ("APPLIER_STOPPED", 20, "stopped", LOCK_WAIT, "closed", "error 1205: "),
    ("NOT_REPLICATING", 21, "none", {}, "", "does not replicate from 10.0.0.1"),
    (
        "NOT_REPLICATING",
        21,
        "healthy",
        {"Replicate_Ignore_DB": "app"},
        "",
        "Replicate_Ignore_DB = a",
    ),
    (
        "NOT_REPLICATING",
        21,
        "healthy",
        {"Replicate_Rewrite_DB": "(a,b)"},
        "",
        "leaves something out",
    ),
    ("RECEIVER_STOPPED", 23, "receiver_error", {}, "open", "error 13117: Fatal error"),
    ("RECEIVER_STOPPED", 23, "connecting", {}, "open", "not connected to 10.0.0.1 port 3306"),
    ("LAG", 24, "healthy", {"Seconds_Behind_Source": "31"}, "open", "31 s behind 10.0.0.1"),
]


@pytest.mark.parametrize(("reason", "status", "state", "columns", "peer", "words"), STATES)
def test_standby(
    reason: str, status: int, state: str, columns: dict, peer: str, words: str
) -> None:
    verdict = judge(standby(replica(state, **columns), peer=peer), config())
    assert (verdict.reason, verdict.status, verdict.role) == (reason, status, "standby")
    assert words in verdict.sentence
    assert verdict.problem


@pytest.mark.parametrize(
    ("reason", "state", "columns"),
    [
        ("WITHOUT_GTIDS", "by_file", {}),
        ("APPLIER_STOPPED", "applier_1062", {}),
        ("NOT_REPLICATING", "none", {}),
        ("NOT_REPLICATING", "healthy", {"Replicate_Wild_Do_Table": "a.%"}),
        ("RECEIVER_STOPPED", "receiver_error", {}),
        ("OK", "connecting", {}),  # the standby is being restarted: no news
        ("RECEIVER_STOPPED", "connecting", {"Last_IO_Errno": "1130"}),  # no way back
        ("RECEIVER_STOPPED", "connecting", {"Last_IO_Errno": "2061"}),
        ("LAG", "healthy", {"Seconds_Behind_Source": "31"}),
        ("OK", "healthy", {}),
    ],
)
def test_replication_never_fails_the_holder(reason: str, state: str, columns: dict) -> None:
    verdict = judge(holder(replica(state, **columns)), config())
    assert (verdict.reason, verdict.status, verdict.role) == (reason, 0, "holder")
    assert verdict.problem == (reason != "OK")


@pytest.mark.parametrize("peer", ["closed", "mute", ""])
@pytest.mark.parametrize(
    ("state", "columns"),
    [("connecting", {}), ("receiver_error", {}), ("healthy", {"Seconds_Behind_Source": "86400"})],
)
def test_a_standby_is_fit_when_it_is_needed(state: str, columns: dict, peer: str) -> None:
    """Its receiver is down, or it lags, because the active node is dead or closed."""
    verdict = judge(standby(replica(state, **columns), peer=peer), config())
    assert (verdict.reason, verdict.status) == ("OK", 0)


@pytest.mark.parametrize("state", ["applier_1062", "applier_stopped", "none"])
def test_on_broken_replica(state: str) -> None:
    facts, opening = replica(state), config(on_broken_replica="open")
    assert judge(standby(facts), config(on_broken_replica="refuse")).status in (20, 21)
    kept = judge(standby(facts), opening)
    assert kept.status == 0
    assert kept.problem
    assert judge(holder(facts), opening).status == 0


@pytest.mark.parametrize(
    ("lag", "reason"), [("0", "OK"), ("7", "OK"), ("8", "LAG"), (None, "OK"), ("86400", "LAG")]
)
def test_max_lag(lag: str | None, reason: str) -> None:
    """Exactly max_lag is still fit; NULL is unknown, not 0, and is left to the receiver's rule."""
    facts = replica(Seconds_Behind_Source=lag)
    assert judge(standby(facts, peer="open"), config(max_lag="7")).reason == reason


def test_the_first_rule_that_fails_decides_and_else_the_first_that_fits() -> None:
    facts = replica("receiver_error", Replica_SQL_Running="No", Last_SQL_Errno="1062")
    seen = standby(facts, peer="open")
    assert judge(seen, config()).reason == "APPLIER_STOPPED"
    assert judge(seen._replace(failure="unknown", detail="x"), config()).reason == "APPLIER_STOPPED"
    assert judge(seen._replace(failure="mute", detail="x"), config()).reason == "MYSQLD_HUNG"
    late = replica("connecting", Seconds_Behind_Source="99")
    assert judge(standby(late, peer="open"), config()).reason == "RECEIVER_STOPPED"


@pytest.mark.parametrize(
    ("vip_here", "promoting", "facts", "role"),
    [
        (True, False, replica(writable=True), "holder"),
        (True, True, replica(), "holder"),
        (True, False, replica(), "standby"),  # the VIP came, the promotion was refused
        (True, False, None, "holder"),  # what is not known counts as open
        (False, False, None, "standby"),
        (False, False, replica(writable=True), "standby"),
        (False, True, replica(), "standby"),
    ],
)
def test_role(vip_here: bool, promoting: bool, facts: Facts | None, role: str) -> None:
    seen = Observation(vip_here, promoting, facts, "unknown", "why")
    assert judge(seen, config()).role == role


@pytest.mark.parametrize(("name", "said"), [("", "the applier has"), ("b", " of channel b has")])
def test_a_channel_is_named(name: str, said: str) -> None:
    facts = replica("applier_1062", Channel_Name=name)
    assert said in judge(standby(facts), config()).sentence


def test_channels_of_others_do_not_count() -> None:
    """A second, stopped channel from elsewhere is no business of this pair."""
    facts = replica("two_channels")
    assert judge(standby(facts, peer="open"), config()).reason == "OK"
    assert judge(standby(facts), config(peer="10.0.0.7")).status


def test_a_channel_by_file_beside_one_by_gtid_may_be_from_a_third_server() -> None:
    """Where neither is recognised by its address nobody can tell which of them is the peer's."""
    facts = replica("healthy")
    other = facts.channels[0]._replace(name="other", gtid=False, source_host="elsewhere")
    ours = facts.channels[0]._replace(source_host="node-a")
    both = facts._replace(channels=(other, ours))
    assert judge(standby(both, peer="open"), config()).reason == "OK"
    alone = facts._replace(channels=(other,))
    assert judge(standby(alone, peer="open"), config()).reason == "WITHOUT_GTIDS"


@pytest.mark.parametrize(
    ("state", "columns", "asked"),
    [
        ("healthy", {}, False),
        ("connecting", {}, True),
        ("receiver_error", {}, True),
        ("healthy", {"Seconds_Behind_Source": "31"}, True),
        ("healthy", {"Seconds_Behind_Source": "30"}, False),
        ("applier_1062", {}, False),  # fails whatever the peer says
        ("stopped", {}, False),
        ("none", {}, False),
    ],
)
def test_needs_peer(state: str, columns: dict, asked: bool) -> None:
    facts = replica(state, **columns)
    assert needs_peer(standby(facts), config()) == asked
    assert not needs_peer(standby(facts, peer="mute"), config())
    assert not needs_peer(holder(facts), config())
    assert not needs_peer(standby(None, failure="mute", detail="x"), config())


# What a closer look finds ------------------------------------------------------------------------


def with_found(seen: Observation, **found: object) -> Observation:
    return seen._replace(found=Findings(**found))  # type: ignore[arg-type]


TROUBLES = [
    ("WRITES_STALLED", 12, "stalled"),
    ("DISK_FULL", 13, "disk_full"),
    ("FILESYSTEM_READ_ONLY", 14, "disk_read_only"),
]


@pytest.mark.parametrize(("reason", "status", "what"), TROUBLES)
@pytest.mark.parametrize(("fit", "better"), [(True, True), (True, False), (False, False)])
def test_a_degraded_holder_gives_way_only_to_better(
    reason: str, status: int, what: str, fit: bool, better: bool
) -> None:
    """A peer that is fit at this moment is not enough (check/deep_look.py)."""
    found = {what: "in words", "peer_fit": fit, "gives_way": better, "peer": "closed"}
    verdict = judge(with_found(holder(HEALTHY), **found), config())
    assert verdict == (reason, status if better else 0, "in words", "holder")
    assert verdict.problem


@pytest.mark.parametrize(("reason", "status", "what"), TROUBLES)
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_degraded_standby(reason: str, status: int, what: str, elsewhere: bool) -> None:
    """Better than nobody: it fails only while another host has the VIP, or it has given way."""
    seen = standby(HEALTHY)._replace(vip_elsewhere=elsewhere)
    found = {what: "in words", "peer_fit": True, "gives_way": True}
    verdict = judge(with_found(seen, **found), config())
    assert verdict == (reason, status if elsewhere else 0, "in words", "standby")
    assert verdict.problem
    gave_way = with_found(seen._replace(gave_way="why"), **found)
    assert judge(gave_way, config()) == ("GAVE_WAY", 16, "why", "standby")


@pytest.mark.parametrize("what", ["stalled", "disk_full", "disk_read_only"])
def test_what_decides_for_the_one_role_is_nothing_to_the_other(what: str) -> None:
    at_holder = with_found(holder(HEALTHY)._replace(vip_elsewhere=True), **{what: "in words"})
    assert judge(at_holder, config()).status == 0
    found = {what: "in words", "peer_fit": True, "gives_way": True}
    at_standby = with_found(standby(HEALTHY), **found)
    assert judge(at_standby, config()).status == 0


@pytest.mark.parametrize("ours", [True, False])
def test_two_writers(ours: bool) -> None:
    found = {"two_writers": "both", "ours_to_close": ours, "peer_fit": True, "gives_way": True}
    verdict = judge(with_found(holder(HEALTHY), **found), config())
    assert verdict == ("TWO_WRITERS", 17 if ours else 0, "both", "holder")
    at_standby = judge(with_found(standby(HEALTHY), **found), config())
    assert at_standby == ("TWO_WRITERS", 17, "both", "standby")


@pytest.mark.parametrize("better", [True, False])
def test_a_server_that_could_not_serve(better: bool) -> None:
    found = {"unable": "offline", "gives_way": better}
    at_holder = judge(with_found(holder(HEALTHY), **found), config())
    assert at_holder == ("UNABLE_TO_SERVE", 19 if better else 0, "offline", "holder")
    at_standby = judge(with_found(standby(HEALTHY), **found), config())
    assert at_standby == ("UNABLE_TO_SERVE", 19, "offline", "standby")


def test_errant_transactions() -> None:
    assert judge(with_found(standby(HEALTHY), errant="lacks"), config()) == (
        "ERRANT_TRANSACTIONS", 22, "lacks", "standby",
    )  # fmt: skip
    at_holder = judge(with_found(holder(HEALTHY), errant="lacks"), config())
    assert at_holder == ("ERRANT_TRANSACTIONS", 0, "lacks", "holder")
    assert at_holder.problem


@pytest.mark.parametrize(
    ("reason", "status", "seen"),
    [("ISOLATED", 15, {"isolated": "nobody"}), ("GAVE_WAY", 16, {"gave_way": "superseded"})],
)
@pytest.mark.parametrize("known", [True, False])
def test_isolated_and_gave_way_fail_everybody(
    reason: str, status: int, seen: dict, known: bool
) -> None:
    """Whether or not the server was asked."""
    facts = HEALTHY if known else None
    (sentence,) = seen.values()
    assert judge(holder(facts, **seen), config()) == (reason, status, sentence, "holder")
    assert judge(standby(facts, **seen), config()) == (reason, status, sentence, "standby")


@pytest.mark.parametrize("behind", ["", "still without 40"])
def test_a_lag_that_gtids_disprove_is_none(behind: str) -> None:
    late = replica(Seconds_Behind_Source="99")
    for seen in (standby(late, peer="open"), holder(late)):
        assert judge(seen, config()).reason == "LAG"
        assert judge(with_found(seen, caught_up=True), config()).reason == "OK"
    at_standby = with_found(standby(late, peer="open"), caught_up=True, behind=behind)
    assert judge(at_standby, config()).reason == ("LAG" if behind else "OK")


def test_behind() -> None:
    """What the peer had is not here, whatever the threads say: as late as one that says so."""
    seen = with_found(standby(HEALTHY), behind="still without 40")
    assert judge(seen, config()) == ("LAG", 24, "still without 40", "standby")
    assert judge(with_found(holder(HEALTHY), behind="still without 40"), config()).reason == "OK"


def test_the_order_of_the_new_rules() -> None:
    """First what closes an open node, and of that first what another node counts the seconds of."""
    everything = Findings(
        peer="open", stalled="stalled", disk_full="full", disk_read_only="read-only",
        two_writers="both", errant="errant",
    )  # fmt: skip
    seen = holder(None, failure="refusing", detail="x", isolated="nobody", gave_way="superseded")
    mark = in_local_time(0, 1, "kim", "disks")
    seen = seen._replace(found=everything, maintenance=mark)
    reasons = []
    for gone in (
        {"isolated": ""},
        {"failure": ""},
        {"gave_way": ""},
        {"found": everything._replace(two_writers="")},
        {"found": everything._replace(two_writers="", stalled="")},
        {"found": everything._replace(two_writers="", stalled="", disk_full="")},
        {"found": Findings(errant="errant")},
        {"maintenance": None},
        {"found": Findings()},
    ):
        reasons.append(judge(seen, config()).reason)
        seen = seen._replace(**gone)
    assert reasons == [
        "ISOLATED", "MYSQLD_DOWN", "GAVE_WAY", "TWO_WRITERS", "WRITES_STALLED", "DISK_FULL",
        "FILESYSTEM_READ_ONLY", "MAINTENANCE", "ERRANT_TRANSACTIONS",
    ]  # fmt: skip
    assert judge(seen, config()).reason == "OK"


def test_replication_that_is_broken_comes_before_errant_transactions() -> None:
    seen = with_found(standby(replica("applier_1062")), errant="lacks")
    assert judge(seen, config()).reason == "APPLIER_STOPPED"
    late = with_found(standby(replica("connecting"), peer="open"), errant="lacks")
    assert judge(late, config()).reason == "ERRANT_TRANSACTIONS"


# An effect ---------------------------------------------------------------------------------------


def test_an_effect_that_hangs_on_what_was_seen() -> None:
    """Where its condition does not hold the node is kept, whatever the options say."""
    seen = standby(HEALTHY, peer="open")
    fails = Effect(True, only_if=lambda seen: seen.peer == "open", words="if the peer is open")
    assert fails.failing(seen, config())
    assert not fails.failing(seen._replace(peer="closed"), config())
    assert str(fails) == "fail if the peer is open, else keep, alert"
    both = fails._replace(option="on_broken_replica", value="open")
    assert both.failing(seen, config())
    assert not both.failing(seen, config(on_broken_replica="open"))
    assert not both.failing(seen._replace(peer="closed"), config(on_broken_replica="open"))


def test_statuses_are_distinct_and_fit_for_keepalived() -> None:
    statuses = [rule.status for rule in RULES]
    assert len(set(statuses)) == len(statuses)
    assert all(1 < status <= 125 for status in statuses)  # 1: an uncaught error, 2: argparse
    assert len({rule.reason for rule in RULES}) == len(RULES)


# As the manual prints it.
TABLE = """
ISOLATED              15  fail | fail
MYSQLD_DOWN           10  fail | fail
MYSQLD_HUNG           11  fail | fail
GAVE_WAY              16  fail | fail
TWO_WRITERS           17  fail with the higher server_id, or at the third look, else keep, \
alert | fail
WRITES_STALLED        12  fail if the peer is fit to take over, else keep, alert | fail while \
another host answers for the VIP, else keep, alert
DISK_FULL             13  fail if the peer is fit to take over, else keep, alert | fail while \
another host answers for the VIP, else keep, alert
FILESYSTEM_READ_ONLY  14  fail if the peer is fit to take over, else keep, alert | fail while \
another host answers for the VIP, else keep, alert
UNABLE_TO_SERVE       19  fail if the peer is fit to take over, else keep, alert | fail
MAINTENANCE           18  keep, alert | fail
WRITES_HELD_UP        28  keep, alert | fail
WITHOUT_GTIDS         26  keep, alert | fail
APPLIER_STOPPED       20  keep, alert | fail if the peer is open, or its error is none of waiting \
for a lock (1205, 1213), else keep, alert (on_broken_replica = open: keep, alert)
NOT_REPLICATING       21  keep, alert | fail (on_broken_replica = open: keep, alert)
ERRANT_TRANSACTIONS   22  keep, alert | fail
RECEIVER_STOPPED      23  keep, alert | fail
LAG                   24  keep, alert | fail
STALE                 29  keep, alert | fail (on_stale_replica = open: keep, alert)
TOO_MANY_CONNECTIONS  25  keep, alert (too_many_connections = fail: fail) | fail
NOT_OPEN              27  keep, alert | keep, alert
UNKNOWN               30  keep, alert | fail
OK                     0  none of these
"""


def test_explain_prints_every_rule() -> None:
    printed, (*table, ok) = explain(), TABLE.strip().splitlines()
    assert len(table) == len(RULES)
    for rule, line in zip(RULES, table):
        (reason, status), (holder, standby) = line.split()[:2], line.split(" | ")
        head = f"{reason} (exit {status}): {rule.meaning}\n"
        effects = printed.partition(head)[2]
        holder = holder.split(maxsplit=2)[2]
        if holder == standby:
            assert effects.startswith(f"    holder and standby: {holder}\n")
        else:
            assert effects.startswith(f"    holder:  {holder}\n    standby: {standby}\n")
    assert printed.splitlines()[-1] == "OK (exit 0): none of these"
    assert ok.split(maxsplit=2) == ["OK", "0", "none of these"]


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (standby(HEALTHY), "MySQL 9.7.4 closed, the VIP is elsewhere; 0 s behind, receiver Yes"),
        (holder(HEALTHY), "MySQL 9.7.4 open, the VIP is here; 0 s behind, receiver Yes"),
        (
            standby(HEALTHY._replace(closed=False)),
            "MySQL 9.7.4 closed for most, the VIP is elsewhere; 0 s behind, receiver Yes",
        ),
        (
            standby(replica("connecting")),
            "MySQL 9.7.4 closed, the VIP is elsewhere; lag unknown, receiver Connecting",
        ),
    ],
)
def test_ok_in_words(seen: Observation, sentence: str) -> None:
    assert judge(seen, config()) == ("OK", 0, sentence, "holder" if seen.vip_here else "standby")


# Which findings make the next check look again ----------------------------------------------------

WRONG = ["stalled", "disk_full", "disk_read_only", "two_writers", "unable", "errant", "behind"]


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_looked_at_again(what: str) -> None:
    assert Findings(**{what: "why"}).wrong


@pytest.mark.parametrize("peer", ["", "open", "closed", "refusing", "absent", "mute"])
@pytest.mark.parametrize("fit", [False, True])
def test_the_peer_alone_is_not_wrong(peer: str, fit: bool) -> None:
    """A standby that is powered off for a week must not cost a closer look every second."""
    assert not Findings(peer=peer, peer_fit=fit, ours_to_close=fit).wrong
    assert not Findings(peer=peer, known=Known(7.0, 7.0, 7.0, "1-1-5")).wrong
    assert not Findings(peer=peer, up_to_date=fit).wrong


def test_nothing_found() -> None:
    assert Findings() == NOTHING_FOUND
    assert not any(Findings())
    assert not NOTHING_FOUND.wrong
