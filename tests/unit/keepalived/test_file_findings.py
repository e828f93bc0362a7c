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
