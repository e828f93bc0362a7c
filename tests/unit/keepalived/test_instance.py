"""Values of a vrrp_instance, against what keepalived 2.2.7 --dump-conf shows for the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.keepalived.conf import read
from kachecks.keepalived.instance import instances
from tests.unit.doubles.election_conf import BASE, CHECK, conf_text, instance


def test_defaults(tmp_path: Path) -> None:
    found = instance(tmp_path)
    assert found.where == f"{tmp_path}/keepalived.conf:1"
    assert (found.name, found.state, found.nopreempt, found.preempt_delay) == ("V", "BACKUP", 0, 0)
    assert (found.priority, found.advert_int, found.version, found.vrid) == (100, 1, 2, 51)
    assert (found.interface, found.vips, found.family) == ("eth0", {"10.0.0.100"}, 4)
    assert (found.auth, found.source, found.peers, found.checks_source) == ("", "", set(), False)
    assert found.multicast_group == "224.0.0.18"
    assert (found.trackers, found.ends, found.notes) == ((), "", ())
    assert not found.dont_track_primary


@pytest.mark.parametrize(
    ("lines", "state", "priority", "nopreempt", "noted"),
    [
        (["state MASTER", "priority 100"], "MASTER", 100, False, ""),
        (["state MASTER"], "MASTER", 255, False, "state MASTER without a priority"),
        (["state MASTER", "priority 9", "nopreempt"], "MASTER", 9, False, "nopreempt does nothing"),
        (["priority 255"], "MASTER", 255, False, ""),
        (["priority 255", "nopreempt"], "MASTER", 255, False, "nopreempt does nothing"),
        (["state master"], "BACKUP", 100, False, "state master does not exist"),
        (["nopreempt"], "BACKUP", 100, True, ""),
        (["nopreempt", "preempt"], "BACKUP", 100, False, ""),
        (["priority 300"], "BACKUP", 100, False, "priority 300 is not 1 to 255"),
        (["priority -3"], "BACKUP", 100, False, "priority -3 is not 1 to 255"),
        (["priority 7", "priority 8"], "BACKUP", 8, False, ""),
        (["state MASTER", "priority 9", "strict_mode"], "BACKUP", 9, False, "in strict mode"),
    ],
)
def test_state_priority_and_nopreempt(
    tmp_path: Path, lines: list[str], state: str, priority: int, nopreempt: bool, noted: str
) -> None:
    found = instance(tmp_path, *lines)
    assert (found.state, found.priority, found.nopreempt) == (state, priority, nopreempt)
    assert bool(found.notes) == bool(noted)
    assert all(noted in note for note in found.notes)
    assert all(note.startswith(f"{tmp_path}/keepalived.conf:") for note in found.notes)


@pytest.mark.parametrize(
    ("version", "written", "seconds", "noted"),
    [
        (2, "5", 5, False),
        (2, "1.5", 2, True),
        (2, "0.4", 1, True),
        (2, "abc", 1, True),
        (3, "0.2", 0.2, False),
        (3, ".555", 0.56, True),
        (3, "50", 40.95, True),
        (3, "-1", 1, True),
    ],
)
def test_advert_int_is_rounded_as_the_version_can_say_it(
    tmp_path: Path, version: int, written: str, seconds: float, noted: bool
) -> None:
    found = instance(tmp_path, f"version {version}", f"advert_int {written}")
    assert (found.advert_int, bool(found.notes)) == (seconds, noted)


def test_version_is_the_instance_s_or_the_global_one_and_3_for_ipv6(tmp_path: Path) -> None:
    three = "global_defs { vrrp_version 3 }\n"
    six = (*BASE[:2], "virtual_ipaddress { fd00::1/64 }")
    two = "global_defs { vrrp_version 2 }\n"
    assert instance(tmp_path, before=three).version == 3
    assert instance(tmp_path, "version 2", before=three).version == 2
    assert instance(tmp_path, before=two, base=six).version == 3
    assert instance(tmp_path, base=six).multicast_group == "ff02::12"


def test_addresses_are_compared_without_their_spelling(tmp_path: Path) -> None:
    six = (*BASE[:2], "virtual_ipaddress { fd00:0::01/64 dev eth1\nFE80::1 }")
    assert instance(tmp_path, base=six).vips == {"fd00::1", "fe80::1"}
    unicast = instance(tmp_path, "unicast_src_ip 10.0.0.1", "unicast_peer { 10.0.0.2 min_ttl 9 }")
    assert (unicast.source, unicast.peers, unicast.checks_source) == (
        "10.0.0.1",
        {"10.0.0.2"},
        True,
    )


def test_unicast_without_peers_is_multicast(tmp_path: Path) -> None:
    found = instance(tmp_path, "unicast_src_ip 10.0.0.1")
    assert not found.peers
    assert "uses multicast" in found.notes[0]


@pytest.mark.parametrize(
    ("lines", "auth"),
    [
        (["authentication {", "auth_type PASS", "auth_pass 1234", "}"], "PASS 1234"),
        (["authentication { auth_type PASS", "auth_pass 123456789 }"], "PASS 12345678"),
        (["authentication { auth_type PASS }"], ""),
        (["authentication { auth_type PASS", "auth_pass ab!cd", "}"], "PASS ab"),
        (["version 3", "authentication { auth_type PASS", "auth_pass 1 }"], ""),
        (["strict_mode", "authentication { auth_type PASS", "auth_pass 1 }"], ""),
    ],
)
def test_authentication(tmp_path: Path, lines: list[str], auth: str) -> None:
    assert instance(tmp_path, *lines).auth == auth


@pytest.mark.parametrize(
    ("base", "lines", "why"),
    [
        (BASE[:1] + BASE[2:], [], "no virtual_router_id"),
        ((BASE[0], "virtual_router_id 256", BASE[2]), [], "no virtual_router_id"),
        (BASE[1:], [], "no interface"),
        (BASE[:2], ["version 3"], "no virtual_ipaddress"),
    ],
)
def test_what_ends_keepalived(
    tmp_path: Path, base: tuple[str, ...], lines: list[str], why: str
) -> None:
    assert why in instance(tmp_path, *lines, base=base).ends


@pytest.mark.parametrize(
    ("version", "ends"), [((2, 1), True), ((2, 2), False), ((2, 4), True), (None, False)]
)
def test_unicast_in_strict_mode(
    tmp_path: Path, version: tuple[int, int] | None, ends: bool
) -> None:
    path = tmp_path / "k.conf"
    path.write_text(conf_text("strict_mode", "unicast_peer { 10.0.0.2 }"))
    (found,) = instances(read(str(path), "", version))
    assert ("strict mode" in found.ends) == ends


@pytest.mark.parametrize(("version", "group"), [((2, 1), ""), ((2, 2), "G")])
def test_a_sync_group_of_one(tmp_path: Path, version: tuple[int, int], group: str) -> None:
    path = tmp_path / "k.conf"
    path.write_text("vrrp_sync_group G { group { V nobody } }\n" + conf_text())
    (found,) = instances(read(str(path), "", version))
    assert found.group == group


@pytest.mark.parametrize(("version", "ends"), [((2, 2), True), ((2, 3), False)])
def test_unicast_without_an_interface(tmp_path: Path, version: tuple[int, int], ends: bool) -> None:
    """2.3.3 runs it, without the addresses that are on no device."""
    path = tmp_path / "k.conf"
    vips = "virtual_ipaddress {\n10.0.0.100\n10.0.0.101 dev eth1\n}"
    base = (BASE[1], vips, "unicast_src_ip 10.0.0.1", "unicast_peer { 10.0.0.2 }")
    path.write_text(conf_text(base=base))
    (found,) = instances(read(str(path), "", version))
    assert (bool(found.ends), found.vips) == (ends, {"10.0.0.101"})


def test_instances_without_vips_are_run_in_vrrp_2(tmp_path: Path) -> None:
    assert instance(tmp_path, base=BASE[:2]).ends == ""


DEFINED = """
vrrp_script a { script /bin/true
 weight -20 reverse
 rise 3
 fall 2
 interval 5 }
vrrp_script empty { weight 3 }
track_file f { file /f }
vrrp_track_file g { file /g
 weight 0 reverse }
vrrp_track_process p { process mysqld }
"""


@pytest.mark.parametrize(
    ("line", "label", "weight", "reverse"),
    [
        ("track_script { a }", "script a", -20, True),
        ("track_script { a weight 5 }", "script a", 5, True),
        ("track_script { a weight 5 noreverse }", "script a", 5, False),
        ("track_script { a weight 300 }", "script a", -20, True),
        ("track_file { f }", "file f", 1, False),
        ("track_file { g }", "file g", 0, True),
        ("track_process { p }", "process p", 0, False),
        ("track_interface { eth1 weight -7 }", "interface eth1", -7, False),
        ("track_interface { eth1 }", "interface eth1", 0, False),
    ],
)
def test_trackers(tmp_path: Path, line: str, label: str, weight: int, reverse: bool) -> None:
    (tracker,) = instance(tmp_path, line, before=DEFINED).trackers
    assert (tracker.label, tracker.weight, tracker.reverse) == (label, weight, reverse)


def test_rise_fall_and_interval_come_from_the_script(tmp_path: Path) -> None:
    (tracker,) = instance(tmp_path, "track_script { a }", before=DEFINED).trackers
    assert (tracker.rise, tracker.fall, tracker.interval) == (3, 2, 5)


@pytest.mark.parametrize(
    ("line", "noted"),
    [
        ("track_script { none }", "script none is not defined"),
        ("track_script { empty }", "or has no script"),
        ("track_script { a reverse }", "reverse after a is not `weight`"),
        ("track_interface { eth0 weight 5 }", "is the instance's own interface"),
    ],
)
def test_trackers_that_keepalived_leaves_out(tmp_path: Path, line: str, noted: str) -> None:
    found = instance(tmp_path, line, before=DEFINED)
    assert found.trackers == ()
    assert noted in found.notes[0]


@pytest.mark.parametrize(
    ("line", "owner", "grouped"),
    [
        ("track_script { a }", "out", "out"),
        ("track_file { f }", "zero", "zero"),
        ("track_file { f weight 2 }", "out", "out"),
        ("track_interface { eth1 weight 7 }", "kept", "kept"),
        ("track_process { p weight 7 }", "kept", "kept"),
        ("track_script { a weight 0 }", "kept", "kept"),
    ],
)
def test_weights_where_they_are_barred(tmp_path: Path, line: str, owner: str, grouped: str) -> None:
    group = DEFINED + "vrrp_sync_group G { group { X V } }\n"
    for expected, found in (
        (owner, instance(tmp_path, "priority 255", line, before=DEFINED)),
        (grouped, instance(tmp_path, line, before=group)),
    ):
        if expected == "out":
            assert found.trackers == ()
        else:
            assert (found.trackers[0].weight == 0) == (expected == "zero" or "weight 0" in line)
        assert bool(found.notes) == (expected != "kept")


def test_a_sync_group_s_trackers_are_those_of_its_members(tmp_path: Path) -> None:
    group = "vrrp_sync_group G { group { V }\n track_script { a weight 9 }\n%s}\n"
    (tracker,) = instance(tmp_path, before=DEFINED + group % "").trackers
    assert (tracker.label, tracker.weight) == ("script a", 9)
    allowed = DEFINED + group % "sync_group_tracking_weight\n"
    (tracker,) = instance(tmp_path, "track_script { a weight 5 }", before=allowed).trackers
    assert tracker.weight == 9
    (tracker,) = instance(tmp_path, "track_script { a weight 0 }", before=allowed).trackers
    assert tracker.weight == 0


@pytest.mark.parametrize(
    ("line", "well", "failed"),
    [
        ("track_script { a weight 0 noreverse }", 0, None),
        ("track_script { a weight 0 reverse }", None, 0),
        ("track_script { a weight 8 noreverse }", 8, 0),
        ("track_script { a weight -8 noreverse }", 0, -8),
        ("track_script { a weight 8 reverse }", -8, 0),
        ("track_script { a weight -8 reverse }", 0, 8),
        ("track_file { f weight 0 }", 0, None),
        ("track_file { g }", 0, None),
        ("track_file { f weight 8 }", 8, 0),
        ("track_file { f weight -8 }", 0, -8),
        ("track_file { f weight 8 reverse }", 0, -8),
    ],
)
def test_effects(tmp_path: Path, line: str, well: int | None, failed: int | None) -> None:
    (tracker,) = instance(tmp_path, line, before=DEFINED).trackers
    assert (tracker.effect(False), tracker.effect(True)) == (well, failed)


def test_several_instances_in_order(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text("vrrp_instance X {\n}\nvrrp_instance Y {\n}\n")
    assert [one.name for one in instances(read(str(path)))] == ["X", "Y"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "virtual_ipaddress_excluded {\n10.0.0.1 10.0.0.2\n}",
            "10.0.0.2 behind 10.0.0.1 is nothing",
        ),
        ("virtual_ipaddress {\n10.0.0.1/33\n}", "keepalived uses 32"),
        ("unicast_peer {\n10.0.0.8 10.0.0.9\n}", "10.0.0.9 behind 10.0.0.8 has no value"),
        ("unicast_peer {\n10.0.0.7 10.0.0.8 10.0.0.9\n}", "10.0.0.8 10.0.0.9 is not 0 to 255"),
        ("unicast_peer {\n10.0.0.8 min_ttl\n}", "min_ttl behind 10.0.0.8 has no value"),
    ],
)
def test_more_than_one_address_a_line_is_noted(tmp_path: Path, line: str, said: str) -> None:
    (note,) = instance(tmp_path, line).notes
    assert said in note


def test_a_loopback_interface_is_not_taken(tmp_path: Path) -> None:
    base = ("interface lo", *BASE[1:])
    found = instance(tmp_path, base=base)
    assert found.ends.endswith("has no interface")
    assert "lo is a loopback interface" in found.notes[0]
    assert not instance(tmp_path, "interface eth0", base=base).ends


def test_a_second_weight_behind_a_tracker_is_noted(tmp_path: Path) -> None:
    found = instance(tmp_path, "track_script {\nchk weight -5 weight -9\n}", before=CHECK)
    assert [tracker.weight for tracker in found.trackers] == [-5]
    assert "has weight behind its weight: keepalived goes on without that word" in found.notes[0]


@pytest.mark.parametrize(("pattern", "most"), [("10.0.{0}.{1}", 255), ("fd00::{0:x}:{1:x}", 89)])
def test_addresses_that_do_not_fit_into_an_advert_are_excluded(
    tmp_path: Path, pattern: str, most: int
) -> None:
    vips = [pattern.format(1 + number // 250, 1 + number % 250) for number in range(most + 1)]
    base = (*BASE[:2], "virtual_ipaddress {", *vips, "}")
    found = instance(tmp_path, base=base)
    assert (found.vips, found.excluded, found.vip_count) == (
        frozenset(vips[:-1]),
        frozenset(vips[-1:]),
        most,
    )
    assert f"only {most} addresses fit" in found.notes[0]
    assert not instance(tmp_path, base=(*BASE[:2], "virtual_ipaddress {", *vips[1:], "}")).notes
