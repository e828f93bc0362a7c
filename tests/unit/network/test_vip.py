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

import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kachecks.network import vip
from kachecks.network.vip import here

ROOT = Path(__file__).parents[3]
DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def only_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No route of the host that runs these tests says that an address is here."""
    monkeypatch.setattr(vip, "routed_here", lambda _vip: False)


def proc_of(tmp_path: Path, name: str) -> str:
    (tmp_path / "net").mkdir(exist_ok=True)
    for table in ("fib_trie", "if_inet6"):
        captured = DATA / f"{name}.{table}"
        if captured.exists():
            shutil.copy(captured, tmp_path / "net" / table)
    return str(tmp_path)


@pytest.mark.usefixtures("only_tables")
@pytest.mark.parametrize(
    ("name", "address", "expected"),
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
def test_here(tmp_path: Path, name: str, address: str, expected: bool) -> None:
    proc = proc_of(tmp_path, name)
    assert here([address], proc) is expected


@pytest.mark.usefixtures("only_tables")
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


@pytest.mark.usefixtures("only_tables")
def test_only_the_table_that_is_needed_is_read(tmp_path: Path) -> None:
    proc = proc_of(tmp_path, "holder")
    (tmp_path / "net" / "if_inet6").unlink()  # as with ipv6.disable=1
    assert here(["10.0.0.100"], proc)
    with pytest.raises(OSError, match=f"{proc}/net/if_inet6"):
        here(["fd00::100"], proc)
    with pytest.raises(OSError, match=f"{proc}/net/if_inet6"):
        here(["10.0.0.100", "fd00::100"], proc)


@pytest.mark.usefixtures("only_tables")
def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/net/fib_trie"):
        here(["10.0.0.100"], str(tmp_path))
    (tmp_path / "net" / "fib_trie").mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match=f"{tmp_path}/net/fib_trie"):
        here(["10.0.0.100"], str(tmp_path))


LEAF = b"           |-- %s\n              /32 host LOCAL\n"
WHOLE = b"".join(LEAF % b"10.0.1.%d" % number for number in range(200))
TORN = WHOLE.replace(LEAF % b"10.0.1.100", b"")


@pytest.mark.usefixtures("only_tables")
@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ([WHOLE], True),  # one yes is a yes
        ([TORN, WHOLE], True),
        ([TORN, TORN, WHOLE], True),
        ([TORN] * vip.LOOKS, False),
        ([LEAF % b"10.0.1.1"], False),  # in one page: read in one go
    ],
)
def test_one_look_at_a_long_table_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, reads: list[bytes], expected: bool
) -> None:
    left = list(reads)
    opened = lambda *_, **__: io.FileIO(_file_of(left.pop(0)))  # noqa: E731
    monkeypatch.setattr(vip, "open", opened, raising=False)
    assert here(["10.0.1.100"]) is expected
    assert left == []


def _file_of(content: bytes) -> int:
    file = os.memfd_create("table")
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def test_what_is_asked_of_the_kernel_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table is read for an address that it routes to this host."""
    monkeypatch.setattr(vip, "_in_table", None)
    assert here(["127.0.0.1"])


def test_a_kernel_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hardened unit may not have AF_NETLINK: the tables still tell."""

    def refused(*_: object) -> None:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("_socket.socket", refused)
    assert not vip.routed_here("127.0.0.1")
    assert here(["127.0.0.1"])
    assert not here(["10.254.254.254"])


LIVE = """
import subprocess, time
from kachecks.network import vip
def ip(arguments):
    subprocess.run(["ip", *arguments.split()], check=True)
    if "nodad" in arguments: time.sleep(0.3)  # the route of an IPv6 address comes a moment later
def seen(address): return f"{vip.routed_here(address):d}{vip.here([address]):d}"
ip("link set lo up"); ip("link add eth0 type veth peer name peer0")
ip("link set eth0 up"); ip("link set peer0 up")
for address, cidr in (("10.0.0.100", "10.0.0.100/24"), ("fd00::100", "fd00::100/128")):
    said = [seen(address)]
    ip(f"addr add {cidr} dev eth0 nodad"); said.append(seen(address))
    said.append(str(vip.here([address, "10.9.9.9"])))
    ip(f"addr del {cidr} dev eth0"); said.append(seen(address))
    ip(f"addr add {cidr} dev lo nodad"); said.append(seen(address))
    ip(f"addr del {cidr} dev lo"); said.append(seen(address))
    print(address, *said)
ip("addr add 10.0.0.1/24 dev eth0"); ip("addr add 10.0.0.100/24 dev eth0")
ip("route add local 10.3.0.0/24 dev lo"); ip("-6 route add local fd03::/64 dev lo")
ip("route add 10.0.0.77 dev peer0"); ip("route add blackhole 10.0.0.79")
print("only routed", *(seen(each) for each in
    ("10.3.0.1", "fd03::1", "10.0.0.77", "10.0.0.79", "10.0.0.255", "10.0.0.0", "8.8.8.8")))
ip("rule add pref 50 to 10.0.0.100 lookup 77"); ip("rule add pref 100 lookup local")
ip("rule del pref 0"); ip("route add default dev peer0 table 77")
print("other rules", seen("10.0.0.1"), seen("10.0.0.100"))
with open("/proc/sys/net/ipv6/conf/eth0/dad_transmits", "w") as file: file.write("100")  # seconds
ip("-6 addr add fd00::100/128 dev eth0"); print("tentative", seen("fd00::100"))
ip("link set eth0 down"); print("down", seen("10.0.0.1"))
"""
"""For each address: what the route says, and the answer."""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_live() -> None:
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", LIVE],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines() == [
        "10.0.0.100 00 11 False 00 11 00",
        "fd00::100 00 11 False 00 11 00",
        "only routed 00 00 00 00 00 00 00",
        "other rules 11 01",
        "tentative 01",
        "down 11",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a namespace")
def test_a_unit_that_sees_of_proc_only_processes() -> None:
    """ProcSubset=pid: there is no /proc/net."""
    mount = ["mount", "-t", "proc", "-o", "subset=pid", "proc", "/proc"]
    code = f"""
import os, subprocess
from kachecks.network import tcp_table, vip
subprocess.run({mount}, check=True)
print(os.path.exists("/proc/net"), vip.here(["10.9.9.9"]), vip.here(["fd99::9"]))
print(tcp_table.ports_at("10.9.9.9"), tcp_table.ports_through("fd99::9"))
"""
    ran = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines() == ["False False False", "set() set()"]


CHURN = """
import subprocess, time
from kachecks.network import vip
addresses = "".join(f"addr add 10.1.0.{n}/24 dev eth0\\n" for n in range(1, 201))
subprocess.run(["ip", "-batch", "-"], check=True, text=True, input=(
    "link set lo up\\nlink add eth0 type veth peer name peer0\\nlink set eth0 up\\n"
    f"link set peer0 up\\n{addresses}addr add 10.200.0.100/24 dev eth0\\n"))
routes = "".join(f"route {verb} 10.0.{n}.0/24 dev eth0\\n" for verb in ("add", "del")
                 for n in range(5))
with subprocess.Popen(["ip", "-batch", "-"], stdin=subprocess.PIPE, text=True) as churn:
    until, looks, missed = time.monotonic() + 2, 0, 0
    while time.monotonic() < until:
        churn.stdin.write(routes * 20); churn.stdin.flush()
        for _ in range(100):
            looks += 1
            missed += not vip.here(["10.200.0.100"])
    churn.kill()
print(missed, looks > 1000)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_while_routes_come_and_go() -> None:
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", CHURN],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "0 True\n"


@pytest.mark.parametrize("address", ["10.0.0.100", "127.0.0.1"])
def test_it_is_fast(address: str) -> None:
    """With this host's own table; the best of many, so that load does not matter."""
    best = 1.0
    for _ in range(200):
        started = time.perf_counter()
        here([address])
        best = min(best, time.perf_counter() - started)
    assert best < 0.0003
