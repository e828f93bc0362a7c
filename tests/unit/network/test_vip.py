"""Is the VIP here? On tables captured from Linux 6.18 (data/*.fib_trie, *.if_inet6), and live.

Each capture is one private network namespace with eth0 and its addresses:

    standby    10.0.0.1/24, fd00::1/64
    holder     as standby, and 10.0.0.100/24 (secondary), 10.0.0.101/32, fd00::100/128, a default
               route, 192.168.7.7/32 on lo
    routes     10.0.0.1/24, 10.4.0.1/24 with the broadcast address 10.4.0.100; host routes to
               10.0.0.77 and .78, blackhole .79, unreachable .80, local 10.3.0.0/24
    tables     10.0.0.1/24 and 10.0.0.100/32, also a host route to .100; in table 100 a local route
               to 10.0.0.66
    link_down  10.0.0.1/24, 10.0.0.100/32 and fd00::100/128, then `ip link set eth0 down`
    tentative, dadfailed   fd00::100/128 in these states
    many       10.0.1.1 to .120 /24, 10.0.1.200/32, fd00::1:1 to :120
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kachecks.network.vip import here

DATA = Path(__file__).parents[1] / "data"


def proc_of(tmp_path: Path, name: str) -> str:
    (tmp_path / "net").mkdir(exist_ok=True)
    for table in ("fib_trie", "if_inet6"):
        captured = DATA / f"{name}.{table}"
        if captured.exists():
            shutil.copy(captured, tmp_path / "net" / table)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("name", "vip", "expected"),
    [
        ("standby", "10.0.0.1", True),
        ("standby", "10.0.0.100", False),
        ("standby", "10.0.0.0", False),  # the network
        ("standby", "10.0.0.255", False),  # its broadcast address
        ("standby", "127.0.0.0", False),  # LOCAL, but a /8
        ("standby", "fd00::1", True),
        ("standby", "fd00::100", False),
        ("holder", "10.0.0.1", True),
        ("holder", "10.0.0.100", True),
        ("holder", "10.0.0.101", True),
        ("holder", "192.168.7.7", True),
        ("holder", "10.0.0.10", False),  # a beginning of 10.0.0.100
        ("holder", "0.0.0.100", False),  # an end of it
        ("holder", "0.0.0.0", False),  # noqa: S104 - the default route
        ("holder", "10.0.0.254", False),  # its gateway
        ("holder", "fd00::100", True),
        ("holder", "fd00::10", False),
        ("routes", "10.0.0.77", False),
        ("routes", "10.0.0.78", False),
        ("routes", "10.0.0.79", False),
        ("routes", "10.0.0.80", False),
        ("routes", "10.3.0.0", False),
        ("routes", "10.3.0.1", False),
        ("routes", "10.4.0.100", False),
        ("routes", "10.4.0.1", True),
        ("tables", "10.0.0.100", True),  # its first leaf is the route in Main
        ("tables", "10.0.0.66", True),  # any table counts
        ("link_down", "10.0.0.100", True),
        ("link_down", "fd00::100", False),
        ("tentative", "fd00::100", True),
        ("dadfailed", "fd00::100", True),
        ("many", "10.0.1.1", True),
        ("many", "10.0.1.120", True),
        ("many", "10.0.1.121", False),
        ("many", "10.0.1.200", True),
        ("many", "fd00::1:120", True),
        ("many", "fd00::1:121", False),
    ],
)
def test_here(tmp_path: Path, name: str, vip: str, expected: bool) -> None:
    proc = proc_of(tmp_path, name)
    assert here([vip], proc) is expected


@pytest.mark.parametrize(
    ("vips", "expected"),
    [
        (["10.0.0.100", "10.0.0.101"], True),
        (["10.0.0.100", "10.0.0.102"], False),
        (["10.0.0.102", "10.0.0.100"], False),
        (["10.0.0.102", "10.0.0.103"], False),
        (["10.0.0.100", "fd00::100"], True),
        (["10.0.0.100", "fd00::101"], False),
        (["10.0.0.102", "fd00::100"], False),
        (["10.0.0.102", "fd00::101"], False),
        ([], False),
    ],
)
def test_several(tmp_path: Path, vips: list[str], expected: bool) -> None:
    proc = proc_of(tmp_path, "holder")
    assert here(vips, proc) is expected


def test_only_the_table_that_is_needed_is_read(tmp_path: Path) -> None:
    proc = proc_of(tmp_path, "holder")
    (tmp_path / "net" / "if_inet6").unlink()  # as with ipv6.disable=1
    assert here(["10.0.0.100"], proc)
    with pytest.raises(OSError, match=f"{proc}/net/if_inet6"):
        here(["fd00::100"], proc)
    with pytest.raises(OSError, match=f"{proc}/net/if_inet6"):
        here(["10.0.0.100", "fd00::100"], proc)


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/net/fib_trie"):
        here(["10.0.0.100"], str(tmp_path))
    (tmp_path / "net" / "fib_trie").mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match=f"{tmp_path}/net/fib_trie"):
        here(["10.0.0.100"], str(tmp_path))


LIVE = """
import subprocess, sys, time
from kachecks.network.vip import here
def ip(arguments): subprocess.run(["ip", *arguments.split()], check=True)
ip("link set lo up"); ip("link add eth0 type veth peer name peer0"); ip("link set eth0 up")
for vip, cidr in (("10.0.0.100", "10.0.0.100/24"), ("fd00::100", "fd00::100/128")):
    seen = [here([vip])]
    ip(f"addr add {cidr} dev eth0"); seen.append(here([vip]))
    seen.append(here([vip, "10.9.9.9"]))
    ip(f"addr del {cidr} dev eth0"); seen.append(here([vip]))
    print(vip, *seen)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_live() -> None:
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", LIVE],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines() == [
        "10.0.0.100 False True False False",
        "fd00::100 False True False False",
    ]


def test_it_is_fast() -> None:
    """With this host's own table; the best of many, so that load does not matter."""
    best = 1.0
    for _ in range(200):
        started = time.perf_counter()
        here(["10.0.0.100"])
        best = min(best, time.perf_counter() - started)
    assert best < 0.0003
