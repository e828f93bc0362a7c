"""What keepalived 2.1.5, that of Debian 11, makes of a file in another way than 2.2.

Each was seen in its --dump-conf or its log; tests/lab/tests/test_keepalived_dump.py asks it again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.keepalived.conf import read
from kachecks.keepalived.instance import Instance, instances
from tests.unit.doubles.election_conf import BASE, CHECK, conf_text

VERSIONS = [((2, 1), True), ((2, 2), False)]
Version = tuple[int, int]
FILE = "track_file chk { file /f }\n"
BFD = "bfd_instance chk { neighbor_ip 10.0.0.2 }\n"
PROCESS = "vrrp_track_process chk { process mysqld }\n"
UNICAST = ("unicast_src_ip 10.0.0.1", "unicast_peer { 10.0.0.2 }")
GROUP = "vrrp_sync_group G {\n group { V W }\n %s }\n"
OTHER = "vrrp_instance W {\n interface eth0\n virtual_router_id 52\n %s }\n"


def found(directory: Path, text: str, version: Version) -> tuple[Instance, ...]:
    path = directory / "keepalived.conf"
    path.write_text(text)
    return instances(read(str(path), "", version))


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
@pytest.mark.parametrize(
    ("definition", "line"),
    [(CHECK, "track_script"), (FILE, "track_file"), (BFD, "track_bfd")],
)
def test_an_unweighted_check_is_forgotten_in_a_sync_group_and_by_the_owner(
    tmp_path: Path, version: Version, is_2_1: bool, definition: str, line: str
) -> None:
    """Pull request 1704 of acassen/keepalived has mended it: the VIP stays on a failing node."""
    tracking = f"{line} {{ chk weight 0 }}"
    grouped = definition + conf_text(tracking) + OTHER % ""
    for text in (
        grouped + GROUP % "",
        definition + conf_text("priority 255", tracking),
    ):
        (one, *_) = found(tmp_path, text, version)
        assert [tracker.name for tracker in one.trackers] == ([] if is_2_1 else ["chk"])
        assert any("before 2.2 goes on without" in note for note in one.notes) == is_2_1
    (one, _) = found(tmp_path, grouped + GROUP % "sync_group_tracking_weight", version)
    assert len(one.trackers) == 1


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
def test_a_sync_group_s_process_is_forgotten(
    tmp_path: Path, version: Version, is_2_1: bool
) -> None:
    text = PROCESS + GROUP % "track_process { chk }" + conf_text() + OTHER % ""
    (one, _) = found(tmp_path, text, version)
    assert len(one.trackers) == (0 if is_2_1 else 1)
    assert any("track it in each instance" in note for note in one.notes) == is_2_1


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
@pytest.mark.parametrize("vip", ["10.0.0.100", "fd00::100"])
def test_a_long_label_is_taken(tmp_path: Path, version: Version, is_2_1: bool, vip: str) -> None:
    vips = f"virtual_ipaddress {{\n {vip} label 1234567890123456\n }}"
    (one,) = found(tmp_path, conf_text(base=(*BASE[:2], vips)), version)
    assert one.vips == ({vip} if is_2_1 else set())


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
def test_an_include_behind_a_brace_is_read_once(
    tmp_path: Path, version: Version, is_2_1: bool
) -> None:
    (tmp_path / "vip.inc").write_text("10.0.0.100\n")
    base = (*BASE[:2], "virtual_ipaddress { include vip.inc", "}")
    (one,) = found(tmp_path, conf_text(base=base), version)
    assert one.vip_count == (1 if is_2_1 else 2)


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
@pytest.mark.parametrize("before", [True, False])
def test_unicast_behind_multicast_crashes_it(
    tmp_path: Path, version: Version, is_2_1: bool, before: bool
) -> None:
    other = OTHER % "\n ".join(UNICAST)
    text = other + conf_text() if before else conf_text() + other
    (one, _) = found(tmp_path, text, version)
    assert ("crashes on vrrp_instance W" in one.ends) == (is_2_1 and not before)
    elsewhere = text.replace("eth0", "eth1", 1)
    assert not found(tmp_path, elsewhere, version)[0].ends


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
def test_unicast_does_without_an_interface(tmp_path: Path, version: Version, is_2_1: bool) -> None:
    (one,) = found(tmp_path, conf_text(base=(*BASE[1:], *UNICAST)), version)
    assert bool(one.ends) != is_2_1
    if is_2_1:
        assert one.vips == {"10.0.0.100"}
        (one,) = found(tmp_path, conf_text("strict_mode", base=(*BASE[1:], *UNICAST)), version)
        assert not one.ends
    (one,) = found(tmp_path, conf_text(base=(*BASE[1:], UNICAST[0])), version)
    assert one.ends


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
def test_an_instance_without_addresses_has_no_family(
    tmp_path: Path, version: Version, is_2_1: bool
) -> None:
    text = conf_text() + (OTHER % "").replace("52", "51")
    assert bool(found(tmp_path, text, version)[0].ends) != is_2_1


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
@pytest.mark.parametrize(("said", "taken"), [("10.0.9", ""), ("fd00::1", "fd00::1")])
def test_a_wrong_multicast_group_takes_the_usual_one_away(
    tmp_path: Path, version: Version, is_2_1: bool, said: str, taken: str
) -> None:
    text = conf_text(before=f"global_defs {{\n vrrp_mcast_group4 {said}\n}}\n")
    (one,) = found(tmp_path, text, version)
    assert one.multicast_group == (taken if is_2_1 else "224.0.0.18")


@pytest.mark.parametrize(("version", "is_2_1"), VERSIONS)
def test_what_follows_a_time_is_not_seen(tmp_path: Path, version: Version, is_2_1: bool) -> None:
    (one,) = found(tmp_path, conf_text("preempt_delay 7x", "advert_int 3x"), version)
    assert (one.preempt_delay, one.advert_int) == ((7, 3) if is_2_1 else (7e-6, 1))
