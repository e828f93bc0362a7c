"""The lines of a vrrp_instance, taken one after the other as keepalived's parser takes them.

Their order counts: the first address decides the family, a second ``version`` that differs is not
taken, MASTER is not taken back (the handlers in vrrp_parser.c of 2.2.7; 2.1.5 and 2.3.3 do the
same).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from kachecks.keepalived.blocks import Statement
from kachecks.keepalived.values import (
    address,
    left_out,
    micro_seconds,
    number,
    virtual_address,
    within,
)

OWNER = 255
"""The priority of the owner of the address (RFC 5798), which no tracker changes."""
DEFAULT_PRIORITY = 100
PASSWORD_LENGTH = 8  # bytes of auth_pass, more is cut off
MOST_TTL = 255  # of an IPv4 advert, where unicast_ttl says nothing
_LONGEST_NAME = 15  # letters of an interface
_LOOPBACK = "lo"
_MOST_VIPS = {4: 255, 6: 89}  # of an advert, with an MTU of 1500; seen with 2.2.7
_SECOND = 1_000_000  # of what is counted in millionths


class Hmac(NamedTuple):
    """auth_hmac of keepalived 2.4, by its manual and vrrp_auth_hmac.c: a trailer signs each advert.

    The keys are compared as they are written, and never printed.
    """

    keys: frozenset[tuple[str, str]] = frozenset()  # number and key; none: no auth_hmac
    signing: tuple[str, str] | None = None  # the one that signs
    permissive: bool = False  # adverts without a valid trailer are accepted too


class Written:
    """What the lines have said so far; nothing is derived from it yet."""

    def __init__(self, block: Statement, is_2_1: bool, is_2_3: bool) -> None:
        """``is_2_1``: keepalived before 2.2 reads them; ``is_2_3``: 2.3 or a later one."""
        self._one_of_each = is_2_3  # a virtual address that is there twice counts once
        self._is_2_1 = is_2_1
        self.state = ""  # MASTER, BACKUP, "" not said
        self.priority = 0  # 0: not said
        self.version = 0
        self.family = 0  # 4, 6, 0: no address yet
        self.vrid = 0
        self.interface = ""
        self.advert_int = _SECOND  # in millionths of a second
        self.nopreempt = False
        self.preempt_delay = 0  # in millionths of a second
        self.strict: bool | None = None  # None: as in global_defs
        self.auth_type = ""
        self.auth_pass = ""
        self.hmac = Hmac()
        self.source = ""
        self.multicast_group = ""
        self.vips: list[str] = []
        self.excluded: list[str] = []
        self.devices: set[str] = set()  # interfaces that addresses are on
        self.on_no_device: set[str] = set()  # addresses that are on the instance's own
        self.peers: list[str] = []
        self.peer_ttls: dict[str, tuple[int, int]] = {}  # least and most
        self.ttl: int | None = None  # None: not said
        self.unicast = False  # something says unicast, if only in passing
        self.checks_source = False
        self.faults_without_peer = False
        self.allows_no_vip = False
        self.tracks_interface = True
        self.notes: list[str] = []
        for line in block.block or ():
            taking = _TAKING.get(line.name)
            if taking:
                taking(self, line)
        if not self.interface and not is_2_1:  # only unicast needs none; 2.1 has a default
            self.vips = [vip for vip in self.vips if vip not in self.on_no_device]
        self._fit(block)

    def _fit(self, block: Statement) -> None:
        """Excludes the addresses that do not fit into an advert."""
        most = _MOST_VIPS[self.family or 4]
        if len(self.vips) > most:
            self.note(block, f"only {most} addresses fit into an advert: the others are excluded")
            self.vips, more = self.vips[:most], self.vips[most:]
            self.excluded += more

    def note(self, line: Statement, sentence: str) -> None:
        self.notes.append(f"{line.where}: {sentence}")

    def _ours(self, line: Statement, text: str, found: str) -> bool:
        """Whether it is an address, and of the family that the first one has decided."""
        if not found:
            self.note(line, f"{text} is no address: keepalived goes on without it")
            return False
        family = 6 if ":" in found else 4
        self.family = self.family or family
        if family != self.family:
            self.note(line, f"{text} is not of IPv{self.family}: keepalived goes on without it")
        return family == self.family

    def _state(self, line: Statement) -> None:
        if line.value == "BACKUP" and self.state == "MASTER":
            self.note(line, "state BACKUP after state MASTER: keepalived passes it over")
            return
        if line.value not in ("MASTER", "BACKUP"):
            self.note(line, f"state {line.value} does not exist: keepalived uses BACKUP")
        self.state = "MASTER" if line.value == "MASTER" else "BACKUP"

    def _priority(self, line: Statement) -> None:
        found = within(line.value, 1, OWNER, strict=True)
        if found is None:
            self.note(
                line,
                f"priority {line.value} is not 1 to {OWNER}: keepalived uses {DEFAULT_PRIORITY}",
            )
        self.priority = found or DEFAULT_PRIORITY

    def _vrid(self, line: Statement) -> None:
        found = within(line.value, 1, 255, strict=True)
        if found is None:
            self.note(line, f"virtual_router_id {line.value} is not 1 to 255: it is not taken")
        self.vrid = found or self.vrid

    def _version(self, line: Statement) -> None:
        found = within(line.value, 2, 3)
        if found is None:
            self.note(line, f"version {line.value}: only 2 and 3 exist")
        elif self.version not in (0, found) or (found == 2 and self.family == 6):
            known = self.version or "IPv6"
            self.note(line, f"version {found} does not go with {known}: keepalived passes it over")
        else:
            self.version = found

    def _advert_int(self, line: Statement) -> None:
        found = micro_seconds(line.value, _SECOND // 100, 255 * _SECOND, self._is_2_1)
        if found is None:
            self.note(
                line,
                f"advert_int {line.value} is no interval: keepalived uses"
                f" {self.advert_int / _SECOND:g}",
            )
        else:
            self.advert_int = found

    def _interface(self, line: Statement) -> None:
        if len(line.value) > _LONGEST_NAME:
            self.note(line, f"{line.value} is too long for an interface: it is not taken")
        elif line.value == _LOOPBACK:
            self.note(line, f"{_LOOPBACK} is a loopback interface, which keepalived does not take")
        else:
            self.interface = line.value

    def _nopreempt(self, line: Statement) -> None:
        self.nopreempt = line.name == "nopreempt"

    def _preempt_delay(self, line: Statement) -> None:
        found = micro_seconds(line.value, 0, 1000 * _SECOND, self._is_2_1)
        if found is None:
            self.note(line, f"preempt_delay {line.value} is not 0 to 1000: keepalived uses 0")
        self.preempt_delay = found or 0

    def _strict_mode(self, line: Statement) -> None:
        said = _FLAGS.get(line.value) if line.value else True
        if said is None:
            self.note(line, f"strict_mode {line.value} is neither on nor off: it is not taken")
        else:
            self.strict = said

    def _source(self, line: Statement) -> None:
        self.unicast |= line.name == "unicast_src_ip"
        found = address(line.value)
        if self._ours(line, line.value, found):
            self.source = found
        elif found:
            self.source = ""  # one of the other family takes the one before it away

    def _multicast(self, line: Statement) -> None:
        found = address(line.value)
        self.multicast_group = ""
        if not self._ours(line, line.value, found):
            return
        if is_multicast(found):
            self.multicast_group = found
        else:
            self.note(line, f"{line.value} is not multicast: keepalived goes on without it")

    def _native_ipv6(self, line: Statement) -> None:
        if self.family == 4:
            self.note(line, "native_ipv6 with IPv4 addresses: keepalived passes it over")
        else:
            self.family, self.version = 6, 3

    def _authentication(self, block: Statement) -> None:
        for line in block.block or ():
            if line.name == "auth_pass":
                written = line.value.encode("utf-8", "surrogateescape")
                counts = written[:PASSWORD_LENGTH]  # perhaps not all of its last letter
                self.auth_pass = counts.decode("utf-8", "surrogateescape")
                if written != counts:
                    self.note(line, f"only the first {PASSWORD_LENGTH} bytes of auth_pass count")
            elif line.value in ("PASS", "AH"):
                self.auth_type = line.value
            else:
                self.note(line, f"auth_type {line.value} does not exist: it is not taken")

    def _auth_hmac(self, block: Statement) -> None:
        keys: dict[str, str] = {}
        for line in block.all("key"):
            keys.setdefault(line.value, " ".join(line.words[2:]))
        active, mode = block.last("active_key"), block.last("mode")
        self.hmac = Hmac(
            keys=frozenset(keys.items()),
            signing=(active.value, keys.get(active.value, "")) if active else None,
            permissive=mode is not None and mode.value == "permissive",
        )

    def _vip(self, block: Statement) -> None:
        for line in block.block or ():
            found, why = virtual_address(line.words, self._is_2_1)
            if why:
                self.note(line, f"{why}: keepalived goes on without this address")
            elif self._ours(line, line.name, found):
                self._one_more(line, found)
                self._placed(line)

    def _one_more(self, line: Statement, vip: str) -> None:
        if vip not in self.vips:
            self.vips.append(vip)
        elif self._one_of_each:
            self.note(line, f"{vip} is there twice: keepalived goes on without this one")
        else:
            self.vips.append(vip)
            self.note(line, f"{vip} is there twice, and before 2.3 it is twice in the adverts")

    def _excluded(self, block: Statement) -> None:
        for line in block.block or ():
            found, why = virtual_address(line.words, self._is_2_1)
            if why:
                self.note(line, f"{why}: keepalived goes on without this address")
            else:
                self.excluded.append(found)
                self._placed(line)

    def _placed(self, line: Statement) -> None:
        """What stands behind an address that is taken."""
        for sentence in left_out(line.words):
            self.note(line, sentence)
        if "dev" not in line.words:
            self.on_no_device.add(address(line.name))
        elif "no_track" not in line.words:
            self.devices.add(line.words[line.words.index("dev") + 1])

    def _peers(self, block: Statement) -> None:
        self.unicast = True
        for line in block.block or ():
            found = address(line.name)
            if self._ours(line, line.name, found):
                self.peers.append(found)
                self._ttl(line, found)

    def _ttl(self, line: Statement, peer: str) -> None:
        """``min_ttl`` and ``max_ttl`` of a peer, which make adverts of others be dropped too."""
        if len(line.words) % 2 == 0:
            self.note(line, f"{line.words[-1]} behind {line.name} has no value: {_ONE_A_LINE}")
        limits = {"min_ttl": 0, "max_ttl": MOST_TTL}
        for option, value in zip(line.words[1::2], line.words[2::2]):
            found = within(value, 0, MOST_TTL, strict=True)
            if found is None:
                self.note(line, f"{option} {value} is not 0 to {MOST_TTL}: {_ONE_A_LINE}")
                continue
            if option not in limits:
                self.note(line, f"keepalived does not know {option} of a unicast_peer")
                break
            limits[option] = found
            self.checks_source = True
        self.peer_ttls.setdefault(peer, (limits["min_ttl"], limits["max_ttl"]))

    def _unicast_ttl(self, line: Statement) -> None:
        found = within(line.value, 0, MOST_TTL, strict=True)
        if found is None:
            self.note(line, f"unicast_ttl {line.value} is not 0 to {MOST_TTL}: it is not taken")
        else:
            self.ttl = found

    def _flag(self, line: Statement) -> None:
        self.unicast |= line.name in ("check_unicast_src", "unicast_fault_no_peer")
        self.unicast |= line.name == "old_unicast_checksum"
        self.checks_source |= line.name == "check_unicast_src"
        self.faults_without_peer |= line.name == "unicast_fault_no_peer"
        self.allows_no_vip |= line.name == "no_virtual_ipaddress"
        self.tracks_interface &= line.name != "dont_track_primary"


_ONE_A_LINE = "keepalived goes on without it; each peer stands on a line of its own"

_FLAGS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}

_TAKING: Mapping[str, Callable[[Written, Statement], None]] = {
    "state": Written._state,
    "priority": Written._priority,
    "virtual_router_id": Written._vrid,
    "version": Written._version,
    "advert_int": Written._advert_int,
    "interface": Written._interface,
    "nopreempt": Written._nopreempt,
    "preempt": Written._nopreempt,
    "preempt_delay": Written._preempt_delay,
    "strict_mode": Written._strict_mode,
    "mcast_src_ip": Written._source,
    "unicast_src_ip": Written._source,
    "mcast_dst_ip": Written._multicast,
    "native_ipv6": Written._native_ipv6,
    "authentication": Written._authentication,
    "auth_hmac": Written._auth_hmac,
    "virtual_ipaddress": Written._vip,
    "virtual_ipaddress_excluded": Written._excluded,
    "unicast_peer": Written._peers,
    "unicast_ttl": Written._unicast_ttl,
    "check_unicast_src": Written._flag,
    "unicast_fault_no_peer": Written._flag,
    "old_unicast_checksum": Written._flag,
    "no_virtual_ipaddress": Written._flag,
    "dont_track_primary": Written._flag,
}


def is_multicast(found: str) -> bool:
    """IPv6 must be link-local too, as keepalived asks."""
    if ":" in found:
        return found.startswith("ff") and found[3:4] == "2"
    return 224 <= number(found).value <= 239
