"""VRRP's election between two nodes, the way keepalived holds it. Pure: no file, no clock, no
network.

Who holds the VIP depends on the current priorities and on history. A MASTER yields only to a higher
priority, or to an equal one from a higher address. A BACKUP takes the VIP when it hears no advert
that it accepts. It accepts an equal or higher priority, or any priority under nopreempt (RFC 5798
6.4; vrrp_state_backup and vrrp_state_master_rx of keepalived). So with nopreempt on both nodes the
VIP stays where it is for as long as its holder sends adverts at all.

Only lasting states are computed. The wait before a takeover is over in seconds; preempt_delay ends
too, after up to 1000 s, and takeover_findings tells of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from kachecks.keepalived.instance import OWNER, Instance

_LEAST, _MOST = 1, OWNER - 1  # of a priority that weights have changed: RFC 5798 5.2.4


def effective_priority(instance: Instance, failed: AbstractSet[str]) -> int | None:
    """The priority in the adverts while the trackers with these labels fail; None in FAULT."""
    if instance.faulty:
        return None
    effects = [tracker.effect(tracker.label in failed) for tracker in instance.trackers]
    total = instance.priority
    for effect in effects:
        if effect is None:
            return None
        total += effect
    return OWNER if instance.priority == OWNER else min(max(total, _LEAST), _MOST)


class Candidate(NamedTuple):
    """One node in an election at one moment."""

    priority: int | None  # None: down or in FAULT, it sends nothing
    nopreempt: bool
    hears: bool = True  # the other's adverts arrive and are accepted


class Election(NamedTuple):
    """Both nodes, and what decides between them."""

    a: Candidate
    b: Candidate
    higher: str = ""  # which of the two, A or B, has the higher address; "" unknown

    def settle(self, masters: AbstractSet[str]) -> frozenset[str] | None:
        """Who holds the VIP once nothing changes any more, if ``masters`` held it before.

        The answer is none, one or both of "A" and "B". It is None where the addresses decide and
        are not known. If nobody held it and both may, the node with the shorter timer begins, which
        is the one with the higher priority.
        """
        now = {name for name in masters if self._candidate(name).priority is not None}
        for _ in range(4):  # each of the two changes at most twice
            before = set(now)
            if len(now) == 2:
                yielding = self._yielding()
                if yielding is None:
                    return None
                now -= yielding
            for name in self._by_timer():
                if name not in now and not self._content(name, now):
                    now.add(name)
                    break
            if now == before:
                break
        return frozenset(now)

    def _candidate(self, name: str) -> Candidate:
        return self.a if name == "A" else self.b

    def _other(self, name: str) -> Candidate:
        return self.b if name == "A" else self.a

    def _by_timer(self) -> list[str]:
        """The names, first the node that becomes MASTER first: after 3 advert_int + skew, RFC 5798
        6.1."""
        return sorted("AB", key=lambda name: (-(self._candidate(name).priority or 0), name))

    def _content(self, name: str, masters: AbstractSet[str]) -> bool:
        """This node is not MASTER, and has no reason to become MASTER."""
        own, other = self._candidate(name), self._other(name)
        if own.priority is None:
            return True
        if not own.hears or not masters - {name} or other.priority is None:
            return False
        return own.nopreempt or other.priority >= own.priority

    def _yielding(self) -> set[str] | None:
        """Those of two MASTERs that yield to what they hear; None if unknown addresses decide."""
        yielding = set()
        for name in "AB":
            own, other = self._candidate(name), self._other(name)
            if not own.hears or own.priority is None or other.priority is None:
                continue
            if own.priority == other.priority and not self.higher:
                return None
            if (own.priority, name == self.higher) < (other.priority, name != self.higher):
                yielding.add(name)
        return yielding


def why_dropped(receiver: Instance, sender: Instance) -> str:
    """Why ``receiver`` drops the adverts of ``sender``, "" if it accepts them.

    It follows vrrp_check_packet of keepalived, as far as the two files can tell. A firewall or a
    switch may still stand between the nodes.
    """
    if receiver.family != sender.family:
        return f"one carries IPv{sender.family} addresses, the other IPv{receiver.family}"
    if receiver.vrid != sender.vrid:
        return f"virtual_router_id {sender.vrid} is not {receiver.vrid}"
    if bool(receiver.peers) != bool(sender.peers):
        how = "unicast" if sender.peers else "multicast"
        listening = "unicast" if receiver.peers else "multicast"
        return f"it is sent by {how}, and {listening} is listened to"
    if not sender.peers and receiver.multicast_group != sender.multicast_group:
        return f"it is sent to {sender.multicast_group}, not to {receiver.multicast_group}"
    why = _why_not_from_peer(receiver, sender) if sender.peers else ""
    if why:
        return why
    if sender.source and sender.source == receiver.source:
        return (
            f"both nodes send from {sender.source}, and a kernel drops what comes from its own"
            " address"
        )
    if receiver.version != sender.version:
        return f"VRRP version {sender.version} is not {receiver.version}"
    if receiver.auth != sender.auth:
        return "the authentication is not the same"
    if receiver.version == 2 and receiver.advert_int != sender.advert_int:
        return f"advert_int {sender.advert_int:g} s is not {receiver.advert_int:g} s"
    if receiver.vips != sender.vips:
        only = ", ".join(sorted(receiver.vips ^ sender.vips))
        return f"virtual_ipaddress is not the same list: only one node has {only}"
    if receiver.vip_count != sender.vip_count:
        return f"it carries {sender.vip_count} addresses, and {receiver.vip_count} are expected"
    return _why_unsigned(receiver, sender)


def same_peer(one: Instance, other: Instance) -> str:
    """The only unicast_peer of both nodes, "" there is none: it cannot be both of them.

    Which of the two hears nothing, only their addresses tell, and then ``why_dropped`` does.
    """
    alike = one.peers == other.peers and len(one.peers) == 1 and not (one.source or other.source)
    return next(iter(one.peers)) if alike else ""


def _why_not_from_peer(receiver: Instance, sender: Instance) -> str:
    """Why unicast does not get through by both nodes' unicast_peer, "" it does."""
    if sender.peers <= {sender.source}:
        return f"its unicast_peer names only {sender.source}, the address that it sends from"
    if receiver.source and receiver.source not in sender.peers:
        return f"its unicast_peer does not name {receiver.source}"
    if same_peer(receiver, sender):
        return "one of both sends to itself"
    if not receiver.checks_source:
        return ""
    if sender.source and sender.source not in receiver.peers:
        return f"it comes from {sender.source}, which the receiver's unicast_peer does not name"
    only = next(iter(receiver.peers)) if len(receiver.peers) == 1 else ""
    sending, ttl = sender.source or only, sender.unicast_ttl  # the only peer is the sender
    for peer, least, most in receiver.peer_ttls:
        if peer == sending and ttl is not None and not least <= ttl <= most:
            return f"its TTL of {ttl} (unicast_ttl) is not {least} to {most} (min_ttl, max_ttl)"
    return ""


def _why_unsigned(receiver: Instance, sender: Instance) -> str:
    """Why its auth_hmac (2.4) does not do for the receiver, "" it does: by source alone.

    While keys change, each node has both, and either may sign (vrrp_auth_hmac_check).
    """
    if receiver.hmac.permissive or receiver.hmac.keys == sender.hmac.keys == frozenset():
        return ""
    if not receiver.hmac.keys:
        return "" if sender.hmac.permissive else "it is signed by auth_hmac, which is not expected"
    if not sender.hmac.keys:
        return "it is not signed by auth_hmac"
    if sender.hmac.signing not in receiver.hmac.keys:
        return "it is signed by a key of auth_hmac that is not among those of the receiver"
    return ""


def higher_address(a: str, b: str) -> str:
    """A or B, whichever of these addresses is the higher; "" where that cannot be told."""
    try:
        one, other = ipaddress.ip_address(a), ipaddress.ip_address(b)
    except ValueError:
        return ""
    if one == other or one.version != other.version:
        return ""
    return "A" if int(one) > int(other) else "B"
