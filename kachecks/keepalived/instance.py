"""What one vrrp_instance brings to an election: frozen values, as keepalived has them.

Where a value is missing or wrong, keepalived seldom refuses to start: it logs a line and goes on
with a default, or without the line. But what it cannot do without, in one vrrp_instance, ends all
of it. The same is done here, and ``Instance.notes`` and ``Instance.ends`` say so. The order of the
steps is that of vrrp_complete_init in vrrp.c of keepalived 2.2.7, and all this is held against its
``--dump-conf``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from kachecks.keepalived.conf import Conf, Statement
from kachecks.keepalived.instance_lines import (
    DEFAULT_PRIORITY,
    MOST_TTL,
    OWNER,
    Hmac,
    Written,
    is_multicast,
)
from kachecks.keepalived.outline import Outline
from kachecks.keepalived.tracker import Placed, Tracker, tracked
from kachecks.keepalived.values import address, canonical, within

__all__ = ["OWNER", "Instance", "canonical", "instances", "same_vrid"]

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
    family: int  # 4 or 6
    vips: frozenset[str]  # the advertised ones, without prefix length
    excluded: frozenset[str]  # addresses that it brings and does not advertise
    vip_count: int  # of addresses in an advert: one that is there twice counts twice
    auth: str  # such as "PASS secret", "" none; compared, never printed
    hmac: Hmac
    source: str  # source address of the adverts, "" the first one of the interface
    peers: frozenset[str]  # of unicast; none: multicast
    peer_ttls: tuple[tuple[str, int, int], ...]  # of each peer: the least and most TTL accepted
    unicast_ttl: int | None  # of its unicast adverts; None: IPv6, the kernel's own
    checks_source: bool  # unicast adverts of anybody but the peers are dropped
    multicast_group: str
    dont_track_primary: bool
    trackers: tuple[Tracker, ...]  # its own, its sync group's, and what puts the group into FAULT
    group: str  # its vrrp_sync_group, "" none
    faulty: bool  # it never leaves FAULT
    ends: str  # why keepalived ends with this file, "" it does not
    notes: tuple[str, ...]  # what keepalived corrects or leaves out, sentences with FILE:LINE


def instances(conf: Conf) -> tuple[Instance, ...]:
    """Every vrrp_instance of a configuration, in order."""
    outline = Outline(conf.root)
    readings = [_Reading(conf, outline, block) for block in conf.root.all("vrrp_instance")]
    owning = {each.group.value for each in readings if each.group and each.priority == OWNER}
    found = [each.instance(owning) for each in readings]
    ends = conf.ends or next((each.ends for each in found if each.ends), "")
    if _is_2_1(conf):
        families = {each.block.value: each.written.family for each in readings}
        ends = ends or same_vrid(found, families) or _crashes(found)
    else:
        ends = ends or same_vrid(found)
    groups: dict[str, list[Instance]] = {"": []}
    for each in found:
        if each.group:
            groups.setdefault(each.group, []).append(each)
    owned = {name for name, group in groups.items() if all(map(_begins_as_owner, group))}
    faults = {name: _faults(group) for name, group in groups.items()}
    return tuple(
        each._replace(
            ends=ends,
            state=each.state if each.group in owned else "BACKUP",
            trackers=each.trackers + _through_group(each, faults[each.group]),
        )
        for each in found
    )


def _is_2_1(conf: Conf) -> bool:
    """keepalived 2.1, such as that of Debian 11, reads the configuration."""
    return conf.version is not None and conf.version < (2, 2)


def _crashes(found: Sequence[Instance]) -> str:
    """The unicast instance that keepalived 2.1.5 crashes on whenever it starts; "" none.

    It looks for a socket to share on the interface, and the first one is of multicast (issue 2140
    of acassen/keepalived; seen on 2.1.5).
    """
    first: dict[object, Instance] = {}
    for each in found:
        sharing = first.setdefault((each.family, each.interface), each)
        if each.peers and not sharing.peers:
            return (
                f"{each.where}: keepalived before 2.2 crashes on vrrp_instance {each.name}, which"
                f" is unicast, behind {sharing.name}, which is multicast, on {each.interface}:"
                " write it first"
            )
    return ""


def _begins_as_owner(one: Instance) -> bool:
    """A sync group begins as MASTER only where all its instances do."""
    return (one.state, one.priority) == ("MASTER", OWNER)


def same_vrid(found: Sequence[Instance], families: Mapping[str, int] | None = None) -> str:
    """Two instances that cannot be told apart, which end keepalived; "" there are none.

    By check_vrid_conflicts in vrrp.c: unicast and multicast do not get in each other's way.

    Args:
        families: of each name, where they are not those of the instances: in 2.1 one without any
            address has none yet.
    """
    alike: dict[object, list[Instance]] = {}
    for other in found:
        family = (families or {}).get(other.name, other.family)
        same = alike.setdefault((family, other.vrid, bool(other.peers), other.interface), [])
        one = next((each for each in same if _mixed_up(each, other)), None)
        if one:
            return (
                f"{other.where}: vrrp_instance {one.name} and {other.name} both have"
                f" virtual_router_id {one.vrid} on {one.interface}"
            )
        same.append(other)
    return ""


def _mixed_up(one: Instance, other: Instance) -> bool:
    if one.peers:
        return one.source == other.source and bool(one.peers & other.peers)
    return one.multicast_group == other.multicast_group


def _faults(group: Sequence[Instance]) -> list[Tracker]:
    """What puts an instance of a sync group into FAULT, and so all of it."""
    return [
        tracker._replace(by=each.name)
        for each in group
        for tracker in each.trackers
        if not tracker.weight
    ]


def _through_group(own: Instance, faults: Sequence[Tracker]) -> tuple[Tracker, ...]:
    """What of it is not tracked by this instance itself."""
    known = {tracker.label for tracker in own.trackers if not tracker.weight}
    through: dict[str, Tracker] = {}
    for tracker in faults:
        if tracker.label not in known:
            through.setdefault(tracker.label, tracker)
    return tuple(through.values())


class _Reading:
    """Completes one block as keepalived does once it has read the file, and takes notes."""

    def __init__(self, conf: Conf, outline: Outline, block: Statement) -> None:
        self.outline = outline
        self.is_2_1 = _is_2_1(conf)
        # 2.2 and 2.3 have forgotten to forbid unicast in strict mode; 2.4 does it again.
        self.is_lenient = conf.version is None or (2, 2) <= conf.version < (2, 4)
        self.is_2_3 = conf.version is not None and conf.version >= (2, 3)
        self.block = block
        self.written = Written(block, self.is_2_1, self.is_2_3)
        self.notes = self.written.notes
        self.settings = outline.settings
        self.group = self._group()
        stated = self.written.strict
        self.strict = bool(self.settings.last("vrrp_strict")) if stated is None else stated
        self.state, self.priority = self._state_and_priority()
        self.family = self.written.family or 4
        self.vrrp = self._version()

    def instance(self, owning: AbstractSet[str]) -> Instance:
        """The values. ``owning``: sync groups that have the owner of an address among them."""
        written, group = self.written, self.group
        auth, state = self._auth()
        nopreempt, delay = self._preemption(state)
        if written.unicast and not written.peers and not written.faults_without_peer:
            self._note("unicast is said without a unicast_peer: keepalived uses multicast")
        by_default = self.settings.last("vrrp_check_unicast_src") is not None
        return Instance(
            name=self.block.value,
            where=self.block.where,
            state=state,
            nopreempt=nopreempt,
            preempt_delay=delay,
            priority=self.priority,
            advert_int=self._advert_int(),
            version=self.vrrp,
            vrid=written.vrid,
            interface=written.interface,
            family=self.family,
            vips=frozenset(written.vips),
            excluded=frozenset(written.excluded),
            vip_count=len(written.vips),
            auth=auth,
            hmac=written.hmac,
            source=written.source,
            peers=frozenset(written.peers),
            peer_ttls=tuple((peer, *limits) for peer, limits in written.peer_ttls.items()),
            unicast_ttl=MOST_TTL if written.ttl is None and self.family == 4 else written.ttl,
            checks_source=written.checks_source or by_default,
            multicast_group=written.multicast_group or self._global_group(),
            dont_track_primary=not written.tracks_interface,
            trackers=self._trackers(owning),
            group=group.value if group else "",
            faulty=written.faults_without_peer and not written.peers,
            ends=self._ends(),
            notes=tuple(self.notes),
        )

    def _group(self) -> Statement | None:
        """Its sync group; 2.1.5 removes one that has a single instance."""
        group = self.outline.group_of(self.block.value)
        if group and self.is_2_1 and self.outline.is_alone(self.block.value):
            self._note(f"it is alone in vrrp_sync_group {group.value}, which keepalived removes")
            return None
        return group

    def _trackers(self, owning: AbstractSet[str]) -> tuple[Tracker, ...]:
        written = self.written
        placed = Placed(
            owner=self.priority == OWNER,
            interface=written.interface,
            tracks_it=written.tracks_interface,
            devices=frozenset(written.devices - {written.interface}),
            group=self.group,
            group_owns=self.group is not None and self.group.value in owning,
            is_2_1=self.is_2_1,
        )
        trackers, notes = tracked(self.outline, self.block, placed)
        self.notes += notes
        return trackers

    def _note(self, sentence: str, name: str = "") -> None:
        """On the last line of that name, or on the block."""
        blamed = self.block.last(name) or self.block
        self.notes.append(f"{blamed.where}: {sentence}")

    def _version(self) -> int:
        """The instance's own version; without one, IPv6 means 3, and IPv4 the global version, or
        2."""
        own = self.written.version
        if self.family == 6:
            if own == 2 and self.strict:
                self._note("IPv6 in strict mode: keepalived uses version 3", "version")
            return 2 if own == 2 and not self.strict else 3
        if own:
            return own
        version = 2
        for line in self.settings.all("vrrp_version"):
            version = within(line.value, 2, 3) or version
        return version

    def _state_and_priority(self) -> tuple[str, int]:
        """Where one is missing it is derived from the other: MASTER alone means priority 255."""
        state, priority = self.written.state, self.written.priority
        if not priority:
            priority = OWNER if state == "MASTER" else DEFAULT_PRIORITY
            if state == "MASTER":
                self._note(f"state MASTER without a priority: keepalived uses {OWNER}", "state")
        natural = "MASTER" if priority == OWNER else "BACKUP"
        if state and self.strict and state != natural:
            self._note(f"state {state} in strict mode: keepalived uses {natural}", "state")
            state = natural
        return state or natural, priority

    def _auth(self) -> tuple[str, str]:
        """The authentication, which must be the same on both nodes for adverts to be accepted; and
        the state, which AH changes."""
        state = self.state
        kind, password = self.written.auth_type, self.written.auth_pass
        why = ""
        if not kind:
            return "", state
        if self.vrrp == 3 or self.strict:
            why = f"{'strict mode' if self.strict else 'VRRPv3'} has no authentication"
        elif not password:
            why = "auth_type without auth_pass"
        elif self.family == 6 and kind == "AH":
            why = "IPv6 has no auth_type AH"
        if why:
            self._note(f"{why}: keepalived leaves it out", "authentication")
            return "", state
        if kind == "AH" and state == "MASTER" and self.priority != OWNER:
            self._note("state MASTER with auth_type AH: keepalived uses BACKUP", "state")
            state = "BACKUP"
        return f"{kind} {password}", state

    def _preemption(self, state: str) -> tuple[bool, float]:
        owner = self.priority == OWNER
        nopreempt, delay = self.written.nopreempt, self.written.preempt_delay / 1_000_000
        if nopreempt and (owner or state == "MASTER"):
            why = f"priority {OWNER}" if owner else "state MASTER"
            self._note(f"nopreempt does nothing with {why}: keepalived clears it", "nopreempt")
            nopreempt = False
        if delay and (nopreempt or state == "MASTER" or self.strict):
            why = "nopreempt" if nopreempt else "state MASTER" if state == "MASTER" else "strict"
            self._note(
                f"preempt_delay does nothing with {why}: keepalived clears it", "preempt_delay"
            )
            delay = 0
        return nopreempt, delay

    def _advert_int(self) -> float:
        """Seconds: whole ones in VRRPv2 (1 to 255), hundredths in VRRPv3 (0.01 to 40.95)."""
        micro = self.written.advert_int
        # keepalived counts in microseconds and rounds a half up.
        step, most = (1_000_000, 255) if self.vrrp == 2 else (10_000, 40.95)
        rounded = min(max((micro + step // 2) // step * step, step) / 1_000_000, most)
        if round(rounded * 1_000_000) != micro:
            self._note(
                f"advert_int {micro / 1_000_000:g} cannot be said in VRRPv{self.vrrp}:"
                f" keepalived uses {rounded:g} s",
                "advert_int",
            )
        return rounded

    def _global_group(self) -> str:
        found = _GROUP[self.family]
        for line in self.settings.all(f"vrrp_mcast_group{self.family}"):
            said = address(line.value)
            fits = said and is_multicast(said) and (":" in said) == (self.family == 6)
            if fits or self.is_2_1:  # which takes any address, and nothing in place of none
                found = said
        return found

    def _ends(self) -> str:
        """Why keepalived ends, "" it does not."""
        written = self.written
        why = ""
        if not written.vrid:
            why = "has no virtual_router_id"
        elif not written.interface and not self._does_without():
            why = "has no interface"
        elif not written.vips and (self.vrrp == 3 or self.strict or self._is_strict_6()):
            why = "" if written.allows_no_vip else "has no virtual_ipaddress"
        elif self.strict and written.peers and written.interface and not self.is_lenient:
            why = "has a unicast_peer in strict mode"
        name = f"vrrp_instance {self.block.value}"
        return f"{self.block.where}: {name} {why}" if why else ""

    def _does_without(self) -> bool:
        """An interface: keepalived 2.2.7 does not even with unicast, 2.1.5 and 2.3.3 do
        (chk_min_cfg)."""
        written = self.written
        unicast = bool(written.peers) if self.is_2_1 else self.is_2_3 and written.unicast
        return unicast and bool(written.source)

    def _is_strict_6(self) -> bool:
        """IPv6, which needs an address in every version of VRRP up to keepalived 2.2."""
        return self.written.family == 6 and not self.is_2_3
