"""Numbers and addresses as keepalived's parser reads them (lib/parser.c, lib/utils.c and
vrrp_ipaddress.c of 2.2.7).

Most of its numbers may be followed by anything: it warns and takes the digits before it. Numbers
that do not fit into their range are not taken. ``keepalived -t`` is stricter than keepalived.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

_DIGITS = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]*)")
_DECIMAL = re.compile(r"[+-]?[0-9]*(?:\.[0-9]*)?")
_LEADING_ZERO = re.compile(r"(?:^|:)(?:[0-9]+\.)*0[0-9]+\.|\.0[0-9]+")
_MICRO = 6  # decimal places of a time
_LABEL = 16  # letters of an interface's name, with the end (IFNAMSIZ)


class Number(NamedTuple):
    """The number that a word begins with; 0 for a word that begins with none."""

    value: int
    whole: bool  # nothing follows it


def number(text: str) -> Number:
    """strtol(3), without its limits."""
    found = _DIGITS.match(text)
    assert found
    digits = found[2]
    value = int(digits or 0) * (-1 if found[1] == "-" else 1)
    return Number(value, found.end() == len(text) if digits else not text)


def within(text: str, least: int, most: int, strict: bool = False) -> int | None:
    """A number from ``least`` to ``most``, None for all else.

    Args:
        strict: nothing may follow it.
    """
    found = number(text)
    if strict and (not found.whole or (text.lstrip().startswith("-") and least >= 0)):
        return None
    return found.value if least <= found.value <= most else None


def micro_seconds(text: str, least: int, most: int, cut: bool = False) -> int | None:
    """A time in seconds with a decimal point, in millionths of a second; None: out of range.

    Args:
        cut: what follows the number is not seen (2.1.5). Later ones put the zeros of the decimals
            behind all of it, and read up to what is no digit: 7x is 0.000007.
    """
    if cut:
        number_alone = _DECIMAL.match(text)
        assert number_alone  # perhaps of nothing
        text = number_alone[0]
    if text.startswith("-"):
        return None
    whole, _, decimals = text.partition(".")
    up = decimals[_MICRO : _MICRO + 1] >= "5"
    value = number(whole + decimals[:_MICRO].ljust(_MICRO, "0")).value + up
    return value if least <= value <= most else None


def address(text: str) -> str:
    """An address in its one spelling, "" where it is none; what follows ``-`` or ``/`` is cut."""
    return _canonical(text.partition("-" if "-" in text else "/")[0])


def virtual_address(words: Sequence[str], long_labels: bool = False) -> tuple[str, str]:
    """The address of a line of ``virtual_ipaddress``, or "" and why keepalived skips the line.

    Args:
        long_labels: they are taken (2.1.5).
    """
    found = _canonical(words[0].partition("/")[0])
    if not found:
        return "", f"{words[0]} is no address"
    rest = list(words[1:])
    seen: set[str] = set()
    while rest:
        option = rest.pop(0)
        if option not in _OPTIONS:
            continue
        if not rest:
            return "", f"{option} of {words[0]} has no value"
        why = _refused(option, rest.pop(0), ":" in found, seen)
        if why and not (long_labels and option == "label"):
            return "", f"{why} of {words[0]}"
    return found, ""


def left_out(words: Sequence[str]) -> list[str]:
    """What keepalived leaves out of a line of ``virtual_ipaddress`` that it takes; sentences."""
    found = []
    bare, _, length = words[0].partition("/")
    most = 128 if ":" in bare else 32
    if length and within(length, 0, most, strict=True) is None:
        found.append(f"{words[0]} has no prefix length of 0 to {most}: keepalived uses {most}")
    rest = iter(words[1:])
    for word in rest:
        if word in _OPTIONS:
            next(rest, "")
        elif word not in _FLAGS:
            found.append(
                f"{word} behind {words[0]} is nothing that keepalived knows there: it goes on"
                " without; each address stands on a line of its own"
            )
    return found


_FLAGS = ("home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track", "use_vmac")
"""What stands behind a virtual address without a value."""

_OPTIONS = ("dev", "scope", "broadcast", "brd", "label", "peer", "preferred_lft")
"""What stands behind a virtual address with a value of its own."""


def _refused(option: str, value: str, is_ipv6: bool, seen: set[str]) -> str:
    """Why a line with this option is skipped, "" it is not. ``seen`` remembers those before it."""
    if option == "dev" and option in seen:
        return "a second dev"
    seen.add(option)
    if option in ("broadcast", "brd"):
        if is_ipv6:
            return "broadcast"
        if value not in ("+", "-") and (":" in value or not _canonical(value)):
            return f"broadcast {value}"
    if option == "label" and len(value) >= _LABEL:
        return f"the long label {value}"
    return ""


def canonical(text: str) -> str:
    """An address without its prefix length, in its one spelling; anything else unchanged."""
    bare = text.partition("/")[0]
    return _canonical(bare) or bare


def _canonical(text: str) -> str:
    """As inet_pton(3) reads it, which keepalived asks; "" for what is no address.

    That knows no leading zeros, which Python took before 3.9.5, and no interface behind ``%``.
    """
    if _LEADING_ZERO.search(text) or "%" in text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
