"""The election rules of VRRP, one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.keepalived.election import (
    Candidate,
    Election,
    effective_priority,
    higher_address,
    why_dropped,
)
from tests.unit.doubles.election_conf import BASE, instance

NOBODY, A, B, BOTH = frozenset(""), frozenset("A"), frozenset("B"), frozenset("AB")


def pair(
    a: int | None, b: int | None, still: str = "", deaf: str = "", higher: str = "B"
) -> Election:
    """Priorities, who has nopreempt, who hears nothing."""
    return Election(
        Candidate(a, "A" in still, "A" not in deaf),
        Candidate(b, "B" in still, "B" not in deaf),
        higher,
    )


@pytest.mark.parametrize(
    ("sides", "from_a", "from_b", "from_both"),
    [
        (pair(101, 100), A, A, A),
        (pair(100, 101), B, B, B),
        (pair(101, 100, still="AB"), A, B, A),  # two masters: nopreempt means nothing
        (pair(100, 101, still="AB"), A, B, B),
        (pair(101, 100, still="A"), A, B, A),
        (pair(101, 100, still="B"), A, A, A),
        (pair(100, 100), A, B, B),
        (pair(100, 100, higher="A"), A, B, A),
        (pair(None, 1, still="AB"), B, B, B),
        (pair(1, None, still="AB"), A, A, A),
        (pair(None, None), NOBODY, NOBODY, NOBODY),
        (pair(101, 100, deaf="AB"), BOTH, BOTH, BOTH),
        # One hears, the other does not.
        (pair(101, 100, deaf="A"), A, A, A),
        (pair(100, 101, deaf="A"), BOTH, BOTH, BOTH),
        (pair(100, 101, deaf="A", still="B"), A, BOTH, BOTH),
        (pair(100, 100, deaf="A"), A, BOTH, BOTH),
        (pair(100, 100, deaf="A", higher="A"), A, A, A),
    ],
)
def test_who_holds_the_vip(
    sides: Election, from_a: frozenset[str], from_b: frozenset[str], from_both: frozenset[str]
) -> None:
    assert sides.settle(A) == from_a
    assert sides.settle(B) == from_b
    assert sides.settle(BOTH) == from_both


def test_the_higher_priority_begins_where_nobody_held_it() -> None:
    assert pair(100, 101, still="AB").settle(NOBODY) == B
    assert pair(101, 100, still="AB").settle(NOBODY) == A
    assert pair(None, 100).settle(NOBODY) == B


def test_unknown_addresses_decide_only_between_two_masters() -> None:
    equal = pair(100, 100, higher="")
    assert equal.settle(BOTH) is None
    assert equal.settle(A) == A
    assert pair(101, 100, higher="").settle(BOTH) == A
    assert pair(100, 100, deaf="AB", higher="").settle(A) == BOTH


@pytest.mark.parametrize(
    ("priority", "weight", "well", "failed"),
    [
        (100, -30, 100, 70),
        (100, 30, 130, 100),
        (100, 0, 100, None),
        (250, 30, 254, 250),
        (20, -30, 20, 1),
        (255, 0, 255, None),
    ],
)
def test_effective_priority(
    tmp_path: Path, priority: int, weight: int, well: int, failed: int | None
) -> None:
    check = f"vrrp_script chk {{ script /bin/true\n weight {weight} }}\n"
    found = instance(tmp_path, f"priority {priority}", "track_script { chk }", before=check)
    assert effective_priority(found, frozenset()) == well
    assert effective_priority(found, {"script chk"}) == failed


def test_weights_add_up_and_one_fault_is_enough(tmp_path: Path) -> None:
    checks = "".join(
        f"vrrp_script {name} {{ script /bin/true\n weight {weight} }}\n"
        for name, weight in (("p", 10), ("n", -20), ("z", 0))
    )
    found = instance(tmp_path, "track_script { p\n n\n z }", before=checks)
    assert effective_priority(found, frozenset()) == 110
    assert effective_priority(found, {"script p", "script n"}) == 80
    assert effective_priority(found, {"script z", "script p"}) is None


UNICAST = ("unicast_src_ip 10.0.0.1", "unicast_peer { 10.0.0.2 }")


@pytest.mark.parametrize(
    ("receiving", "sending", "why"),
    [
        ([], [], ""),
        (["priority 9", "nopreempt"], ["state MASTER", "priority 20"], ""),
        (["virtual_router_id 52"], [], "virtual_router_id 51 is not 52"),
        (["version 3"], [], "VRRP version 2 is not 3"),
        (["advert_int 2"], ["advert_int 1"], "advert_int 1 s is not 2 s"),
        (["version 3", "advert_int 2"], ["version 3"], ""),
        (["authentication { auth_type PASS", "auth_pass 1 }"], [], "authentication"),
        (
            ["authentication { auth_type PASS", "auth_pass 12345678x }"],
            ["authentication { auth_type PASS", "auth_pass 12345678y }"],
            "",
        ),
        *(
            (
                [f"authentication {{ auth_type PASS\nauth_pass {word}X }}"],
                [f"authentication {{ auth_type PASS\nauth_pass {word}Y }}"],
                why,
            )
            for word, why in (("éééé", ""), ("aéééé", ""), ("ééé", "authentication"))
        ),
        (["virtual_ipaddress { 10.0.0.101 }"], [], "only one node has 10.0.0.101"),
        (["virtual_ipaddress_excluded { 10.0.0.101 }"], [], ""),
        ([*UNICAST], [], "sent by multicast, and unicast is listened to"),
        ([], [*UNICAST], "sent by unicast, and multicast is listened to"),
        ([*UNICAST], ["unicast_src_ip 10.0.0.2", "unicast_peer { 10.0.0.1 }"], ""),
        ([*UNICAST], ["unicast_src_ip 10.0.0.2", "unicast_peer { 10.0.0.7 }"], "does not name"),
        ([*UNICAST], ["unicast_src_ip 10.0.0.7", "unicast_peer { 10.0.0.1 }"], ""),
        (
            [*UNICAST, "check_unicast_src"],
            ["unicast_src_ip 10.0.0.7", "unicast_peer { 10.0.0.1 }"],
            "comes from 10.0.0.7",
        ),
        (["mcast_dst_ip 224.0.0.19"], [], "sent to 224.0.0.18, not to 224.0.0.19"),
    ],
)
def test_why_adverts_are_dropped(
    tmp_path: Path, receiving: list[str], sending: list[str], why: str
) -> None:
    said = why_dropped(instance(tmp_path, *receiving), instance(tmp_path, *sending))
    assert why in said
    assert bool(why) == bool(said)


def test_families_do_not_hear_each_other(tmp_path: Path) -> None:
    six = instance(tmp_path, base=(*BASE[:2], "virtual_ipaddress { fd00::1 }"))
    assert "IPv6" in why_dropped(instance(tmp_path), six)


@pytest.mark.parametrize(
    ("a", "b", "higher"),
    [
        ("10.0.0.9", "10.0.0.10", "B"),
        ("10.0.1.1", "10.0.0.255", "A"),
        ("fd00::2", "fd00::1", "A"),
        ("10.0.0.1", "", ""),
        ("10.0.0.1", "10.0.0.1", ""),
        ("10.0.0.1", "fd00::1", ""),
    ],
)
def test_the_higher_address_is_so_as_a_number(a: str, b: str, higher: str) -> None:
    assert higher_address(a, b) == higher


@pytest.mark.parametrize(
    ("receiving", "sending", "why"),
    [
        (["key 1 hex:aa", "active_key 1"], ["key 1 hex:aa", "active_key 1"], ""),
        (["key 1 hex:aa", "active_key 1"], ["key 1 hex:bb", "active_key 1"], "signed by a key"),
        (["key 1 hex:aa", "active_key 1"], ["key 2 hex:aa", "active_key 2"], "signed by a key"),
        (["key 1 a", "key 2 b", "active_key 1"], ["key 1 a", "key 2 b", "active_key 2"], ""),
        (["key 1 a", "key 1 b", "active_key 1"], ["key 1 b", "active_key 1"], "signed by a key"),
        (["key 1 a", "active_key 1"], ["key 1 a"], "signed by a key"),
        (["key 1 a", "active_key 1"], [], "it is not signed"),
        ([], ["key 1 a", "active_key 1"], "which is not expected"),
        ([], ["key 1 a", "active_key 1", "mode permissive"], ""),
        (["key 1 a", "mode permissive"], [], ""),
        (["key 1 a", "active_key 1"], ["key 1 a", "active_key 1", "mode permissive"], ""),
    ],
)
def test_adverts_that_are_signed(
    tmp_path: Path, receiving: list[str], sending: list[str], why: str
) -> None:
    """auth_hmac of 2.4, by its manual and source: none was played."""
    one, other = (
        instance(tmp_path, *(["auth_hmac {", *lines, "}"] if lines else []))
        for lines in (receiving, sending)
    )
    said = why_dropped(one, other)
    assert why in said
    assert bool(why) == bool(said)
