"""What one vrrp_instance brings to an election: frozen values, with keepalived's own defaults.

Where a value is missing or wrong, keepalived seldom refuses to start: it logs a line and goes on
with a default, or without the instance or the tracker. The same is done here, and
``Instance.notes`` says so. All this was checked against the ``--dump-conf`` of keepalived 2.2.7.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from kachecks.keepalived.conf import Conf, Statement
from kachecks.keepalived.tracker import Tracker, tracked

OWNER = 255
"""The priority of the owner of the address (RFC 5798), which no tracker changes."""
_DEFAULT_PRIORITY = 100
_PASSWORD_LENGTH = 8  # of auth_pass, more is cut off
_GROUP = {4: "224.0.0.18", 6: "ff02::12"}


class Instance(NamedTuple):
    """One vrrp_instance of one node."""

    name: str
    where: str  # FILE:LINE
    state: str  # MASTER or BACKUP, as it counts after keepalived's own corrections
    nopreempt: bool
    preempt_delay: float  # s
    priority: int  # 1 to 255, before any weight
    advert_int: float  # s, rounded as keepalived rounds it
    version: int  # of VRRP: 2 or 3
    vrid: int  # 0: missing
    interface: str  # "" none
    vips: frozenset[str]  # the advertised ones, without prefix length
    auth: str  # such as "PASS secret", "" none; compared, never printed
    source: str  # source address of the adverts, "" the first one of the interface
    peers: frozenset[str]  # of unicast; none: multicast
    checks_source: bool  # unicast adverts of anybody but the peers are dropped
    multicast_group: str
    dont_track_primary: bool
    trackers: tuple[Tracker, ...]
    dropped: str  # why keepalived runs without this instance, "" if it does run it
    notes: tuple[str, ...]  # what keepalived corrects or leaves out, sentences with FILE:LINE

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if any(":" in vip for vip in self.vips) else 4


def instances(conf: Conf) -> tuple[Instance, ...]:
    """Every vrrp_instance of a configuration, in order."""
    return tuple(_Reading(conf, block).instance() for block in conf.root.all("vrrp_instance"))


class _Reading:
    """Turns one block into values, and takes notes on the way."""

    def __init__(self, conf: Conf, block: Statement) -> None:
        self.root = conf.root
        self.block = block
        self.notes: list[str] = []
        settings = [entry for block in conf.root.all("global_defs") for entry in block.block or ()]
        self.settings = Statement(("global_defs",), conf.path, tuple(settings))

    def instance(self) -> Instance:
        block = self.block
        vips = frozenset(canonical(vip.name) for vip in block.entries("virtual_ipaddress"))
        family = 6 if any(":" in vip for vip in vips) else 4
        strict = self._flag(block.last("strict_mode"), bool(self.settings.last("vrrp_strict")))
        version = self._version(family)
        state, priority = self._state_and_priority(strict)
        owner = priority == OWNER
        nopreempt, delay = self._preemption(state, owner, strict)
        peers = frozenset(canonical(peer.name) for peer in block.entries("unicast_peer"))
        source = block.last("unicast_src_ip", "mcast_src_ip")
        if block.last("unicast_src_ip") and not peers:
            self._note(block, "unicast_src_ip without unicast_peer: keepalived uses multicast")
        trackers, notes = tracked(self.root, block, owner)
        self.notes += notes
        interface = block.last("interface")
        return Instance(
            name=block.value,
            where=block.where,
            state=state,
            nopreempt=nopreempt,
            preempt_delay=delay,
            priority=priority,
            advert_int=self._advert_int(version),
            version=version,
            vrid=self._number("virtual_router_id", 1, 255, 0),
            interface=interface.value if interface else "",
            vips=vips,
            auth=self._auth(version, strict),
            source=canonical(source.value) if source else "",
            peers=peers,
            checks_source=self._checks_source(),
            multicast_group=self._multicast_group(family),
            dont_track_primary=block.last("dont_track_primary") is not None,
            trackers=trackers,
            dropped=self._dropped(vips, version, strict, peers),
            notes=tuple(self.notes),
        )

    def _checks_source(self) -> bool:
        """Adverts of hosts that are no unicast_peer are dropped."""
        ttls = any("min_ttl" in each.words or "max_ttl" in each.words for each in self._peers())
        stated = self.settings.last("vrrp_check_unicast_src") or self.block.last(
            "check_unicast_src"
        )
        return ttls or stated is not None

    def _peers(self) -> list[Statement]:
        return self.block.entries("unicast_peer")

    def _note(self, statement: Statement, sentence: str) -> None:
        self.notes.append(f"{statement.where}: {sentence}")

    def _number(self, name: str, least: int, most: int, default: int) -> int:
        statement = self.block.last(name)
        if statement is None:
            return default
        if statement.value.isdecimal() and least <= int(statement.value) <= most:
            return int(statement.value)
        self._note(
            statement,
            f"{name} {statement.value or 'without a value'} is not {least} to {most}: "
            + (f"keepalived uses {default}" if default else "keepalived does not use it"),
        )
        return default

    def _flag(self, statement: Statement | None, default: bool) -> bool:
        if statement is None:
            return default
        return statement.value not in ("off", "false", "no")

    def _version(self, family: int) -> int:
        """The instance's own version; without one, IPv6 means 3, and IPv4 the global version, or
        2."""
        for statement in (self.block.last("version"), self.settings.last("vrrp_version")):
            if statement is None or (family == 6 and statement.name == "vrrp_version"):
                continue
            if statement.value in ("2", "3"):
                return int(statement.value)
            self._note(statement, f"{statement.name} {statement.value}: only 2 and 3 exist")
        return 3 if family == 6 else 2

    def _state_and_priority(self, strict: bool) -> tuple[str, int]:
        """Where one is missing it is derived from the other: MASTER alone means priority 255."""
        statement = self.block.last("state")
        state = statement.value if statement else ""
        if statement and state not in ("MASTER", "BACKUP"):
            self._note(statement, f"state {state} does not exist: keepalived uses BACKUP")
            state = "BACKUP"
        default = OWNER if state == "MASTER" else _DEFAULT_PRIORITY
        if statement and state == "MASTER" and not self.block.last("priority"):
            self._note(statement, f"state MASTER without a priority: keepalived uses {OWNER}")
            priority = default
        else:
            priority = self._number("priority", 1, OWNER, _DEFAULT_PRIORITY)
        natural = "MASTER" if priority == OWNER else "BACKUP"
        if statement and strict and state != natural:
            self._note(statement, f"state {state} in strict mode: keepalived uses {natural}")
            state = natural
        return state or natural, priority

    def _preemption(self, state: str, owner: bool, strict: bool) -> tuple[bool, float]:
        statement = self.block.last("nopreempt", "preempt")
        nopreempt = statement is not None and statement.name == "nopreempt"
        if statement and nopreempt and (owner or state == "MASTER"):
            why = f"priority {OWNER}" if owner else "state MASTER"
            self._note(statement, f"nopreempt does nothing with {why}: keepalived clears it")
            nopreempt = False
        delaying = self.block.last("preempt_delay")
        delay = _seconds(delaying.value) if delaying else 0
        if delaying and delay and (nopreempt or state == "MASTER" or strict):
            why = "nopreempt" if nopreempt else "state MASTER" if state == "MASTER" else "strict"
            self._note(delaying, f"preempt_delay does nothing with {why}: keepalived clears it")
            delay = 0
        return nopreempt, delay or 0

    def _advert_int(self, version: int) -> float:
        """Seconds: whole ones in VRRPv2 (1 to 255), hundredths in VRRPv3 (0.01 to 40.95)."""
        statement = self.block.last("advert_int")
        if statement is None:
            return 1
        seconds = _seconds(statement.value)
        if seconds is None or not 0.01 <= seconds <= 255:
            self._note(statement, f"advert_int {statement.value} is no interval: keepalived uses 1")
            return 1
        # keepalived counts in microseconds and rounds a half up.
        step, most = (1_000_000, 255) if version == 2 else (10_000, 40.95)
        micro = round(seconds * 1_000_000)
        rounded = min(max((micro + step // 2) // step * step, step) / 1_000_000, most)
        if round(rounded * 1_000_000) != micro:
            self._note(
                statement,
                f"advert_int {statement.value} cannot be said in VRRPv{version}:"
                f" keepalived uses {rounded:g} s",
            )
        return rounded

    def _auth(self, version: int, strict: bool) -> str:
        """The authentication, which must be the same on both nodes for adverts to be accepted."""
        entries = Statement((), "", tuple(self.block.entries("authentication")))
        kind, password = entries.last("auth_type"), entries.last("auth_pass")
        if kind is None:
            return ""
        if version == 3 or strict:
            why = "VRRPv3" if version == 3 else "strict mode"
            self._note(kind, f"{why} has no authentication: keepalived leaves it out")
            return ""
        if password is None or not password.value:
            self._note(kind, "auth_type without auth_pass: keepalived uses neither")
            return ""
        if len(password.value) > _PASSWORD_LENGTH:
            self._note(password, f"only the first {_PASSWORD_LENGTH} letters of auth_pass count")
        return f"{kind.value} {password.value[:_PASSWORD_LENGTH]}"

    def _multicast_group(self, family: int) -> str:
        own = self.block.last("mcast_dst_ip") or self.settings.last(f"vrrp_mcast_group{family}")
        return canonical(own.value) if own else _GROUP[family]

    def _dropped(
        self, vips: frozenset[str], version: int, strict: bool, peers: frozenset[str]
    ) -> str:
        if not self._number_is_valid("virtual_router_id"):
            return "it has no virtual_router_id"
        if not vips and (version == 3 or strict):
            return "it has no virtual_ipaddress"
        if not self.block.last("interface") and not peers:
            return "it has no interface"
        if strict and peers:
            return "strict mode forbids unicast peers"
        return ""

    def _number_is_valid(self, name: str) -> bool:
        statement = self.block.last(name)
        return (
            statement is not None
            and statement.value.isdecimal()
            and 1 <= int(statement.value) <= 255
        )


def _seconds(text: str) -> float | None:
    """None for what is no number. keepalived takes neither signs nor exponents."""
    if not text or text.strip("0123456789.") or text.count(".") > 1 or text == ".":
        return None
    return float(text)


def canonical(text: str) -> str:
    """An address without its prefix length, in its canonical spelling; anything else unchanged."""
    bare = text.partition("/")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare
