"""doctor on this host: break one thing, and that very rule is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kachecks.commands.doctor.host.facts import (
    CheckRun,
    Directory,
    File,
    HostAddress,
    LinkSeen,
    OtherPair,
    Part,
)
from kachecks.commands.doctor.rule import WARNING
from kachecks.commands.doctor.tables import RULES
from tests.unit.doubles.doctor_world import (
    CHECK,
    OPTION_FILE,
    SECOND,
    UNIT,
    Break,
    World,
    findings,
    good,
    names,
    right,
)

MASTER, BACKUP = "/opt/kachecks/bin/notify_master", "/opt/kachecks/bin/notify_backup"
SYSTEMD = {"SYSTEMD_STOP", "SYSTEMD_STOP_POST", "SYSTEMD_TIMEOUT", "SYSTEMD_RESTART"}
SYSTEMD |= {"SYSTEMD_RELOAD"}
DROP_IN = "kachecks-keepalived.service.d.conf"


def _keepalived(world: World, **changes: Any) -> World:
    return world.with_host(program=changes)


SECURITY = "SECURITY VIOLATION - scripts are being executed but script_security not enabled."


def test_keepalived_that_complains_about_security_alone(tmp_path: Path) -> None:
    """SCRIPT_SECURITY tells that, and one line without a place is no complaint with status 0."""
    world = _keepalived(right(), test_status=6, complaints=(SECURITY,))
    assert findings(world, tmp_path) == []
    told = ("(V) the first IPv6 VIP address must be link local",)  # 2.1.5, whose -t ends with 0
    assert findings(_keepalived(right(), test_status=0, complaints=told), tmp_path) == []


def _systemd(world: World, **changes: str) -> World:
    return world.with_host(systemd={**UNIT, "TimeoutStopUSec": "1min 30s", **changes})


def _server_unit(world: World, **changes: str) -> World:
    return world.with_host(
        server_unit={"Id": "mysql.service", "UnitFileState": "enabled", **changes},
        systemd={**UNIT, "After": "mysql.service"},
    )


def _page(world: World, **changes: Any) -> World:
    return world.with_options("# alert", "alert").with_file("/usr/local/bin/page", **changes)


def _address(address: str) -> HostAddress:
    return HostAddress("eth0", address, 24)


def _run(status: int, said: str, reason: str) -> CheckRun:
    return CheckRun(f"{CHECK} --json", "root", status, said, reason=reason)


OWN, PEERS, SECOND_CARD, THIRD = (f"02:00:0a:00:00:{n}" for n in ("01", "02", "12", "77"))
VIRTUAL = "00:00:5e:00:01:33"


def _link(world: World, here: bool, *vip: str, peer: tuple[str, ...] = (PEERS,)) -> World:
    seen = LinkSeen("eth0", OWN, here, frozenset(vip), frozenset(peer))
    return world.with_host(link=seen, peer_by_sql=True)


def _pair(**changes: str) -> OtherPair:
    usual = OtherPair("/etc/kachecks/two.cnf", "two", ("10.0.0.101",), "/run/mysqld/two.sock")
    return usual._replace(**changes)  # type: ignore[arg-type]


def test_nothing_is_wrong_without_systemd(tmp_path: Path) -> None:
    assert findings(right().with_host(systemd=None, made_at_boot=None), tmp_path) == []


def _part(path: str, **changes: int) -> tuple[Part, ...]:
    """The way to the check, with one part of it changed."""
    return tuple(
        part._replace(**changes) if part.path == path else part for part in good(CHECK).parts
    )


# fmt: off
WRONG: list[tuple[str, str, str, Break]] = [
    # what is broken, the rules that must be named, words of a cure, and how it is broken
    ("no witness", "WITNESS", "witness = ", lambda w: w.with_options("\nwitness", "\n# witness")),
    ("the peer is this host", "ADDRESSES", "peer",
        lambda w: w.with_options("peer = 10.0.0.2", "peer = 10.0.0.1")),
    ("the witness is this host", "ADDRESSES", "witness",
        lambda w: w.with_options("witness = 10.0.0.254", "witness = 10.0.0.1")),
    ("an alert program that is not there", "ALERT", "/usr/local/bin/page",
        lambda w: _page(w, found=False, why="No such file or directory", parts=())),
    ("an alert program with arguments", "ALERT", "it takes no arguments: write a script",
        lambda w: w.with_options("# alert = /usr/local/bin/page", "alert = /bin/page root")
        .with_file("/bin/page root", found=False, why="No such file or directory", parts=())),
    ("an alert program that is not executable", "ALERT", "/usr/local/bin/page",
        lambda w: _page(w, executable=False)),
    ("an alert program without #!", "ALERT", "/usr/local/bin/page",
        lambda w: _page(w, interpreter=None)),
    ("an alert program that is somebody's", "ALERT", "/usr/local/bin/page",
        lambda w: _page(w, parts=_part("/opt", uid=9))),
    ("keepalived is not installed", "KEEPALIVED_INSTALLED", "keepalived",
        lambda w: _keepalived(w, path="")),
    ("keepalived 2.0", "KEEPALIVED_VERSION", "2.1", lambda w: _keepalived(w, version=(2, 0, 20))),
    ("keepalived -t complains", "KEEPALIVED_ACCEPTS", "line",
        lambda w: _keepalived(w, test_status=5, complaints=("Unknown keyword 'x'",))),
    ("keepalived -t complains besides about security", "KEEPALIVED_ACCEPTS", "line",
        lambda w: _keepalived(w, test_status=6, complaints=(SECURITY, "(L) Unknown keyword 'x'"))),
    ("keepalived -t complains and ends with 0", "KEEPALIVED_ACCEPTS", "line",
        lambda w: _keepalived(w, test_status=0, complaints=("(f: Line 5) Unknown keyword 'x'",))),
    ("keepalived -t says nothing but no", "KEEPALIVED_ACCEPTS", "line",
        lambda w: _keepalived(w, test_status=4)),
    ("keepalived reads another file", "KEEPALIVED_READS", "/etc/other.conf",
        lambda w: _keepalived(w, arguments=("keepalived", "-f", "/etc/other.conf"))),
    ("keepalived keeps the VIP when it stops", "VIP_RELEASED KEEPALIVED_READS",
        "--dont-release-vrrp",
        lambda w: _keepalived(w, arguments=("keepalived", "--dont-release-vrrp"))),
    ("the check is not there", "SCRIPT_FOUND", CHECK,
        lambda w: w.with_file(CHECK, found=False, why="No such file or directory", parts=())),
    ("the check is named by no path", "SCRIPT_FOUND", "absolute path of check_mysql",
        lambda w: w.with_conf(CHECK, "check_mysql")),
    ("the check is not executable", "SCRIPT_EXECUTABLE", f"chmod +x {CHECK}",
        lambda w: w.with_file(CHECK, executable=False)),
    ("the check's interpreter is gone", "SCRIPT_INTERPRETER", "/opt/venv/bin/python",
        lambda w: w.with_file(CHECK, interpreter="/opt/venv/bin/python", interpreter_found=False)),
    ("a hook without #!", "SCRIPT_INTERPRETER", MASTER,
        lambda w: w.with_file(MASTER, interpreter=None)),
    ("the check belongs to somebody", "SCRIPT_SAFE", f"chown root:root {CHECK}",
        lambda w: w.with_file(CHECK, parts=_part(CHECK, uid=1000))),
    ("anybody may write beside the check", "SCRIPT_SAFE", "chmod go-w /opt/kachecks/bin",
        lambda w: w.with_file(CHECK, parts=_part("/opt/kachecks/bin", mode=0o40777))),
    ("a group may write beside the check", "SCRIPT_SAFE", "chmod go-w /opt",
        lambda w: w.with_file(CHECK, parts=_part("/opt", mode=0o40775, gid=50))),
    ("script security is off", "SCRIPT_SECURITY", "enable_script_security",
        lambda w: w.with_conf("enable_script_security\n", "\n")),
    ("scripts run as somebody else", "SCRIPT_USER", "script_user root",
        lambda w: w.with_conf("script_user root", "script_user mysql")
            .with_host(users={"mysql": 101, "keepalived_script": None})),
    ("a hook runs as somebody else", "SCRIPT_USER", "remove the user from notify_fault",
        lambda w: w.with_conf(f'notify_fault  "{BACKUP}"', f'notify_fault  "{BACKUP}" mysql')
            .with_host(users={"mysql": 101, "keepalived_script": None})),
    ("no script_user, so that every script is disabled", "SCRIPT_USER", "script_user root",
        lambda w: w.with_conf("script_user root", "")),
    ("a hook that is not ours", "FOREIGN_HOOK", "/usr/local/bin/mail_me",
        lambda w: w.with_conf(MASTER, "/usr/local/bin/mail_me")
            .with_file("/usr/local/bin/mail_me", text="#!/bin/sh\n# notify_master\nmail me\n")),
    ("a hook beside ours that kills", "NOTIFY_KILLS", "/usr/local/bin/end",
        lambda w: w.with_conf("    notify_master", "  notify /usr/local/bin/end\n  notify_master")
            .with_file("/usr/local/bin/end", text="#!/bin/sh\nkillall keepalived\n")),
    ("the check cannot be executed", "CHECK_RUNS", CHECK,
        lambda w: w.with_host(passing=CheckRun(CHECK, "root", None, error="Exec format error"))),
    ("the check does not end", "CHECK_RUNS", CHECK,
        lambda w: w.with_host(passing=CheckRun(CHECK, "root", None, error="it had not ended"))),
    ("the check is ended by a signal", "CHECK_RUNS", CHECK,
        lambda w: w.with_host(passing=_run(-9, "", ""))),
    ("the check cannot tell", "CHECK_RUNS", CHECK,
        lambda w: w.with_host(passing=_run(0, "UNKNOWN: access denied", "UNKNOWN"))),
    ("the check is something else", "CHECK_RUNS", CHECK,
        lambda w: w.with_host(passing=_run(0, "all is well", ""))),
    ("the check fails", "CHECK_PASSES", CHECK,
        lambda w: w.with_host(passing=_run(20, "APPLIER_STOPPED: 1062", "APPLIER_STOPPED"))),
    ("the check cannot fail", "CHECK_FAILS", CHECK,
        lambda w: w.with_host(failing=_run(0, "OK", "OK"))),
    ("the check fails with another status", "CHECK_FAILS", CHECK,
        lambda w: w.with_host(failing=_run(5, "", ""))),
    ("maintenance", "MAINTENANCE", "maintenance off",
        lambda w: w.with_host(passing=_run(18, "MAINTENANCE: new disk", "MAINTENANCE"))),
    ("the option file is somebody's", "OPTION_FILE", OPTION_FILE,
        lambda w: w.with_host(
            option_file=File(OPTION_FILE, True, "", (Part(OPTION_FILE, 1000, 0, 0o100600),)))),
    ("an ACL on the way to the option file", "OPTION_FILE", "setfacl -b /etc/kachecks",
        lambda w: w.with_host(option_file=File(OPTION_FILE, True, "", (
            Part("/etc/kachecks", 0, 0, 0o40775, ("uid 1000",)), *good(OPTION_FILE).parts[-1:])))),
    ("two option files with one name", "OTHER_PAIRS", "/etc/kachecks/two.cnf",
        lambda w: w.with_host(other_pairs=(_pair(name="main"),))),
    ("two option files with one server", "OTHER_PAIRS", "/etc/kachecks/two.cnf",
        lambda w: w.with_host(other_pairs=(_pair(server="/run/mysqld/mysqld.sock"),))),
    ("no run directory, so that the permit is ignored", "RUN_DIR", "/run/kachecks",
        lambda w: w.with_host(run_dir=Directory("/run/kachecks", False))),
    ("a link is in the way", "RUN_DIR", "remove what is in the way (namei -l /run/kachecks)",
        lambda w: w.with_host(run_dir=Directory("/run/kachecks", False, in_the_way=True))),
    ("anybody may write into the run directory", "RUN_DIR", "chmod 0700 /run/kachecks",
        lambda w: w.with_host(run_dir=Directory("/run/kachecks", True, 0, 0o40777))),
    ("an ACL of the run directory", "RUN_DIR", "setfacl -b /run/kachecks",
        lambda w: w.with_host(run_dir=Directory("/run/kachecks", True, granted=("gid 50",)))),
    ("the run directory outlives a reboot", "RUN_DIR_VOLATILE", "/run",
        lambda w: w.with_host(run_dir=Directory("/srv/k", True, file_system="ext4"))),
    ("nothing makes the run directory at boot", "RUN_DIR_AT_BOOT", "/run/kachecks",
        lambda w: w.with_host(made_at_boot=frozenset({"/run/other"}))),
    ("a state directory that is read-only", "STATE_DIR", "/var/lib/kachecks",
        lambda w: w.with_host(state_dir=Directory("/var/lib/kachecks", True, writable=False))),
    ("a state directory that a reboot empties", "STATE_DIR_LASTING", "state_dir",
        lambda w: w.with_host(state_dir=Directory("/tmp/k", True, file_system="tmpfs"))),  # noqa: S108
    ("a state directory that is somebody's", "STATE_DIR", "chown root:root /var/lib/kachecks",
        lambda w: w.with_host(state_dir=Directory("/var/lib/kachecks", True, 7))),
    ("no ExecStop", "SYSTEMD_STOP", DROP_IN, lambda w: _systemd(w, ExecStop="")),
    ("no ExecStopPost", "SYSTEMD_STOP_POST", DROP_IN, lambda w: _systemd(w, ExecStopPost="")),
    ("systemd waits too short a time", "SYSTEMD_TIMEOUT", "TimeoutStopSec",
        lambda w: _systemd(w, TimeoutStopUSec="5s")),
    ("no Restart", "SYSTEMD_RESTART", "Restart", lambda w: _systemd(w, Restart="no")),
    ("systemd gives up", "SYSTEMD_START_LIMIT", "StartLimitIntervalSec=0",
        lambda w: _systemd(w, StartLimitIntervalUSec="10s")),
    ("a drop-in that systemd has not read", "SYSTEMD_RELOAD", "daemon-reload",
        lambda w: _systemd(w, NeedDaemonReload="yes")),
    ("keepalived runs but does not start at boot", "SYSTEMD_ENABLED", "systemctl enable",
        lambda w: _systemd(w, UnitFileState="disabled")),
    ("the server does not start at boot", "SERVER_ENABLED", "systemctl enable mysql.service",
        lambda w: _server_unit(w, UnitFileState="disabled")),
    ("the server is masked", "SERVER_ENABLED", "systemctl unmask mysql.service",
        lambda w: _server_unit(w, UnitFileState="masked")),
    ("keepalived starts beside the server", "SYSTEMD_ORDER", "After=mysqld@two.service",
        lambda w: _server_unit(w, Id="mysqld@two.service")),
    ("a hardened unit that has not been started", "KEEPALIVED_CAPABILITIES KEEPALIVED_RUNS",
        "add CAP_KILL to",
        lambda w: _systemd(
            _keepalived(w, arguments=(), capabilities=None),
            CapabilityBoundingSet="cap_net_admin cap_net_raw cap_sys_ptrace")),
    ("no such interface", "INTERFACE", "interface",
        lambda w: w.with_host(interfaces={"ens3": 0x1003})),
    ("the interface is down", "INTERFACE", "eth0",
        lambda w: w.with_host(interfaces={"eth0": 0x1002})),
    ("an interface without multicast", "INTERFACE", "unicast_peer",
        lambda w: w.with_host(interfaces={"eth0": 0x1})),
    ("the kernel answers no ARP", "ARP_ANSWERS", "arp_ignore",
        lambda w: w.with_host(sysctl={"arp_ignore/all": "8"})),
    ("the kernel answers no ARP on the interface", "ARP_ANSWERS", "arp_ignore",
        lambda w: w.with_host(sysctl={"arp_ignore/all": "0", "arp_ignore/eth0": "8"})),
    ("two pairs' VIPs in a subnet of their own", "VIP_SUBNET", "second",
        lambda w: w._replace(conf=w.conf + SECOND.format(52, "10.0.0.101/24"))
            .with_host(addresses=(_address("192.168.0.1"), _address("10.0.0.100")))),
    ("no witness answers", "WITNESS_ANSWERS", "10.0.0.254",
        lambda w: w.with_host(silent_witnesses=("10.0.0.254",))),
    ("one of two witnesses answers", "WITNESSES_ANSWER", "10.0.0.253",
        lambda w: w.with_options("witness = 10.0.0.254", "witness = 10.0.0.254, 10.0.0.253")
            .with_host(silent_witnesses=("10.0.0.253",))),
    ("a firewall drops VRRP", "ADVERTS_HEARD", "IP protocol 112",
        lambda w: w.with_host(adverts_heard=False)),
    ("a hardened unit", "KEEPALIVED_CAPABILITIES", "add CAP_KILL CAP_SYS_PTRACE to",
        lambda w: _keepalived(w, capabilities=((1 << 41) - 1) & ~(1 << 5) & ~(1 << 19))),
    ("keepalived does not run the check", "CHECK_AT_WORK", "reload keepalived",
        lambda w: w.with_host(check_age=None)),
    ("keepalived no longer runs the check", "CHECK_AT_WORK", "reload keepalived",
        lambda w: w.with_host(check_age=3600.0)),
    ("ExecStop without this pair", "SYSTEMD_STOP ONE_OPTION_FILE", "--also=/etc/kachecks/two.cnf",
        lambda w: w._replace(path="/etc/kachecks/two.cnf")),
    ("the check fails and the VIP stays", "CHECK_PASSES", CHECK,
        lambda w: w.with_host(passing=_run(0, "DISK_FULL: 1M", "DISK_FULL"))),
    ("another interface in the option file", "VRRP_INTERFACE", "interface = eth0",
        lambda w: w.with_options("\n# interface = eth0", "\ninterface = eth1")),
    ("the way to the peer is another interface", "VRRP_INTERFACE", "interface = eth0",
        lambda w: w.with_host(interface_towards_peer="eth1")),
    ("keepalived has not noticed", "KEEPALIVED_FAULT", "reload keepalived",
        lambda w: w.with_host(keepalived_state="FAULT")),
    ("a third host answers beside us", "VIP_ONE_HOST", f"find {THIRD}",
        lambda w: _link(w, True, THIRD)),
    ("the peer answers beside us", "VIP_ONE_HOST", "--drop-vip", lambda w: _link(w, True, PEERS)),
    ("a third host answers beside the peer", "VIP_ONE_HOST", f"find {THIRD} ",
        lambda w: _link(w, False, PEERS, THIRD)),
    ("two hosts answer, and the peer is elsewhere", "VIP_ONE_HOST", f"find {SECOND_CARD}, {THIRD}",
        lambda w: _link(w, False, SECOND_CARD, THIRD, peer=()).with_host(addresses=())),
    ("somebody answers who is not known as the peer", "VIP_AT_PEER", SECOND_CARD,
        lambda w: _link(w, False, SECOND_CARD)),
    ("a switch that drops probes", "PEER_ARP", "0.0.0.0", lambda w: _link(w, False, peer=())),  # noqa: S104
    ("ping is filtered", "PEER_PING", "ICMP",
        lambda w: w.with_host(peer_pings=False, peer_by_sql=True)),
    ("ping is filtered and the peer's mysqld is stopped", "PEER_PING", "ICMP",
        lambda w: _link(w, True).with_host(peer_pings=False, peer_by_sql=False)),
    ("a clock of its own", "CLOCK", "chrony", lambda w: w.with_host(clock_synchronised=False)),
]
# fmt: on


@pytest.mark.parametrize(
    ("rule", "cure", "act"), [pytest.param(*wrong, id=what) for what, *wrong in WRONG]
)
def test_that_very_rule_is_named(rule: str, cure: str, act: Break, tmp_path: Path) -> None:
    found = findings(act(right()), tmp_path)
    assert names(found) == set(rule.split())
    assert any(cure in one.cure for one in found)
    assert all(one.checked for one in found)


def test_what_only_root_may_know_is_not_passed_over(tmp_path: Path) -> None:
    """Each is said as not checked, and none counts as more than a warning."""
    denied = {"found": None, "why": "Permission denied", "parts": ()}
    world = (
        right()
        .with_file(CHECK, **denied)
        .with_host(
            passing=None,
            failing=None,
            not_run="run doctor as root",
            silent_witnesses=None,
            root=False,
            run_dir=Directory("/run/kachecks", None),
            check_age=None,
            program={"test_status": None},
        )
    )
    found = findings(world, tmp_path)
    assert names(found) == {
        "ADVERTS_HEARD",
        "CHECK_AT_WORK",
        "CHECK_FAILS",
        "CHECK_PASSES",
        "CHECK_RUNS",
        "KEEPALIVED_ACCEPTS",
        "KEEPALIVED_FAULT",
        "OTHER_PAIRS",
        "RUN_DIR",
        "SCRIPT_FOUND",
        "VIP_ONE_HOST",
        "WITNESS_ANSWERS",
    }
    assert {(one.checked, one.level) for one in found} == {(False, 1)}


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"systemd": {"LoadState": "not-found"}}, SYSTEMD),
        ({"systemd": {}}, SYSTEMD),  # it does not answer
        ({"server_unit": {}}, {"SERVER_ENABLED"}),  # started by hand
        ({"program": {"arguments": None}, "check_age": None}, {"KEEPALIVED_RUNS"}),
        ({"program": {"version": None}}, {"KEEPALIVED_VERSION"}),
        ({"program": {"test_status": None}}, {"KEEPALIVED_ACCEPTS"}),
        ({"state_dir": Directory("/var/lib/kachecks", None)}, {"STATE_DIR"}),
        ({"clock_synchronised": None}, {"CLOCK"}),
        ({"state_not_told": "keepalived was built without JSON"}, {"KEEPALIVED_FAULT"}),
    ],
)
def test_what_cannot_be_told_is_not_passed_over(
    changes: dict[str, Any], rules: set[str], tmp_path: Path
) -> None:
    found = findings(right().with_host(**changes), tmp_path)
    assert {(one.rule.name, one.checked) for one in found} == {(rule, False) for rule in rules}


def test_no_keepalived_runs_yet(tmp_path: Path) -> None:
    world = right().with_host(program={"arguments": ()}, check_age=None)
    found = findings(world, tmp_path)
    assert [(one.rule.name, one.rule.level) for one in found] == [("KEEPALIVED_RUNS", WARNING)]


def test_before_the_first_start_only_that_is_said(tmp_path: Path) -> None:
    """As on Red Hat's family, whose package enables nothing."""
    world = _systemd(right(), UnitFileState="disabled")
    world = _keepalived(world, arguments=(), capabilities=None).with_host(check_age=None)
    assert names(findings(world, tmp_path)) == {"KEEPALIVED_RUNS"}


def test_before_the_first_start_nothing_is_wrong(tmp_path: Path) -> None:
    """As on Debian, whose package enables it, but does not start it without a file."""
    world = _keepalived(right(), arguments=(), capabilities=None).with_host(check_age=None)
    (told,) = findings(_systemd(world, ExecMainStartTimestampMonotonic="0"), tmp_path)
    assert (told.rule.name, told.checked, told.level) == ("KEEPALIVED_RUNS", False, 0)
    (told,) = findings(_systemd(world, ExecMainStartTimestampMonotonic="7"), tmp_path)
    assert (told.rule.name, told.checked) == ("KEEPALIVED_RUNS", True)


def test_a_masked_unit(tmp_path: Path) -> None:
    world = _systemd(right(), LoadState="masked", UnitFileState="masked")
    (told, *rest) = sorted(findings(world, tmp_path), key=lambda one: not one.checked)
    assert (told.rule.name, told.checked) == ("SYSTEMD_ENABLED", True)
    assert "systemctl unmask keepalived" in told.cure
    assert {one.sentence for one in rest} == {"keepalived.service is masked: SYSTEMD_ENABLED"}


@pytest.mark.parametrize(
    "changes",
    [
        {"StartLimitIntervalUSec": "10s", "RestartUSec": "3s"},  # five pauses take longer
        {"StartLimitIntervalUSec": "10s", "StartLimitBurst": "0"},
        {"UnitFileState": "static"},
        {"UnitFileState": "generated"},  # of an init script
    ],
)
def test_nothing_is_wrong_with_the_unit(changes: dict[str, str], tmp_path: Path) -> None:
    assert findings(_systemd(right(), **changes), tmp_path) == []


def test_every_rule_has_a_name_of_its_own_and_says_what_why_and_how() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule.name == rule.name.upper()
        assert rule.checked and rule.why and rule.cure, rule.name


@pytest.mark.parametrize(
    "act",
    [
        lambda w: _link(w, True),
        lambda w: _link(w, False, PEERS),
        lambda w: _link(w, False, VIRTUAL),  # use_vmac
        lambda w: _link(w, False, VIRTUAL, PEERS),
        lambda w: _link(w, True, VIRTUAL),
        lambda w: _link(w, False, PEERS, SECOND_CARD, peer=(PEERS, SECOND_CARD)),
        lambda w: _link(w, False),
        lambda w: _link(w, False, peer=()).with_host(peer_by_sql=False),  # off
        lambda w: _link(w, False, THIRD, peer=()).with_host(addresses=()),  # routed
        lambda w: _link(w, False, peer=()).with_host(addresses=(_address("192.168.0.1"),)),
        lambda w: w.with_host(link=LinkSeen("ppp0", "", False, frozenset(), frozenset())),
        lambda w: w.with_host(peer_pings=False),  # off
        lambda w: w.with_host(keepalived_state="BACKUP"),
    ],
)
def test_nothing_is_wrong_on_the_link(act: Break, tmp_path: Path) -> None:
    assert findings(act(right()), tmp_path) == []


def test_both_macs_are_named(tmp_path: Path) -> None:
    (mine,) = findings(_link(right(), True, THIRD), tmp_path)
    assert OWN in mine.sentence and THIRD in mine.sentence
    (theirs,) = findings(_link(right(), False, PEERS, THIRD), tmp_path)
    assert f"{PEERS}, {THIRD} ({PEERS} is the peer)" in theirs.sentence
