"""`kachecks elect` on pairs that look right, of which keepalived makes something else.

What keepalived does was seen on 2.2.7: in its --dump-conf, its log, or two nodes that it ran on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kachecks.commands.elect.command import main
from tests.unit.doubles.election_conf import conf_text

Capture = pytest.CaptureFixture[str]
CHECK = "vrrp_script chk {\n script /usr/bin/false\n}\n"
TRACKED = "track_script { chk }"
USER = "global_defs {\n script_user root\n enable_script_security\n}\n"
VIP = "virtual_ipaddress { 10.0.0.100/24 }"
BASE = ("interface eth0", "virtual_router_id 51", VIP)
SECOND = (
    "vrrp_instance W {\n interface %s\n virtual_router_id %d\n priority %d\n"
    " virtual_ipaddress { 10.0.0.102/24 }\n %s\n}\n"
)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def elect(capsys: Capture, a: str, b: str, *options: str) -> dict[str, Any]:
    Path("A.conf").write_text(a)
    Path("B.conf").write_text(b)
    status = main(["A.conf", "B.conf", "--json", *options])
    answered: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answered["status"] == status
    return answered


def codes(answered: dict[str, Any]) -> set[str]:
    return {found["code"] for one in answered["elections"] for found in one["findings"]}


def said(answered: dict[str, Any], code: str) -> str:
    return " ".join(
        f"{found['sentence']} ({found['where']})"
        for one in answered["elections"]
        for found in one["findings"]
        if found["code"] == code
    )


def both(*lines: str, before: str = "", after: str = "") -> tuple[str, str]:
    """Two nodes that differ in their priority alone."""
    one, other = (conf_text(f"priority {n}", *lines, before=before) + after for n in (101, 100))
    return one, other


def test_a_tracker_that_is_defined_behind_the_instance_is_none(capsys: Capture) -> None:
    answered = elect(capsys, *both(TRACKED, before=USER, after=CHECK))
    assert codes(answered) == {"NO_CHECK", "NOT_AS_WRITTEN"}
    assert "chk is not defined before this line" in said(answered, "NOT_AS_WRITTEN")


def test_the_brace_of_an_unknown_block_closes_the_instance(capsys: Capture) -> None:
    """priority, nopreempt and the VIP behind it are unknown in their turn."""
    base = ("interface eth0", "virtual_router_id 51", "track_scripts { chk }")
    one, other = (
        conf_text(f"priority {n}", "nopreempt", VIP, before=USER + CHECK, base=base)
        for n in (150, 100)
    )
    answered = elect(capsys, one, other)
    assert answered["status"] == 2
    assert "NO_VIP" in codes(answered)
    told = said(answered, "PASSED_OVER")
    for word in ("track_scripts", "priority", "nopreempt", "virtual_ipaddress"):
        assert f"does not know {word} " in told
    a = answered["elections"][0]["a"]
    assert (a["priority"], a["nopreempt"], a["vips"]) == (100, False, [])


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (conf_text("priority"), "priority has no value (A.conf:5)"),
        (conf_text("auth_pass", "state"), "state has no value (A.conf:6)"),
        ("vrrp_script {\n}\n" + conf_text(), "vrrp_script has no value (A.conf:1)"),
        (conf_text(base=(BASE[0], VIP)), "has no virtual_router_id (A.conf:1)"),
        (conf_text(base=BASE[1:]), "has no interface (A.conf:1)"),
        (conf_text("version 3", base=BASE[:2]), "has no virtual_ipaddress (A.conf:1)"),
        (
            conf_text() + SECOND % ("eth0", 51, 9, ""),
            "V and W both have virtual_router_id 51 on eth0 (A.conf:6)",
        ),
        (conf_text() + "vrrp_instance W {\n interface eth1\n}\n", "has no virtual_router_id"),
        (
            conf_text("unicast_src_ip 10.0.0.1", "unicast_peer { 10.0.0.2 }", base=BASE[1:]),
            "has no interface",
        ),
        ("vrrp_script s {\n script x {\n}\n" + conf_text(), "a brace before this line is not"),
    ],
)
def test_one_fault_ends_all_of_keepalived(capsys: Capture, one: str, why: str) -> None:
    """ "exited with permanent error CONFIG. Terminating": the VIP of V is never here."""
    answered = elect(capsys, one, conf_text("priority 99"), "--instance=V")
    assert answered["status"] == 2
    assert why in said(answered, "KEEPALIVED_ENDS")
    rows = answered["elections"][0]["situations"]
    assert all(row["holders_if_a_held"] in ([], ["B"]) for row in rows)


@pytest.mark.parametrize(
    "second",
    [
        SECOND % ("eth0", 51, 9, "unicast_src_ip 10.0.0.1\n unicast_peer { 10.0.0.9 }"),
        SECOND % ("eth0", 51, 9, "mcast_dst_ip 224.0.0.19"),
        SECOND % ("eth1", 51, 9, ""),
    ],
)
def test_one_virtual_router_id_that_is_none_another(capsys: Capture, second: str) -> None:
    one, other = both(after=second)
    assert "KEEPALIVED_ENDS" not in codes(elect(capsys, one, other))


def test_addresses_that_are_none(capsys: Capture) -> None:
    base = (*BASE[:2], "virtual_ipaddress {", " 10.0.9/24", " 10.0.0.09", " fd00::1/64", "}")
    lines = ("unicast_src_ip db1", "unicast_peer { db2 }")
    one = conf_text(*lines, base=base)
    answered = elect(capsys, one, one.replace("db1", "db3"))
    a = answered["elections"][0]["a"]
    assert (a["vips"], a["peers"], a["source"]) == (["fd00::1"], [], "")
    told = said(answered, "NOT_AS_WRITTEN")
    for word in ("10.0.9/24", "10.0.0.09", "db1", "db2"):
        assert f"{word} is no address" in told
    assert "keepalived uses multicast" in told
    assert answered["status"] == 1
    none = (*BASE[:2], "virtual_ipaddress { 10.0.9/24 }")
    excluded = (*BASE[:2], "virtual_ipaddress_excluded { 10.0.0.100/24 }")
    for base, nothing in ((none, True), (excluded, False)):
        pair = [conf_text(f"priority {n}", base=base) for n in (101, 100)]
        assert ("NO_VIP" in codes(elect(capsys, *pair))) == nothing


def test_a_no_break_space_is_no_blank(capsys: Capture) -> None:
    one, other = both("nopreempt")
    answered = elect(capsys, one.replace("nopreempt", "nopreempt\u00a0"), other)
    assert {"PASSED_OVER", "NOPREEMPT_ON_ONE_NODE"} <= codes(answered)
    assert r"does not know 'nopreempt\xa0'" in said(answered, "PASSED_OVER")


def test_an_instance_that_is_there_twice_counts_once(capsys: Capture) -> None:
    again = (SECOND % ("eth0", 52, 99, "")).replace("W", "V")
    answered = elect(capsys, *both(after=again))
    assert len(answered["elections"]) == 1
    assert "vrrp_instance V is defined twice" in said(answered, "PASSED_OVER")
    assert answered["elections"][0]["a"]["vips"] == ["10.0.0.100"]


def test_a_check_on_one_instance_guards_the_whole_sync_group(capsys: Capture) -> None:
    """FAULT of V took the VIP of W along."""
    group = USER + CHECK + "vrrp_sync_group G {\n group { V W }\n}\n"
    second = [SECOND % ("eth1", 52, n, "") for n in (150, 100)]
    one = conf_text("priority 150", TRACKED, before=group) + second[0]
    other = conf_text("priority 100", TRACKED, before=group) + second[1]
    answered = elect(capsys, one, other)
    assert codes(answered) == set()
    failed = [
        [row["holders_if_a_held"] for row in one["situations"] if row["a"] == "chk failed"]
        for one in answered["elections"]
    ]
    assert failed[0] == failed[1]
    assert ["B"] in failed[1]


def test_state_master_claims_nothing(capsys: Capture) -> None:
    """It waits as long as BACKUP; what it does is to clear nopreempt."""
    answered = elect(capsys, *both("state MASTER", TRACKED, before=USER + CHECK))
    assert (answered["status"], codes(answered)) == (0, set())
    answered = elect(capsys, *both("state MASTER", "nopreempt", TRACKED, before=USER + CHECK))
    assert codes(answered) == {"NOT_AS_WRITTEN"}


@pytest.mark.parametrize(
    ("lines", "state", "nopreempt", "authenticated"),
    [
        (["authentication {", "auth_type AH", "auth_pass x", "}"], "BACKUP", True, True),
        (["authentication {", "auth_type pass", "auth_pass x", "}"], "MASTER", False, False),
    ],
)
def test_authentication(
    capsys: Capture, lines: list[str], state: str, nopreempt: bool, authenticated: bool
) -> None:
    """AH makes MASTER BACKUP before nopreempt is looked at; ``pass`` in small letters is none."""
    one, other = both("state MASTER", "priority 99", "nopreempt", *lines)
    a = elect(capsys, one, other)["elections"][0]["a"]
    assert (a["state"], a["nopreempt"], a["authenticated"]) == (state, nopreempt, authenticated)


def test_unicast_over_ipv6_needs_a_source(capsys: Capture) -> None:
    """Without it both nodes stayed in FAULT: bind unicast_src fe80::... failed 99."""
    base = (*BASE[:2], "virtual_ipaddress { fd00::100/64 }", "unicast_peer { fd00::2 }")
    one = conf_text("priority 150", base=base)
    answered = elect(capsys, one, one.replace("fd00::2", "fd00::1").replace("150", "100"))
    assert answered["status"] == 2
    assert "needs unicast_src_ip" in said(answered, "IPV6_UNICAST_SOURCE")


def test_script_security_without_a_user(capsys: Capture) -> None:
    before = "global_defs { enable_script_security }\n" + CHECK
    answered = elect(capsys, *both(TRACKED, before=before))
    assert codes(answered) == {"SCRIPT_USER"}
    own = CHECK.replace("}", " user root\n}")
    answered = elect(
        capsys, *both(TRACKED, before="global_defs { enable_script_security }\n" + own)
    )
    assert codes(answered) == set()


def test_the_first_of_two_counts_where_keepalived_takes_the_first(capsys: Capture) -> None:
    lines = (
        "version 2", "version 3", "state MASTER", "state BACKUP",
        "track_script {", "chk weight -5", "chk weight -70", "}",
        "track_interface {", "eth1 weight -20", "eth1 weight -30", "}",
    )  # fmt: skip
    a = elect(capsys, *both(*lines, before=USER + CHECK))["elections"][0]["a"]
    assert (a["version"], a["state"]) == (2, "MASTER")
    assert [(one["name"], one["weight"]) for one in a["trackers"]] == [("chk", -5), ("eth1", -20)]


def test_weights_out_of_range(capsys: Capture) -> None:
    before = (
        USER
        + CHECK.replace("}", " weight 1.5\n}")
        + "track_file f {\n file /tmp/f\n weight 300\n}\n"
    )
    lines = ("track_script { chk }", "track_file { f }", "track_interface { eth1 weight 254 }")
    a = elect(capsys, *both(*lines, before=before))["elections"][0]["a"]
    weights = {one["name"]: one["weight"] for one in a["trackers"]}
    assert weights == {"chk": 1, "f": 1, "eth1": 253}


def test_an_address_that_is_there_twice_counts_twice(capsys: Capture) -> None:
    """Both nodes were MASTER: an unexpected ip number count 2, expected 1."""
    twice = (*BASE[:2], "virtual_ipaddress {", "10.0.0.100/24", "10.0.0.100/24 dev eth0", "}")
    answered = elect(capsys, conf_text("priority 150", base=twice), conf_text())
    assert answered["status"] == 2
    assert "it carries 2 addresses, and 1 are expected" in said(answered, "ADVERTS_DROPPED")


def test_both_nodes_send_from_the_same_address(capsys: Capture) -> None:
    """Both were MASTER: a kernel drops what comes from its own address."""
    answered = elect(capsys, *both("mcast_src_ip 10.0.0.1"))
    assert answered["status"] == 2
    assert "both nodes send from 10.0.0.1" in said(answered, "ADVERTS_DROPPED")


def test_the_same_file_twice_says_nothing(capsys: Capture) -> None:
    Path("A.conf").write_text(conf_text("@a priority 9", TRACKED, before=USER + CHECK))
    assert main(["A.conf", "A.conf"]) == 2
    assert "SAME_FILE" in capsys.readouterr().out
    assert main(["A.conf", "A.conf", "--config-id-a=a", "--config-id-b=b"]) == 0


def test_no_peer_to_unicast_to(capsys: Capture) -> None:
    answered = elect(capsys, *both("unicast_fault_no_peer"))
    assert "unicast_fault_no_peer does that" in said(answered, "FAULT_WHEN_WELL")


@pytest.mark.parametrize(
    "text",
    [
        "a {\n" * 3000 + conf_text() + "}\n" * 3000,
        conf_text()[:-2] + "x {\n" * 3000 + "}\n" * 3000,
        conf_text() + "\x02 \x01\x1c {\n\x7f\n}\n",
    ],
)
def test_what_is_odd_is_passed_over(capsys: Capture, text: str) -> None:
    assert "PASSED_OVER" in codes(elect(capsys, text, conf_text()))


@pytest.mark.parametrize(
    "line",
    ["include " + "{a,b}" * 40, "$A=$A\n$A", "~SEQ(x,1,3) $x", "x" * 2000, "x ${_RANDOM}", "x\0"],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(capsys: Capture, line: str) -> None:
    Path("A.conf").write_text(f"{line}\n{conf_text()}")
    Path("B.conf").write_text(conf_text())
    status = main(["A.conf", "B.conf"])
    told = capsys.readouterr().err
    assert (status, told.count("\n")) == (3, 1)
    assert told.startswith("kachecks elect: A.conf:")


def test_it_is_read_as_that_keepalived_reads_it(capsys: Capture) -> None:
    """A check in a sync group, which 2.1.5 forgets."""
    group = "vrrp_sync_group G {\n group { V W }\n}\n"
    one, other = both(TRACKED, before=USER + CHECK + group, after=SECOND % ("eth0", 52, 9, ""))
    assert "NO_CHECK" not in codes(elect(capsys, one, other))
    assert "NO_CHECK" in codes(elect(capsys, one, other, "--keepalived=2.1.5"))
    assert "NO_CHECK" not in codes(elect(capsys, one, other, "--keepalived=2.3"))


def test_what_is_no_version_is_refused(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        elect(capsys, *both(), "--keepalived=new")
    assert "new is no version, such as 2.2.7" in capsys.readouterr().err
