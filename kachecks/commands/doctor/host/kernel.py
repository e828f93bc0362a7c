"""doctor looks at the kernel's tables, the clock, what is made at boot, other pairs of this
host."""

from __future__ import annotations

import ctypes
import glob
import ipaddress
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kachecks.commands.doctor.host.facts import HostAddress, OtherPair, server
from kachecks.config.options import Config, ConfigError, load

_LARGEST_ERROR = 16_000_000  # microseconds; what systemd's timedatectl takes as synchronised
_TMPFILES = (
    "/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d",
)  # fmt: skip


def interfaces() -> Mapping[str, int] | None:
    """Name and flags of every interface (IFF_UP and its like of <net/if.h>)."""
    found: dict[str, int] = {}
    try:
        for directory in Path("/sys/class/net").iterdir():
            with suppress(OSError, ValueError):  # bonding_masters is a file
                found[directory.name] = int((directory / "flags").read_text(), 16)
    except OSError:
        return None
    return found


def addresses() -> tuple[HostAddress, ...]:
    """Every address of this host with its prefix length."""
    import psutil

    found = []
    with suppress(OSError, psutil.Error):
        for name, entries in psutil.net_if_addrs().items():
            for entry in entries:
                with suppress(ValueError):
                    bare = ipaddress.ip_address(entry.address.partition("%")[0])
                    prefix = _prefix(str(entry.netmask or ""), bare.max_prefixlen)
                    found.append(HostAddress(name, str(bare), prefix))
    return tuple(found)


def _prefix(netmask: str, most: int) -> int:
    try:
        return bin(int(ipaddress.ip_address(netmask))).count("1") if netmask else most
    except ValueError:
        return most


def sysctl(interface: str) -> Mapping[str, str]:
    """What concerns ARP and addresses, as ``name/all`` and ``name/INTERFACE``."""
    found: dict[str, str] = {}
    for name in ("arp_ignore", "promote_secondaries"):
        for scope in dict.fromkeys(("all", interface)):
            with suppress(OSError):
                path = Path("/proc/sys/net/ipv4/conf", scope, name)
                found[f"{name}/{scope}"] = path.read_text().strip()
    return found


def ip_vs() -> bool | None:
    """The kernel has IPVS, or a module of it; None where modules cannot be looked for."""
    if Path("/proc/net/ip_vs").exists():
        return True
    modules = Path("/lib/modules", os.uname().release)
    if not modules.is_dir():
        return False
    try:
        listed = [(modules / name).read_text() for name in ("modules.dep", "modules.builtin")]
    except OSError:
        return None
    return any("/ip_vs.ko" in text for text in listed)


class _Timex(ctypes.Structure):
    """The beginning of struct timex of <sys/timex.h>, as adjtimex(2) fills it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def clock_synchronised() -> bool | None:
    """Something keeps the kernel's clock right (NTP, PTP); None where that cannot be asked."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else timex.maxerror < _LARGEST_ERROR


def made_at_boot() -> frozenset[str] | None:
    """Directories that systemd-tmpfiles makes, None where no systemd runs."""
    return directories_made() if os.path.isdir("/run/systemd/system") else None


def directories_made() -> frozenset[str]:
    """What the files of tmpfiles.d(5) say."""
    chosen: dict[str, str] = {}
    for directory in reversed(_TMPFILES):  # of files with one name the first directory's counts
        for path in glob.glob(f"{directory}/*.conf"):
            chosen[os.path.basename(path)] = path
    found: set[str] = set()
    for path in chosen.values():
        with suppress(OSError):
            for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
                words = line.split()
                if len(words) > 1 and words[0][:1] in ("d", "D"):
                    found.add(words[1].rstrip("/").replace("/var/run/", "/run/"))
    return frozenset(found)


def other_pairs(config: Config) -> tuple[OtherPair, ...]:
    """The other option files beside this one. A file that cannot be used belongs to no running
    pair."""
    found = []
    own = os.path.realpath(config.path)
    for path in sorted(glob.glob(os.path.join(os.path.dirname(own), "*.cnf"))):
        if os.path.realpath(path) != own:
            with suppress(ConfigError):
                found.append(_pair(load(path)))
    return tuple(found)


def _pair(config: Config) -> OtherPair:
    return OtherPair(config.path, config.name, config.vips, server(config))
