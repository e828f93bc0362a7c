"""Numbers and addresses, against what the --dump-conf of keepalived 2.2.7 shows for them."""

from __future__ import annotations

import pytest

from kachecks.keepalived.values import (
    address,
    canonical,
    left_out,
    micro_seconds,
    number,
    virtual_address,
    within,
)


@pytest.mark.parametrize(
    ("text", "value", "whole"),
    [("7", 7, True), ("-7x", -7, False), ("+3", 3, True), ("abc", 0, False), ("", 0, True),
     (" 5", 5, True), ("1.5", 1, False), ("\u0663", 0, False), ("-", 0, False)],
)  # fmt: skip
def test_a_number_is_what_a_word_begins_with(text: str, value: int, whole: bool) -> None:
    assert number(text) == (value, whole)


def test_strict_numbers_stand_alone() -> None:
    assert within("7x", 0, 9) == 7
    assert within("7x", 0, 9, strict=True) is None
    assert within("-0", 0, 9, strict=True) is None
    assert within("10", 0, 9) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1_000_000), ("0.2", 200_000), (".555", 555_000), ("1.2345678", 1_234_568),
     ("1.2345674", 1_234_567), ("300", None), ("-1", None), ("abc", None), ("2x", None)],
)  # fmt: skip
def test_times(text: str, expected: int | None) -> None:
    assert micro_seconds(text, 10_000, 255_000_000) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.7-9", "10.0.0.7"), ("fd00::01/64", "fd00::1"), ("10.0.9", ""), ("10.0.0.09", ""),
     ("010.0.0.9", ""), ("db2", ""), ("10.0.0.1,10.0.0.2", ""), ("fe80::1%eth0", ""), ("", ""),
     ("::1.2.3.04", ""), ("10.0.0.0", "10.0.0.0"), ("10.0.0.10", "10.0.0.10")],
)  # fmt: skip
def test_addresses(text: str, expected: str) -> None:
    assert address(text) == expected


def test_what_is_no_address_is_left_as_it_is() -> None:
    assert canonical("db2/24") == "db2"
    assert canonical("FD00::01/64") == "fd00::1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("10.0.0.1/24 dev eth0 scope global", "10.0.0.1"),
        ("10.0.0.1 brd + label x", "10.0.0.1"),
        ("10.0.0.1 brd 10.0.0.255 no_track unknown", "10.0.0.1"),
        ("10.0.0.1 dev", ""),
        ("10.0.0.1 dev eth0 dev eth1", ""),
        ("10.0.0.1 brd 10.0.0.x", ""),
        ("fd00::1 brd +", ""),
        ("10.0.0.1 label 1234567890123456", ""),
        ("10.0.9/24", ""),
    ],
)
def test_lines_of_virtual_addresses(line: str, expected: str) -> None:
    found, why = virtual_address(line.split())
    assert found == expected
    assert bool(why) == (not expected)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("10.0.0.1/24 dev eth0 scope global no_track -nodad", []),
        ("10.0.0.1 10.0.0.2", ["10.0.0.2 behind 10.0.0.1"]),
        ("10.0.0.1 via x dev eth0", ["via behind", "x behind"]),
        ("10.0.0.1/0", []),
        ("10.0.0.1/", []),
        ("10.0.0.1/33", ["10.0.0.1/33 has no prefix length of 0 to 32: keepalived uses 32"]),
        ("10.0.0.1/255.255.255.0", ["keepalived uses 32"]),
        ("10.0.0.1/24x", ["keepalived uses 32"]),
        ("10.0.0.1/-1", ["keepalived uses 32"]),
        ("fd00::1/129", ["keepalived uses 128"]),
    ],
)
def test_what_is_left_out_of_a_line_with_an_address(line: str, said: list[str]) -> None:
    found = left_out(line.split())
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found))
