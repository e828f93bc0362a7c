"""ICMP packets: right bytes out, and only the answer to our own question counts."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kachecks.network import ping
from kachecks.network.ping import answers, is_answer, request
from tests.unit.doubles.changing import failing

TOKEN = bytes.fromhex("0123456789abcdef")


def answer_to(sent: bytes, kind: int) -> bytes:
    """As a host answers: another type, another checksum, the rest as it came."""
    return bytes([kind, 0, 0xAA, 0xBB]) + sent[4:]


def test_a_request_is_one_that_linux_answers() -> None:
    # The checksum over the whole packet, computed as RFC 1071 says, is zero.
    sent = request(b"\x12\x34", TOKEN, is_ipv6=False)
    words = [int.from_bytes(sent[i : i + 2], "big") for i in range(0, len(sent), 2)]
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
    assert sent[:2] == bytes([8, 0])
    assert sent[4:] == b"\x12\x34\x00\x01" + TOKEN


def test_an_icmpv6_request_has_its_own_type() -> None:
    assert request(b"\x12\x34", TOKEN, is_ipv6=True)[:2] == bytes([128, 0])


@pytest.mark.parametrize(("is_ipv6", "kind"), [(False, 0), (True, 129)])
def test_the_answer_to_our_request_counts(is_ipv6: bool, kind: int) -> None:
    sent = request(b"\x12\x34", TOKEN, is_ipv6)
    assert is_answer(answer_to(sent, kind), sent, is_ipv6)


@pytest.mark.parametrize(("is_ipv6", "kind"), [(False, 0), (True, 129)])
def test_nobody_elses_answer_counts(is_ipv6: bool, kind: int) -> None:
    sent = request(b"\x12\x34", TOKEN, is_ipv6)
    others = [
        answer_to(request(b"\x12\x35", TOKEN, is_ipv6), kind),  # another ping's identifier
        answer_to(request(b"\x12\x34", TOKEN[::-1], is_ipv6), kind),  # other data
        answer_to(sent, kind)[:-1],  # cut short
        answer_to(sent, kind) + b"\0",
        b"",
    ]
    assert not any(is_answer(packet, sent, is_ipv6) for packet in others)


@pytest.mark.parametrize(
    ("is_ipv6", "kind"),
    [
        (False, 8),  # our own request, as a raw socket hears it when a host pings itself
        (False, 3),  # destination unreachable
        (False, 129),
        (True, 128),
        (True, 1),
        (True, 0),
    ],
)
def test_only_an_echo_reply_is_an_answer(is_ipv6: bool, kind: int) -> None:
    sent = request(b"\x12\x34", TOKEN, is_ipv6)
    assert not is_answer(answer_to(sent, kind), sent, is_ipv6)


def test_nobody_asked_is_nobody_answering() -> None:
    assert not answers([], 1.0)


def test_a_check_that_pings_loads_little() -> None:
    loaded = (
        "import sys, kachecks.network.link as n; n.Network(None).answers([], 0);print(*sys.modules)"
    )
    modules = subprocess.run(
        [sys.executable, "-S", "-c", loaded],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "kachecks.network.ping" in modules
    heavy = {
        "socket",
        "selectors",
        "psutil",
        "struct",
        "kachecks.network.neighbours",
        "kachecks.network.vrrp",
    }
    assert not heavy & set(modules)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EACCES])
def test_no_socket_is_no_silence(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(ping, "_Pinger", failing(OSError(number, "no socket")))
    with pytest.raises(OSError, match="no socket"):
        ping.answers(["10.0.0.1"], 0.1)


def test_a_kernel_without_the_family_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ping, "_Pinger", failing(OSError(errno.EAFNOSUPPORT, "no IPv6")))
    assert not ping.answers(["fd00::1"], 0.1)


REPLIES = """
import socket, subprocess
from kachecks.network import ping
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
class Asking(ping._Pinger):
    def send(self):
        super().send()
        answer = ping.request(self._request[4:6], self._request[8:], self._is_ipv6)
        head = bytes([129 if self._is_ipv6 else 0, 0])
        total = 0xffff - int.from_bytes(head + answer[4:], "big") % 0xffff
        family, protocol = (10, 58) if self._is_ipv6 else (2, 1)
        with socket.socket(family, socket.SOCK_RAW, protocol) as other:
            other.bind(("fd00::66" if self._is_ipv6 else "127.0.0.66", 0))
            to = "::1" if self._is_ipv6 else "127.0.0.1"
            other.sendto(head + total.to_bytes(2, "big") + answer[4:], (to, 0))
ping._Pinger = Asking
subprocess.run("ip -6 addr add fd00::66/128 dev lo nodad".split(), check=True)
subprocess.run("ip route add blackhole 10.0.0.9".split(), check=True)
subprocess.run("ip -6 route add blackhole fd00::9".split(), check=True)
for asked in ("10.0.0.9", "fd00::9"): print(ping.answers([asked], 0.25))
for asked in ("127.0.0.66", "fd00::66"): print(ping.answers([asked], 10.0))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_only_who_was_asked_can_answer() -> None:
    """Another host answers with all that was in the question, as one on the way could."""
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", REPLIES], cwd=Path(__file__).parents[3],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.stdout.split() == ["False", "False", "True", "True"], ran.stderr


def test_one_is_sent_however_late_this_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a tenth of a CPU it gets none for 90 ms at a time."""
    made, real = ping._pinger, time.monotonic

    def late(addresses: list[str], is_ipv6: bool) -> object:
        monkeypatch.setattr(ping.time, "monotonic", lambda: real() + 0.09)
        return made(addresses, is_ipv6)

    monkeypatch.setattr(ping, "_pinger", late)
    assert ping.answers(["127.0.0.1"], 0.03)
