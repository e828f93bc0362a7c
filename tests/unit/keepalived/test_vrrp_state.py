"""keepalived's own state, out of what it writes."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.keepalived.vrrp_state import Vrrp, chosen, instances

VIP = "10.0.0.100"
WRITTEN = {  # by keepalived 2.2.7 and 2.3.3 alike, shortened
    "data": {
        "iname": "mysql",
        "master_priority": 0,
        "last_transition": 1795367442.385430,
        "base_priority": 250,
        "effective_priority": 249,
        "vipset": True,
        "state": 2,
        "wantstate": 2,
        "vips": ["10.0.0.100/24 dev eth0 scope global set"],
        "auth_type": 1,
        "auth_data": "secret",
    },
    "stats": {"advert_rcvd": 0},
}
MASTER = Vrrp("mysql", "MASTER", 1795367442.385430, 249, 250)


def instance(**changes: Any) -> dict[str, Any]:
    return {**WRITTEN["data"], **changes}


def test_instance_of_our_vip_is_told() -> None:
    other = instance(iname="web", vips=["10.0.0.200/24 dev eth0 scope global"], state=1)
    assert chosen([other, instance()], [VIP]) == MASTER


@pytest.mark.parametrize(
    ("number", "word"), [(0, "INIT"), (1, "BACKUP"), (2, "MASTER"), (3, "FAULT"), (98, "unknown")]
)
def test_states_by_number(number: int, word: str) -> None:
    assert chosen([instance(state=number)], [VIP]) == MASTER._replace(state=word)


def test_excluded_addresses_count_too() -> None:
    both = instance(evips=["2001:db8::100/64 dev eth0 scope global"], iname="both")
    found = chosen([instance(), both], [VIP, "2001:db8::100"])
    assert found and found.instance == "both"


@pytest.mark.parametrize("name", ["state", "effective_priority", "base_priority"])
@pytest.mark.parametrize("number", [float("inf"), 1.5, "250", None])
def test_what_is_no_whole_number_is_not_from_keepalived(name: str, number: object) -> None:
    with pytest.raises(TypeError):
        chosen([instance(**{name: number})], [VIP])


@pytest.mark.parametrize(
    "text",
    [
        '[{"data": 1}]',
        '[{"data": []}]',
        '[{"data": "x"}]',
        f'[{{"data": {{"iname": "m", "state": 2, "vips": ["{VIP}"], "effective_priority": 1,'
        f' "base_priority": 1, "last_transition": {"9" * 400}}}}}]',
    ],
)
def test_what_keepalived_never_writes_is_an_error_of_the_kinds_that_are_caught(text: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        chosen(instances(text), [VIP])


def test_brackets_without_end_are_not_from_keepalived() -> None:
    with pytest.raises(ValueError, match="brackets"):
        instances("[" * 100_000)
