"""`kachecks elect` on two nodes, each of which is right alone.

What fails was played with keepalived 2.2.7 in two namespaces.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.commands.test_elect_as_read import CHECK, TRACKED, codes, elect, said
from tests.unit.doubles.election_conf import conf_text

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def node(priority: int, *lines: str, before: str = CHECK) -> str:
    return conf_text(f"priority {priority}", TRACKED, *lines, before=before)


def test_both_nodes_have_the_same_unicast_peer(capsys: Capture) -> None:
    """Both were MASTER for good: one of them sent to itself."""
    a, b = (node(priority, "unicast_peer { 10.0.0.2 }") for priority in (100, 110))
    answered = elect(capsys, a, b)
    assert (answered["status"], codes(answered)) == (2, {"SAME_PEER"})
    assert "names only 10.0.0.2 on both nodes" in said(answered, "SAME_PEER")
    two = [
        conf_text(f"priority {n}", TRACKED, "unicast_peer {\n10.0.0.1\n10.0.0.2\n}", before=CHECK)
        for n in (101, 100)
    ]
    assert codes(elect(capsys, *two)) == set()


@pytest.mark.parametrize(
    ("peers", "told"),
    [
        (("10.0.0.2", "10.0.0.2"), "10.0.0.2, the address that it sends from"),
        (("10.0.0.2", "10.0.0.7"), "does not name 10.0.0.1"),
        (("10.0.0.2", "10.0.0.1"), ""),
    ],
)
def test_the_addresses_told_are_those_of_unicast(
    capsys: Capture, peers: tuple[str, str], told: str
) -> None:
    a, b = (node(n, f"unicast_peer {{ {peer} }}") for n, peer in zip((100, 110), peers))
    answered = elect(capsys, a, b, "--address-a=10.0.0.1", "--address-b=10.0.0.2")
    assert told in said(answered, "ADVERTS_DROPPED")
    assert answered["status"] == (2 if told else 0)


def test_an_address_told_is_not_that_of_two_interfaces(capsys: Capture) -> None:
    a, b = (
        node(n, f"unicast_peer {{ 10.0.0.{peer} }}")
        + conf_text(f"priority {n}", TRACKED, f"unicast_peer {{ 10.0.9.{peer} }}")
        .replace("instance V", "instance W")
        .replace("eth0", "eth1")
        .replace("10.0.0.100", "10.0.9.100")
        for n, peer in ((101, 2), (100, 1))
    )
    assert elect(capsys, a, b, "--address-a=10.0.0.1", "--address-b=10.0.0.2")["status"] == 0


GROUP = "vrrp_sync_group G {\n group {\n V\n W\n }\n%s}\n"
WEIGHTED = "vrrp_script chk {\n script /bin/true\n weight -50\n}\n"


def two(priority: int, tracks: str, group: str = "", before: str = CHECK) -> str:
    """V and W, of which V tracks chk and W what is given."""
    second = conf_text(
        f"priority {priority}",
        f"track_script {{ {tracks} }}",
        before=before.replace("chk", "other").replace("/bin/true", "/bin/echo"),
    )
    second = second.replace("instance V", "instance W").replace("router_id 51", "router_id 52")
    return group + node(priority, before=before) + second.replace("10.0.0.100", "10.0.0.102")


@pytest.mark.parametrize("of_a", [False, True])
@pytest.mark.parametrize(("tracks", "status"), [("other", 2), ("chk", 1)])
def test_a_group_on_one_node_alone(capsys: Capture, of_a: bool, tracks: str, status: int) -> None:
    """V failed on the node without the group, and nobody held its VIP."""
    one, other = (GROUP % "", "") if of_a else ("", GROUP % "")
    answered = elect(capsys, two(110, tracks, one), two(100, tracks, other))
    assert answered["status"] == status
    told = said(answered, "GROUP_ON_ONE_NODE")
    assert told.count(f"moves V and W together on {'A' if of_a else 'B'}") == 1


def test_a_group_of_the_same_instances_may_have_another_name(capsys: Capture) -> None:
    a, b = two(110, "other", GROUP % ""), two(100, "other", GROUP % "")
    assert elect(capsys, a, b.replace("group G", "group H"))["status"] == 0


@pytest.mark.parametrize(
    ("tracks", "told"),
    [("other", ["chk failing on A would move V", "other failing on A would move W"]), ("chk", [])],
)
def test_a_weight_of_one_instance_does_not_move_its_group(
    capsys: Capture, tracks: str, told: list[str]
) -> None:
    """A check of V failed, W still had 110, and neither VIP moved."""
    group = GROUP % " sync_group_tracking_weight\n"
    answered = elect(capsys, two(110, tracks, group, WEIGHTED), two(100, tracks, group, WEIGHTED))
    assert (answered["status"] == 2) is bool(told)
    sentences = said(answered, "GROUP_WEIGHT")
    assert bool(sentences) == bool(told)
    assert all(each in sentences for each in told)


def test_a_weight_that_moves_a_group_with_others_is_a_warning(capsys: Capture) -> None:
    """V tracks both checks, and both together do move W, which tracks one of them."""
    group = GROUP % " sync_group_tracking_weight\n"
    a, b = (
        two(n, "other", group, WEIGHTED)
        .replace("{ chk }", "{ chk\n third }")
        .replace("{ other }", "{ third }")
        for n in (110, 100)
    )
    third = WEIGHTED.replace("chk", "third")
    answered = elect(capsys, third + a, third + b)
    told = said(answered, "GROUP_WEIGHT")
    assert "script chk failing on A would move V" in told and "third failing" not in told
    assert answered["status"] == 1


@pytest.mark.parametrize("of_a", [False, True])
def test_an_address_that_only_one_node_brings(capsys: Capture, of_a: bool) -> None:
    """It was gone after the failover: adverts do not carry it."""
    shared = "10.0.8.1/24"
    lists = [f"virtual_ipaddress_excluded {{\n{shared}\n10.0.9.1/24\n}}"]
    lists.insert(of_a, f"virtual_ipaddress_excluded {{ {shared} }}")
    answered = elect(capsys, node(110, lists[0]), node(100, lists[1]))
    assert (answered["status"], codes(answered)) == (2, {"EXCLUDED_ADDRESSES"})
    told = said(answered, "EXCLUDED_ADDRESSES")
    assert f"has 10.0.9.1 only on {'A' if of_a else 'B'}" in told


@pytest.mark.parametrize(
    ("sent", "accepted", "told"),
    [
        ("unicast_ttl 1", "min_ttl 200", "TTL of 1 (unicast_ttl) is not 200 to 255"),
        ("unicast_ttl 64", "min_ttl 255", "TTL of 64 (unicast_ttl) is not 255 to 255"),
        ("", "max_ttl 254", "TTL of 255 (unicast_ttl) is not 0 to 254"),
        ("unicast_ttl 64", "min_ttl 64 max_ttl 64", ""),
        ("unicast_ttl 1", "", ""),
        ("", "min_ttl 255", ""),
    ],
)
@pytest.mark.parametrize("source", ["unicast_src_ip 10.0.0.1", ""])
def test_the_ttl_of_unicast(
    capsys: Capture, sent: str, accepted: str, told: str, source: str
) -> None:
    """Both were MASTER where B asked for more than A sends with."""
    answered = elect(
        capsys,
        node(110, source, "unicast_peer { 10.0.0.2 }", *filter(None, [sent])),
        node(100, f"unicast_peer {{ 10.0.0.1 {accepted} }}"),
    )
    assert told in said(answered, "ADVERTS_DROPPED")
    assert answered["status"] == (2 if told else 0)
    one = answered["elections"][0]
    assert (one["a_hears_b"], one["b_hears_a"]) == (True, not told)


def test_the_ttl_of_ipv6_is_the_kernel_s(capsys: Capture) -> None:
    """keepalived sets none, unless unicast_ttl does."""
    six = ("interface eth0", "virtual_router_id 51", "virtual_ipaddress { fd00::100/64 }")
    a, b = (
        conf_text(
            f"priority {100 + own}", TRACKED, f"unicast_src_ip fd00::{own}",
            f"unicast_peer {{ fd00::{peer} min_ttl 200 }}", before=CHECK, base=six,
        )
        for own, peer in ((2, 1), (1, 2))
    )  # fmt: skip
    assert elect(capsys, a, b)["status"] == 0
    dropped = elect(capsys, a.replace("priority", "unicast_ttl 9\npriority"), b)
    assert "TTL of 9" in said(dropped, "ADVERTS_DROPPED")


def several(priority: int, *named: str, lists: str = "") -> str:
    """Instances by NAME VRID INTERFACE VIP."""
    text = CHECK
    for name, vrid, interface, vip in map(str.split, named):
        base = (f"interface {interface}", f"virtual_router_id {vrid}")
        vips = f"virtual_ipaddress {{\n10.0.0.{vip}/24\n{lists}\n}}"
        one = conf_text(f"priority {priority}", TRACKED, base=(*base, vips))
        text += one.replace("instance V", f"instance {name}")
    return text


@pytest.mark.parametrize(
    ("a", "b", "lists", "pairs"),
    [
        # Names swapped: keepalived sends none of them.
        (("x 51 eth0 1", "y 52 eth0 2"), ("x 52 eth0 2", "y 51 eth0 1"), "", "xy yx"),
        # A VRID counts on its own interface.
        (("x 51 eth0 1", "y 51 eth1 2"), ("v 51 eth1 2", "w 51 eth0 1"), "", "xw yv"),
        (("x 51 eth0 1", "y 51 eth1 2"), ("x 51 eth1 2", "y 51 eth0 1"), "", "xy yx"),
        # The interface has another name on each node, the VIPs have not.
        (("x 51 eth0 1", "y 51 eth1 2"), ("v 51 ens1 2", "w 51 ens0 1"), "", "xw yv"),
        # One VIP is missing on B: the interface tells.
        (("x 51 eth0 1", "y 51 eth1 2"), ("v 51 eth1 2", "w 51 eth0 1"), "10.0.0.9", "xw yv"),
        # VRIDs swapped, in error: the names tell.
        (("x 51 eth0 1", "y 52 eth0 2"), ("x 52 eth0 1", "y 51 eth0 2"), "", "xx yy"),
    ],
)
def test_instances_are_paired_as_they_hear_each_other(
    capsys: Capture, a: tuple[str, ...], b: tuple[str, ...], lists: str, pairs: str
) -> None:
    answered = elect(capsys, several(101, *a), several(100, *b, lists=lists))
    found = [one["a"]["name"] + one["b"]["name"] for one in answered["elections"]]
    assert sorted(found) == pairs.split()
    assert (answered["status"] == 0) == (pairs != "xx yy" and not lists)


def test_preempt_delay_holds_back_from_a_failed_node_too(capsys: Capture) -> None:
    """The VIP stayed for 33.3 s on the node whose check failed."""
    answered = elect(capsys, *(node(n, "preempt_delay 30", before=WEIGHTED) for n in (110, 100)))
    assert (answered["status"], codes(answered)) == (1, {"PREEMPT_DELAY"})
    told = said(answered, "PREEMPT_DELAY")
    assert "chk failing on A lowers its priority, and B waits for its preempt_delay of 30 s" in told
    assert "failing on B" not in told


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (node(110, "preempt_delay 30"), node(100, "preempt_delay 30")),  # FAULT
        (node(110, "preempt_delay 30", before=WEIGHTED), node(100, before=WEIGHTED)),
    ],
)
def test_preempt_delay_of_who_does_not_preempt(capsys: Capture, a: str, b: str) -> None:
    assert elect(capsys, a, b)["status"] == 0


@pytest.mark.parametrize(
    ("weight", "lines", "code"),
    [(1, "", "WEIGHT_TOO_SMALL"), (-20, "nopreempt", "WEIGHT_WITH_NOPREEMPT")],
)
def test_a_file_may_hold_any_number(capsys: Capture, weight: int, lines: str, code: str) -> None:
    """With weight 1 and -20 in the file the VIP moved."""
    before = f"track_file f {{\n file /run/f\n weight {weight}\n}}\n"
    a, b = (
        conf_text(f"priority {n}", "track_file { f }", lines, before=before) for n in (110, 100)
    )
    answered = elect(capsys, a, b)
    assert (answered["status"], codes(answered)) == (1, {code})
    assert "all this if the file holds 0 or 1" in said(answered, code)


def test_what_is_true_of_a_file_with_any_number_is_a_failure(capsys: Capture) -> None:
    before = "track_file f {\n file /run/f\n weight 1\n}\n"
    a, b = (
        conf_text(f"priority {n}", "track_file { f }", *lines, before=CHECK + before)
        for n, lines in ((110, ()), (100, ("track_script { chk weight 0 reverse }",)))
    )
    answered = elect(capsys, a, b)
    assert answered["status"] == 2
    assert "0 or 1" not in said(answered, "STANDBY_IN_FAULT")
