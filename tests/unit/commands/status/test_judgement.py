"""Who serves, who is fit, what is wrong: the summary of `kachecks status` and its exit status."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.check.verdict import Verdict
from kachecks.commands.status.facts import NO_KEEPALIVED, Lacks, NodeSeen, ServerSeen, Status
from kachecks.commands.status.judgement import judged, role, summary
from kachecks.keepalived.vrrp_state import Vrrp
from tests.unit.doubles.simulation import config
from tests.unit.doubles.status_samples import (
    ACTIVE,
    CHANNEL,
    MARKS,
    NOW,
    SILENT,
    STANDBY,
    STATUS,
    UUID,
    facts,
    server,
)

LAG = Verdict("LAG", 24, "40 s behind", "standby")
DISK_FULL = Verdict("DISK_FULL", 0, "1 MB is left", "holder")
OPEN_B = STANDBY._replace(server=server(2, writable=True))
CLOSED_A = ACTIVE._replace(server=server(1, writable=False))
ON_STANDBY = STATUS._replace(
    here=STANDBY._replace(vrrp=Vrrp("mysql", "BACKUP", NOW, 249, 249), vrrp_state="BACKUP"),
    there=ACTIVE._replace(vrrp=None),
)


SERVES = "a serves, b stands by and looks fit from here"


def said(status: Status) -> tuple[int, str]:
    told = summary(status)
    return told.status, f"{told.word}: {told.sentence}"


def pair(here: NodeSeen = ACTIVE, there: NodeSeen = STANDBY) -> Status:
    return STATUS._replace(here=here, there=there)


def test_all_is_well() -> None:
    assert said(STATUS) == (0, "OK: a serves, b stands by and looks fit from here")
    assert said(ON_STANDBY) == (0, "OK: a serves, b stands by and is fit")  # its marks are here
    assert summary(STATUS).problems == ()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (pair(there=STANDBY._replace(verdict=LAG)), "a serves, b is not fit: LAG"),
        (
            pair(there=STANDBY._replace(vrrp_state=NO_KEEPALIVED)),
            "a serves, b is not fit: no keepalived runs there",
        ),
        (pair(there=SILENT), "a serves, 10.0.0.2 cannot be reached"),
        (pair(there=STANDBY._replace(verdict=None)), "a serves, b has no verdict yet"),
        (pair(here=ACTIVE._replace(verdict=DISK_FULL)), f"{SERVES}; a: DISK_FULL: 1 MB is left"),
        (
            pair(here=ACTIVE._replace(vrrp=None, vrrp_state=NO_KEEPALIVED, vrrp_said="none here")),
            f"{SERVES}; a: none here: nothing moves the VIP",
        ),
        (
            pair(here=ACTIVE._replace(vrrp=Vrrp("m", "BACKUP", NOW, 1, 1), vrrp_state="BACKUP")),
            f"{SERVES}; a: keepalived is BACKUP and the VIP is here",
        ),
        (
            ON_STANDBY._replace(
                here=STANDBY._replace(vrrp=Vrrp("m", "FAULT", NOW, 1, 1), vrrp_state="FAULT")
            ),
            "a serves, b is not fit: keepalived is in FAULT although the check passes; if it stays"
            " so, reload keepalived",
        ),
        (
            pair(here=ACTIVE._replace(server=server(1, True, lacks=Lacks(f"{UUID}2:1-3", 3)))),
            f"{SERVES}; a is open, and lacks transactions (3) that b has:"
            " kachecks rejoin on b says which",
        ),
        (
            STATUS._replace(marks=MARKS._replace(permit=False)),
            f"{SERVES}; a: the permit to hold the VIP is withdrawn",
        ),
        (
            STATUS._replace(marks=MARKS._replace(check_age=27.4)),
            f"{SERVES}; a: keepalived has not called check_mysql --fence for 27 s: kachecks doctor"
            " says what to do",
        ),
        (
            STATUS._replace(marks=MARKS._replace(check_age=None)),
            f"{SERVES}; a: keepalived has never called check_mysql --fence: kachecks doctor says"
            " what to do",
        ),
        (
            pair(there=STANDBY._replace(vip=True, vip_said="02:00 answers")),
            f"{SERVES}; the VIP is here and another host answers for it too: 02:00 answers",
        ),
        (
            ON_STANDBY._replace(there=ACTIVE._replace(vip=None)),
            "a is open; whether it has the VIP cannot be seen",
        ),
    ],
)
def test_serving_with_something_wrong(status: Status, sentence: str) -> None:
    assert said(status) == (1, f"DEGRADED: {sentence}")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (pair(there=OPEN_B), "TWO WRITERS: a and b are both open"),
        (pair(here=CLOSED_A), "NOT SERVING: a is holder, closed, b is standby"),
        (
            pair(here=CLOSED_A._replace(vip=False)),
            "NOT SERVING: a is standby, b is standby, nobody has the VIP",
        ),
        (
            pair(here=ACTIVE._replace(vip=False)),
            "NOT SERVING: a is open without the VIP, b is standby, nobody has the VIP",
        ),
        (
            pair(here=ACTIVE._replace(server=None, trouble="no answer")),
            "NOT SERVING: a is holder, not answering, b is standby",
        ),
    ],
)
def test_not_serving_or_two_writers(status: Status, sentence: str) -> None:
    assert said(status) == (2, sentence)


def test_who_cannot_be_asked_may_serve() -> None:
    """The password of [client] is wrong, and clients are served."""
    denied = "error 1045: Access denied"
    unknown = Verdict("UNKNOWN", 0, denied, "holder")
    status = pair(here=ACTIVE._replace(server=None, trouble=denied, verdict=unknown))
    assert said(status) == (2, f"CANNOT TELL: whether a, which has the VIP, serves: {denied}")


@pytest.mark.parametrize(
    ("seconds", "lacks", "more"),
    [
        (6, Lacks(f"{UUID}1:1-3", 3), ", 6 s behind: too late for a switchover"),
        (6, None, ", 6 s behind: too late for a switchover"),
        (6, Lacks("", 0), ""),  # what it has received it has applied
        (2, Lacks(f"{UUID}1:1-3", 3), ""),
        (None, None, ""),
    ],
)
def test_status_and_switchover_agree(seconds: int | None, lacks: Lacks | None, more: str) -> None:
    """A failover would do, but a switchover is refused: see test_preflight."""
    channels = (CHANNEL._replace(lag_seconds=seconds),)
    late = server(2, False, channels=channels, lacks=lacks)
    assert said(pair(there=STANDBY._replace(server=late))) == (0, f"OK: {SERVES}{more}")


def test_a_peer_that_is_this_very_node() -> None:
    told = summary(pair(there=ACTIVE._replace(name="10.0.0.1")))
    assert (told.status, told.word) == (2, "ONE SERVER")


def test_what_a_standby_lacks_is_no_problem_but_its_lag() -> None:
    behind = server(2, False, lacks=Lacks(f"{UUID}1:1-3", 3))
    assert said(pair(there=STANDBY._replace(server=behind)))[0] == 0


def test_events_that_do_not_run_on_the_active_node() -> None:
    idle = ACTIVE._replace(server=server(1, writable=True, idle_events="app.purge"))
    told = summary(STATUS._replace(here=idle))
    assert (told.status, told.word) == (1, "DEGRADED")
    assert "a: events do not run there: app.purge" in told.problems[0]
    standby = STANDBY._replace(server=server(2, writable=False, idle_events="app.purge"))
    assert summary(STATUS._replace(there=standby)).status == 0


def test_events_of_which_nothing_is_known() -> None:
    """That is not none."""
    trouble = "error 1260: Row 30 was cut by GROUP_CONCAT()"
    told = summary(STATUS._replace(here=ACTIVE._replace(
        server=server(1, writable=True, idle_events_trouble=trouble))))  # fmt: skip
    assert (told.status, told.word) == (1, "DEGRADED")
    assert told.problems == (f"a: whether all events run there is not known: {trouble}",)


def test_further_problems_are_counted() -> None:
    status = pair(here=ACTIVE._replace(verdict=DISK_FULL))._replace(
        marks=MARKS._replace(permit=False)
    )
    assert summary(status).sentence.endswith("1 MB is left (and 1 more)")
    assert len(summary(status).problems) == 2


@pytest.mark.parametrize(
    ("node", "word"),
    [
        (ACTIVE, "active"),
        (STANDBY, "standby"),
        (CLOSED_A, "holder, closed"),
        (CLOSED_A._replace(promoting=True), "holder, being promoted"),
        (OPEN_B, "open without the VIP"),
        (OPEN_B._replace(vip=None), "open"),
        (STANDBY._replace(vip=None), "closed"),
        (SILENT, "not answering"),
        (SILENT._replace(vip=None), "unknown"),
    ],
)
def test_roles(node: NodeSeen, word: str) -> None:
    assert role(node) == word


def behind(lacks: Lacks | None = None, **changes: Any) -> ServerSeen:
    """The closed server of the other node, with these changes to its channel."""
    (channel,) = facts(2, writable=False).channels
    return server(2, writable=False, channels=(channel._replace(**changes),), lacks=lacks)


def test_a_lag_of_the_other_node_that_gtids_disprove() -> None:
    there = config()._replace(peer="10.0.0.1")
    for lacks, reason in ((None, "LAG"), (Lacks("1-1-7", 1), "LAG"), (Lacks("", 0), "OK")):
        late = behind(lacks, lag_seconds=236411)
        assert judged(late, "", "", False, "open", there).reason == reason


def test_a_channel_of_the_other_node_from_a_third_server_does_not_count() -> None:
    there = config()._replace(peer="10.0.0.1")
    (channel,) = facts(2, writable=False).channels
    other = channel._replace(source_host="shard1", applier=False)
    both = facts(2, writable=False)._replace(channels=(channel, other))
    seen = server(2, writable=False, facts=both, channels=(channel,))
    assert judged(seen, "", "", False, "open", there).reason == "OK"


def test_other_node_is_judged_by_the_rules_of_the_check() -> None:
    """With this node in the place of its peer."""
    late = behind(receiver="Connecting")
    there = config()._replace(peer="10.0.0.1")
    open_here = judged(late, "", "", False, "open", there)
    assert (open_here.reason, open_here.status) == ("RECEIVER_STOPPED", 23)
    assert judged(late, "", "", False, "absent", there).reason == "OK"
    assert judged(None, "refusing", "refused", False, "open", there).reason == "MYSQLD_DOWN"
