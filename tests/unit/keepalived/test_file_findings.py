"""What is wrong with one file alone; each instance was started with keepalived 2.2.7."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.keepalived.conf import read
from kachecks.keepalived.file_findings import file_findings
from tests.unit.doubles.election_conf import conf_text

PEER = "unicast_peer {\n10.0.0.2\n}"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["unicast_src_ip 10.0.0.100", PEER], "SOURCE_IS_VIP"),
        (["unicast_src_ip 10.0.0.9", PEER, "virtual_ipaddress_excluded {\n10.0.0.9/24\n}"],
         "SOURCE_IS_VIP"),
        (["unicast_src_ip 10.0.0.1", PEER], ""),
        (["mcast_src_ip 10.0.0.100"], ""),
        (["use_ipvlan"], "IPVLAN_SOURCE"),
        (["use_ipvlan", "mcast_src_ip 10.0.0.1"], "IPVLAN_SOURCE"),
        (["use_ipvlan ipv bridge"], "IPVLAN_SOURCE"),
        (["use_ipvlan ipv 10.0.0.5/24"], ""),
    ],
)  # fmt: skip
def test_an_instance_that_stays_in_fault(tmp_path: Path, lines: list[str], code: str) -> None:
    path = tmp_path / "keepalived.conf"
    path.write_text(conf_text(*lines))
    found = file_findings(read(str(path)))
    assert [each.code for each in found] == ([code] if code else [])
    assert all(each.fatal for each in found)


SCRIPT = "vrrp_script s {\nscript /bin/true\n%s\n}\n"
FILE = "track_file f {\nfile /f\n%s\n}\n"
GROUP = "vrrp_sync_group G {\ngroup {\n%s\n}\n}\n"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (SCRIPT % "interval 0.5", ["interval 0.5 is no whole number from 1 to 4294"]),
        (SCRIPT % "rise 0\nfall 0", ["rise 0 is no whole", "fall 0 is no whole"]),
        (SCRIPT % "interval 2\nrise 1\nfall 3s", []),
        (FILE % "weight 5\nweight 7", ["the weight is 5 already"]),
        (FILE % "weight 1\nweight 7", []),
        ("global_defs {\nvrrp_version 4\n}\n", ["vrrp_version 4: only 2 and 3 exist"]),
        ("global_defs {\nvrrp_mcast_group4 10.0.0.1\n}\n", ["10.0.0.1 is not multicast"]),
        ("global_defs {\nvrrp_version 3\nvrrp_mcast_group6 ff02::9\n}\n", []),
        (GROUP % "V", []),
        (GROUP % "V\nX", ["X in G is no vrrp_instance"]),
        (GROUP % "X", ["X in G is no vrrp_instance", "keepalived removes G"]),
        (GROUP % "", ["keepalived removes G"]),
        (GROUP % "V" + (GROUP % "V").replace("G", "H"), ["V is in vrrp_sync_group G already"]),
    ],
)
def test_what_is_left_out_is_noted(tmp_path: Path, before: str, said: list[str]) -> None:
    path = tmp_path / "keepalived.conf"
    path.write_text(conf_text("track_script {\ns\n}", "track_file {\nf\n}", before=before))
    found = [each for each in file_findings(read(str(path))) if each.code == "PASSED_OVER"]
    assert len(found) == len(said)
    assert all(part in each.sentence for part, each in zip(said, found))


def test_a_vrf_beside_an_interface_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    path.write_text(conf_text("vrf red"))
    (found,) = file_findings(read(str(path)))
    assert "keepalived goes on without vrf" in found.sentence
