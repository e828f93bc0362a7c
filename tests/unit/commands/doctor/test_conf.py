"""doctor on keepalived.conf: none on the right one; break one thing, that very rule is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.commands.doctor.conf.file import read_conf
from kachecks.commands.doctor.rule import HERE
from tests.unit.doubles.doctor_world import (
    OPTION_FILE,
    SECOND,
    Break,
    World,
    findings,
    names,
    right,
    snippet,
)

MASTER = "/opt/kachecks/bin/notify_master"
BACKUP = "/opt/kachecks/bin/notify_backup"
MYSQLD = "vrrp_track_process mysqld { process mysqld }"
PERMIT = "track_file {\n        permit\n    }"
UNICAST = "unicast_src_ip {}\n    unicast_peer {{\n        {}\n    }}\n    nopreempt"
AUTHENTICATED = "nopreempt\n    authentication {{ auth_type PASS\n auth_pass {} }}"


def on_both(world: World, old: str, new: str) -> World:
    return world.with_conf(old, new).with_peer_conf(old, new)


def permit_too_late(world: World, which: str = "conf") -> World:
    """track_file behind the instance that tracks it."""
    conf: str = getattr(world, which)
    begin, end = conf.index("track_file permit"), conf.index("vrrp_instance")
    return world._replace(**{which: conf[:begin] + conf[end:] + conf[begin:end]})


def virtual_server() -> str:
    return snippet("keepalived.conf.virtual_server")


def by_real_server(world: World) -> World:
    """The older way, as its snippet says: no vrrp_script, no permit, that appended."""
    for block in (TRACKED, PERMIT):
        world = on_both(world, block, "")
    return world._replace(
        conf=world.conf + virtual_server(), peer_conf=world.peer_conf + virtual_server()
    ).with_host(ip_vs=True)


TRACKED = "track_script {\n        check_mysql\n    }"


def test_nothing_is_wrong_with_the_snippets(tmp_path: Path) -> None:
    assert findings(right(), tmp_path) == []


def test_nothing_is_wrong_with_unicast(tmp_path: Path) -> None:
    world = right()
    world = world.with_conf("nopreempt\n", UNICAST.format("10.0.0.1", "10.0.0.2") + "\n")
    world = world.with_peer_conf("nopreempt\n", UNICAST.format("10.0.0.2", "10.0.0.1") + "\n")
    assert findings(world, tmp_path) == []


def test_the_older_way_is_a_warning_and_no_more(tmp_path: Path) -> None:
    found = findings(by_real_server(right()), tmp_path)
    assert {(one.rule.name, one.level) for one in found} == {("REAL_SERVER", 1)}


def test_what_is_on_the_vip_and_not_a_server_of_ours_is_left_alone(tmp_path: Path) -> None:
    web = "virtual_server 10.0.0.100 80 { real_server 10.0.0.11 80 { TCP_CHECK { retry 2 } } }\n"
    world = right()
    world = world._replace(conf=world.conf + web).with_host(ip_vs=True)
    assert findings(world, tmp_path) == []


@pytest.mark.parametrize(
    "apart", ["unicast_src_ip 10.0.0.1\n unicast_peer { 10.0.0.9 }", "mcast_dst_ip 224.0.0.19"]
)
def test_one_virtual_router_id_on_two_ways(tmp_path: Path, apart: str) -> None:
    """keepalived 2.2.7 runs both: unicast and each multicast group count their own."""
    world = right()
    second = SECOND.format(51, "10.9.0.1/32").replace("interface", f"{apart}\n interface")
    assert findings(world._replace(conf=world.conf + second), tmp_path) == []


def test_what_a_weight_does_is_said_as_it_is(tmp_path: Path) -> None:
    other = "vrrp_script other {\n script /bin/true\n weight -5\n}\n"
    world = right()
    world = world._replace(conf=other + world.conf)
    world = world.with_conf("track_script {", "track_script {\n other")
    said = [one.sentence for one in findings(world, tmp_path)]
    assert any("weight of -5 does nothing under nopreempt" in sentence for sentence in said)
    without = world.with_conf("    nopreempt\n", "")
    said = [one.sentence for one in findings(without, tmp_path)]
    assert any("weight of -5 only changes the priority" in sentence for sentence in said)


def test_a_keyword_that_is_too_new_for_this_keepalived(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    path.write_text("global_defs {\n use_symlink_paths\n}\n")
    for version, notes in (((2, 2, 7), 1), ((2, 3, 3), 0), (None, 0)):
        conf = read_conf(HERE, str(path), None, version).conf
        assert conf and len(conf.notes) == notes


def in_pieces(directory: Path) -> World:
    """The snippet with a definition, a condition, and its vrrp_script in a file of its own."""
    world = right()
    begin, end = world.conf.index("vrrp_script"), world.conf.index("# Permission")
    (directory / "check.conf").write_text(world.conf[begin:end])
    conf = world.conf[:begin] + "include check.conf\n$DOWN=notify_backup\n" + world.conf[end:]
    conf = conf.replace(f'notify_fault  "{BACKUP}"', 'notify_fault "/opt/kachecks/bin/${DOWN}"')
    return world._replace(conf=conf.replace("    priority 250", "@^other priority 250"))


def test_includes_definitions_and_conditions_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = findings(in_pieces(tmp_path), tmp_path)
    assert [one.rule.name for one in found] == ["CONFIG_ID"]


def test_a_finding_in_an_included_file_names_it(tmp_path: Path) -> None:
    world = in_pieces(tmp_path)
    included = tmp_path / "check.conf"
    included.write_text(included.read_text().replace("timeout 10", "timeout 3"))
    found = [one for one in findings(world, tmp_path) if one.rule.name == "CHECK_TIMEOUT"]
    assert [one.where for one in found] == [f"{included}:6"]


# fmt: off
WRONG: list[tuple[str, str, str, Break]] = [
    # what is broken, the rules that must be named, words of a cure, and how it is broken
    ("the instance has another vip", "VIP_INSTANCE", OPTION_FILE,
        lambda w: on_both(w, "10.0.0.100/24", "10.0.0.99/24")),
    ("one vip more", "VIP_INSTANCE", "mysql",
        lambda w: on_both(w, "10.0.0.100/24", "10.0.0.101/24\n 10.0.0.100/24")),
    ("the check is not tracked", "CHECK_TRACKED", "track_script { check_mysql }",
        lambda w: w.with_conf(TRACKED, "")),
    ("the check is tracked by a name that is not defined", "CHECK_TRACKED NOT_AS_WRITTEN",
        "track_script { check_mysql }",
        lambda w: w.with_conf("    track_script {\n        check_mysql", "track_script {\n x")),
    ("no --fence", "CHECK_FENCES", "check_mysql",
        lambda w: w.with_conf("check_mysql --fence", "check_mysql")),
    ("the check reads another option file", "ONE_OPTION_FILE", OPTION_FILE,
        lambda w: w.with_conf("--fence", "--fence --defaults-file=/etc/kachecks/other.cnf")),
    ("a hook reads another option file", "ONE_OPTION_FILE", "notify_stop",
        lambda w: w.with_conf("--stop", "--stop --defaults-file /etc/kachecks/other.cnf")),
    ("a weight", "CHECK_WEIGHT", "check_mysql",
        lambda w: on_both(w, "weight 0        #", "weight -20 #")),
    ("a weight in reverse", "CHECK_WEIGHT", "check_mysql",
        lambda w: on_both(w, "weight 0        #", "weight -20 reverse #")),
    ("interval 2", "CHECK_INTERVAL", "check_mysql",
        lambda w: w.with_conf("interval 1", "interval 2")),
    ("timeout 5", "CHECK_TIMEOUT", "timeout 10", lambda w: w.with_conf("timeout 10", "timeout 5")),
    ("no timeout", "CHECK_TIMEOUT", "timeout 10", lambda w: w.with_conf("timeout 10", "#")),
    ("fall 3", "CHECK_FALL", "fall 1", lambda w: w.with_conf("fall 1", "fall 3")),
    ("rise 1", "CHECK_RISE", "rise 2", lambda w: w.with_conf("rise 2", "")),
    ("no notify_fault", "HOOKS", "notify_fault",
        lambda w: w.with_conf(f'notify_fault  "{BACKUP}"', "")),
    ("notify_backup promotes", "HOOKS", "notify_backup",
        lambda w: w.with_conf(f'notify_backup "{BACKUP}"', f'notify_backup "{MASTER}"')),
    ("no --stop", "STOP_HOOK", "--stop", lambda w: w.with_conf(" --stop", "")),
    ("notify as well", "HOOK_NOTIFY", "notify_master",
        lambda w: w.with_conf("    notify_master", f'    notify "{BACKUP}"\n    notify_master')),
    ("no permit", "PERMIT", "main.permit", lambda w: w.with_conf(PERMIT, "")),
    ("another name's permit", "PERMIT", "main.permit",
        lambda w: w.with_conf("main.permit", "permit")),
    ("the permit is open without a file", "PERMIT", "weight 0 reverse",
        lambda w: w.with_conf("weight 0 reverse", "weight 0")),
    ("no permit at start", "PERMIT", "init_file 1", lambda w: w.with_conf("init_file 1", "")),
    ("no permit at start, as it says", "PERMIT", "init_file 1",
        lambda w: w.with_conf("init_file 1", "init_file 0")),
    ("a permit that each start gives back", "PERMIT", "init_file 1",
        lambda w: w.with_conf("init_file 1", "init_file 1 overwrite")),
    ("another file is tracked", "PERMIT NOT_AS_WRITTEN", "main.permit",
        lambda w: w.with_conf("        permit\n", "        other\n")),
    ("a process is tracked too", "UNFENCED_TRACKER", "process mysqld",
        lambda w: w.with_conf("    track_script {", "    track_process { mysqld }\n track_script {")
            .with_conf("track_file permit", f"{MYSQLD}\ntrack_file permit")),
    ("vrrp_strict", "VRRP_STRICT", "vrrp_strict",
        lambda w: w.with_conf("router_id kachecks-node1", "vrrp_strict")),
    ("strict_mode", "VRRP_STRICT", "strict_mode",
        lambda w: w.with_conf("nopreempt\n", "nopreempt\n strict_mode on\n")),
    ("a password", "VRRP_PASSWORD", "authentication",
        lambda w: on_both(w, "nopreempt\n", AUTHENTICATED.format("1111") + "\n")),
    ("a password of nine letters", "VRRP_PASSWORD", "8 letters",
        lambda w: on_both(w, "nopreempt\n", AUTHENTICATED.format("123456789") + "\n")),
    ("state MASTER", "STATE_BACKUP", "state BACKUP",
        lambda w: w.with_conf("state BACKUP\n", "state MASTER\n")),
    ("no nopreempt", "NOPREEMPT", "nopreempt", lambda w: on_both(w, "    nopreempt\n", "")),
    ("nopreempt here alone", "NOPREEMPT", "nopreempt",
        lambda w: w.with_conf("    nopreempt\n", "")),
    ("priority 100", "PRIORITY_LOW", "priority 250",
        lambda w: w.with_conf("priority 250", "priority 100")),
    ("priority 255", "PRIORITY_OWNER", "priority 250",
        lambda w: w.with_conf("priority 250", "priority 255")),
    ("another advert_int", "ADVERT_INT", "advert_int = 2",
        lambda w: on_both(w, "advert_int 1 ", "advert_int 2 ")),
    ("adverts so fast that the two clocks do not add up", "ADVERT_INT", "peer_grace = 4.6",
        lambda w: on_both(w, "advert_int 1 ", "version 3\n advert_int 0.2 ")),
    ("two instances with one virtual_router_id", "VRID_UNIQUE", "second",
        lambda w: w._replace(conf=w.conf + SECOND.format(51, "10.9.0.1/32"))),
    ("a second instance with our vip", "VIP_INSTANCE", "second",
        lambda w: w._replace(conf=w.conf + SECOND.format(52, "10.0.0.100/32"))),
    ("adverts to a stranger", "UNICAST_PEER PAIR_ADVERTS", "unicast_peer",
        lambda w: w.with_conf("nopreempt\n", UNICAST.format("10.0.0.1", "10.0.0.9") + "\n")),
    ("adverts to this node itself", "UNICAST_PEER PAIR_ADVERTS", "unicast_peer",
        lambda w: w.with_conf("nopreempt\n", UNICAST.format("10.0.0.1", "10.0.0.1") + "\n")),
    ("adverts to the VIP", "UNICAST_PEER PAIR_ADVERTS", "unicast_peer",
        lambda w: w.with_conf("nopreempt\n", UNICAST.format("10.0.0.1", "10.0.0.100") + "\n")),
    ("dont_track_primary", "LINK_TRACKED", "dont_track_primary",
        lambda w: w.with_conf("nopreempt\n", "nopreempt\n dont_track_primary\n")),
    ("no virtual_router_id", "KEEPALIVED_ENDS", "",
        lambda w: w.with_conf("virtual_router_id 51", "#")),
    ("a priority that is none", "NOT_AS_WRITTEN", "",
        lambda w: w.with_conf("priority 250", "priority 250\n garp_x\n preempt_delay 5")),
    ("a quote too few", "KEEPALIVED_CONF", "keepalived.conf",
        lambda w: w._replace(conf=w.conf + 'instance "x\n')),
    ("a brace too few", "NOT_AS_WRITTEN", "correct",
        lambda w: w._replace(conf=w.conf.rstrip().rstrip("}"))),
    ("an unknown keyword", "NOT_AS_WRITTEN", "correct",
        lambda w: w.with_conf("router_id kachecks-node1", "vrrp_stricter")),
    ("an unknown keyword on the peer", "NOT_AS_WRITTEN", "correct",
        lambda w: w._replace(peer_conf=w.peer_conf.replace("script_user", "scripts_user"))),
    ("the permit defined too late", "PERMIT NOT_AS_WRITTEN", "permit", permit_too_late),
    ("the peer's permit defined too late", "PERMIT NOT_AS_WRITTEN", "permit",
        lambda w: permit_too_late(w, "peer_conf")),
    ("a value that is missing", "KEEPALIVED_ENDS", "keepalived -t",
        lambda w: w.with_conf("    advert_int 1", "    advert_int")),
    ("lines for named hosts", "CONFIG_ID", "--config-id",
        lambda w: w.with_conf("    advert_int 1", "@b advert_int 3\n advert_int 1")),
    ("a virtual_server beside the check", "REAL_SERVER", "10.0.0.1",
        lambda w: w._replace(conf=w.conf + virtual_server()).with_host(ip_vs=True)),
    ("a virtual_server without ip_vs", "IP_VS", "10.0.0.77",
        lambda w: w._replace(conf=w.conf + "virtual_server 10.0.0.77 80 { lb_algo rr }\n")),
    ("another VRID on the peer", "PAIR_ADVERTS", "",
        lambda w: w.with_peer_conf("virtual_router_id 51", "virtual_router_id 52")),
    ("equal priorities", "PAIR_PRIORITIES", "249",
        lambda w: w.with_peer_conf("priority 249", "priority 250")),
    ("unicast here alone", "PAIR_ADVERTS", "",
        lambda w: w.with_conf("nopreempt\n", UNICAST.format("10.0.0.1", "10.0.0.2") + "\n")),
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
