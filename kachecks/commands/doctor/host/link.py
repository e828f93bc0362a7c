"""doctor on who answers on the link of the VIP. Rules over facts, pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from kachecks.commands.doctor.host.facts import HostFacts, LinkSeen
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row

_VIRTUAL = ("00:00:5e:00:01:", "00:00:5e:00:02:")
"""MAC addresses that VRRP gives to whoever is MASTER (RFC 9568 section 7.3)."""


def _one_host(facts: HostFacts) -> Iterator[Found]:
    link = facts.link
    if link is None:
        if not facts.root:
            yield not_checked("only root may ask the link who has the VIP: run doctor as root")
        return
    others = _cards(link.vip_macs)
    strangers = others - link.peer_macs
    if link.vip_here and others:
        names = _listed(strangers or others)
        whose = "" if strangers else ", which is the peer"
        yield Found(
            f"the VIP is here, at {link.own_mac}, but {names} answers for it too{whose}",
            cure=_found_by_mac(names) if strangers else "on the peer: notify_down --drop-vip",
        )
    elif len(others) > 1 and strangers:
        known = others & link.peer_macs
        told = f" ({_listed(known)} is the peer)" if known else ""
        yield Found(
            f"the VIP is not here, and several hosts answer for it: {_listed(others)}{told}",
            cure=_found_by_mac(_listed(strangers)),
        )


def _found_by_mac(names: str) -> str:
    return (
        f"find {names} (the switches' tables of MAC addresses, `ip neigh` of other hosts) and take"
        " the VIP off that host"
    )


def _the_peer(facts: HostFacts) -> Iterator[Found]:
    """Where the peer answers for its own address, it answers for the VIP by the same cards, unless
    arp_ignore keeps one of them from it."""
    link = facts.link
    if link is None or link.vip_here or not link.peer_macs:
        return
    others = _cards(link.vip_macs)
    if len(others) == 1 and others - link.peer_macs:
        names = _listed(others)
        yield Found(
            f"{names} answers for the VIP, but for the peer's own address"
            f" {_listed(link.peer_macs)}",
            cure=f"see with `ip link` on the peer whether {names} is a card of its; if not,"
            f" {_found_by_mac(names)}",
        )


def _peer_answers(facts: HostFacts) -> Iterator[Found]:
    """Only where its address is in a subnet of the interface must the peer answer there."""
    link, peer = facts.link, facts.config.peer
    if link is None or not link.own_mac or link.peer_macs or not facts.peer_by_sql:
        return
    if ":" not in peer and _in_subnet(facts, link, peer):
        yield Found(
            f"the peer's server answers at {peer}, but nobody answers ARP for {peer} on"
            f" {link.interface}",
            facts.config.path,
        )


def _in_subnet(facts: HostFacts, link: LinkSeen, peer: str) -> bool:
    return any(
        entry.interface == link.interface
        and ipaddress.ip_address(peer)
        in ipaddress.ip_interface(f"{entry.address}/{entry.prefix}").network
        for entry in facts.addresses
    )


def _peer_pings(facts: HostFacts) -> Iterator[Found]:
    """A host that answers nothing at all is just off."""
    lives = facts.peer_by_sql or (facts.link is not None and facts.link.peer_macs)
    if facts.peer_pings is False and lives:
        peer = facts.config.peer
        yield Found(
            f"no answer to ping from the peer {peer}, although it is there",
            facts.config.path,
            f"let the firewall of {peer} accept ICMP echo from this node, and the other way round",
        )


def _cards(macs: Iterable[str]) -> frozenset[str]:
    return frozenset(mac for mac in macs if not mac.startswith(_VIRTUAL))


def _listed(macs: Iterable[str]) -> str:
    return ", ".join(sorted(macs))


TABLE: Table[HostFacts] = (
    row("VIP_ONE_HOST", FAILURE, _one_host,
        "one host alone answers ARP or ND for the VIP",
        "clients reach now one host, now the other. And when this pair's active node dies, the"
        " other one sees that a host still answers for the VIP, takes it for the dead one, and"
        " refuses to open for as long as that host answers.",
        "take the VIP off the other host"),
    row("VIP_AT_PEER", WARNING, _the_peer,
        "a standby gets the answer for the VIP from the MAC address of the peer",
        "a third host may have the VIP, see VIP_ONE_HOST; or the peer has several cards on this"
        " link and answers by another one, which does no harm.",
        "see whose MAC address it is"),
    row("PEER_ARP", FAILURE, _peer_answers,
        "the peer on the same link answers ARP probes for its own address (IPv4)",
        "something drops them, as switches with dynamic ARP inspection do with probes that come"
        " from 0.0.0.0. Then `nobody answers for the VIP` proves nothing: a peer that rejects SQL"
        " could be a holder, so B does not open after a refusal, not even for a dead A.",
        "let the switch, or arptables on the peer, pass ARP requests with the sender 0.0.0.0"
        " (RFC 5227); or correct interface in the option file"),
    row("PEER_PING", WARNING, _peer_pings,
        "with a witness: the peer answers ping",
        "the check tells by ping whether this node is cut off, and by ARP on the same Ethernet."
        " Without the peer's answers a witness that is silent for isolation_timeout may be enough:"
        " the active node closes itself and nobody serves, although the nodes reach each other.",
        "let ICMP echo pass between the nodes, or name two witnesses"),
)  # fmt: skip
