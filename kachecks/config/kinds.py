"""The kinds of values in the option file: what is expected, in words and as a conversion."""

from __future__ import annotations

import os

from kachecks.config.file_format import SPACE
from kachecks.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DIGITS = "0123456789"
WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" + _DIGITS


class Kind(NamedTuple):
    """The values a key may have: in words, and as a function that raises ValueError(why not)."""

    expected: str
    convert: Callable[[str], Any]


def checked(kind: Kind, text: str) -> Any:
    """The value that a text means. Raises ValueError: one sentence."""
    try:
        return kind.convert(text)
    except ValueError as error:
        why = f" ({error})" if str(error) else ""
        raise ValueError(f"found '{text}'{why}, expected {kind.expected}") from None


def only(text: str, allowed: str) -> bool:
    """Whether a text is made of these characters alone, and not empty."""
    return bool(text) and not text.strip(allowed)


_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def duration(text: str) -> float:
    """Seconds: 3, 0.5, 500ms, 2m, 1h30m or 1d12h. Raises ValueError."""
    if only(text, _DIGITS):
        return float(text)
    total, rest = 0.0, text
    while rest:
        after = rest.lstrip(_DIGITS + ".")  # float alone would take 1e3, 1_0, -1, inf and nan
        try:
            number = float(rest[: len(rest) - len(after)])
            if after[:2] == "ms":
                total, rest = total + number / 1000, after[2:]
            elif after:
                total, rest = total + number * _UNITS[after[0]], after[1:]
            elif rest == text:  # the only number, without a unit
                return number
            else:
                raise ValueError
        except (KeyError, ValueError):
            raise ValueError from None
    if not text:
        raise ValueError
    return total


def spelled(seconds: float) -> str:
    """The shortest spelling that ``duration`` reads: 30d, 90s, 0.85s."""
    for unit, size in _UNITS.items():
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"


def seconds(low: float, high: float) -> Kind:
    def convert(text: str) -> float:
        value = duration(text)
        if not low <= value <= high:
            raise ValueError
        return value

    limits = f"{spelled(low)} to {spelled(high)}"
    return Kind(f"a time, {limits}, written like 3, 500ms, 2m or 1h30m", convert)


def one_of(*choices: str) -> Kind:
    def convert(text: str) -> str:
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        raise ValueError

    return Kind(" or ".join(choices), convert)


def integer(low: int, high: int) -> Kind:
    def convert(text: str) -> int:
        if not only(text, _DIGITS) or len(text) > 9 or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return Kind(f"a whole number from {low} to {high}", convert)


def _to_bytes(text: str) -> int:
    power = "_KMGT".find(text[-1:].upper() or "_")
    number = text[:-1] if power > 0 else text
    if not only(number, _DIGITS) or len(number) > 15:
        raise ValueError
    return int(number) << (10 * max(power, 0))


def _to_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("keepalived runs its scripts in /")
    return text


def _to_socket(text: str) -> str:
    if len(os.fsencode(text)) > 107:
        raise ValueError("longer than the 107 bytes of a socket address")
    if text.endswith("/"):
        raise ValueError("that is a directory")
    return _to_path(text)


def _to_user(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _to_name(text: str) -> str:
    if not only(text, WORD + "-") or len(text) > 32:
        raise ValueError
    return text


def _to_interface(text: str) -> str:
    if len(os.fsencode(text)) > 15 or set(text) & set("/" + SPACE) or text in (".", ".."):
        raise ValueError
    return text


def _canonical(text: str) -> str:
    """The one spelling of an address that the kernel's tables and our comparisons use."""
    if ":" not in text:
        parts = text.split(".")
        if len(parts) != 4 or not all(only(part, _DIGITS) and len(part) < 4 for part in parts):
            raise ValueError
        if any(int(part) > 255 or str(int(part)) != part for part in parts):
            raise ValueError("each part is 0 to 255 without leading zeros")
        return text
    from _socket import AF_INET6, inet_ntop, inet_pton  # `socket` itself takes 10 ms, every second

    try:
        return inet_ntop(AF_INET6, inet_pton(AF_INET6, text))
    except OSError:
        raise ValueError("a scope such as %eth0 is not supported" if "%" in text else "") from None


def _to_address(text: str) -> str:
    """An address by which other hosts can reach one host: not loopback, multicast or a
    placeholder."""
    address = _canonical(text)
    if ":" not in address:
        first = int(address.split(".")[0])
        if first in (0, 127) or first > 223:
            raise ValueError("no other host can be reached by it")
    elif address in ("::", "::1") or address.startswith("ff"):
        raise ValueError("no other host can be reached by it")
    elif address.startswith("::ffff:"):
        raise ValueError("write an IPv4 address as such")
    return address


def _to_other_host(text: str) -> str:
    address = _to_address(text)
    if ":" in address and address[:3] in ("fe8", "fe9", "fea", "feb"):
        raise ValueError("a link-local address says nothing without its interface")
    return address


def _to_local_host(text: str) -> str:
    return text.lower() if text.lower() == "localhost" else _canonical(text)


def _to_vip(text: str) -> str:
    """As in keepalived.conf, where a VIP may have a prefix length, which we have no use for."""
    address, slash, prefix = text.partition("/")
    if slash:
        longest = 128 if ":" in address else 32
        if not only(prefix, _DIGITS) or len(prefix) > 3 or not 1 <= int(prefix) <= longest:
            raise ValueError(f"its prefix is not 1 to {longest}")
    return _to_address(address)


def _list_of(one: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    def convert(text: str) -> tuple[str, ...]:
        items = tuple(one(item.strip(SPACE)) for item in text.split(","))
        if len(set(items)) < len(items):
            raise ValueError("one is listed twice")
        return items

    return convert


def _to_bool(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError
    return text.lower() == "yes"


YES_NO = Kind("yes or no", _to_bool)
USER = Kind("the name of an account", _to_user)
PASSWORD = Kind("the password", str)
NAME = Kind("1 to 32 letters, digits, _ or -", _to_name)
INTERFACE = Kind("the name of a network interface", _to_interface)
ADDRESS = Kind("an IPv4 or IPv6 address of another host", _to_other_host)
ON_THE_LINK = Kind("an IPv4 or IPv6 address", _to_address)
ADDRESSES = Kind("IPv4 or IPv6 addresses of other hosts, with commas", _list_of(_to_other_host))
VIPS = Kind("one or more IPv4 or IPv6 addresses, with commas", _list_of(_to_vip))
LOCAL_HOST = Kind("localhost or an IPv4 or IPv6 address", _to_local_host)
PORT = integer(1, 65535)
SIZE = Kind("a number of bytes, or of K, M, G or T, written like 64M", _to_bytes)
PATH = Kind("an absolute path", _to_path)
SOCKET = Kind("the absolute path of a unix socket", _to_socket)
SSL_MODE = one_of("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
