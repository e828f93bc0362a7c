"""doctor on addresses, interfaces and the kernel of this host. Rules over facts, pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from shlex import quote

from kachecks.commands.doctor.conf.setup import vips
from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row
from kachecks.keepalived.instance import Instance, canonical

_UP, _MULTICAST = 0x1, 0x1000  # <net/if.h>


def _not_peer(facts: HostFacts) -> Iterator[Found]:
    own, where = {entry.address for entry in facts.addresses}, facts.config.path
    for key, listed in (("peer", (facts.config.peer,)), ("witness", facts.config.witnesses)):
        for address in listed:
            if canonical(address) in own:
                said = f"{key} is {address}, an address of this host"
                yield Found(said, where, f"write the address of another host as {key} into {where}")


def _interface(facts: HostFacts) -> Iterator[Found]:
    instance = facts.instance
    if instance is None or facts.interfaces is None or not instance.interface:
        return
    name, flags = instance.interface, facts.interfaces.get(instance.interface)
    said = cure = ""
    if flags is None:
        said = f"there is no interface {name} here, but {', '.join(sorted(facts.interfaces))}"
    elif not flags & _UP:
        said, cure = f"interface {name} is down", f"ip link set {quote(name)} up"
    elif not instance.peers and not flags & _MULTICAST:
        said = f"interface {name} has no multicast, and no unicast_peer is set"
        cure = "use unicast_peer on both nodes (keepalived.conf.unicast)"
    if said:
        yield Found(said, instance.where, cure)


def _same_interface(facts: HostFacts) -> Iterator[Found]:
    instance, path = facts.instance, facts.config.path
    stated, towards = facts.config.interface, facts.interface_towards_peer
    used = stated or towards
    if instance is None or not instance.interface or used in ("", None, instance.interface):
        return
    what = f"no interface, and the way to the peer is {towards}"
    if stated:
        what = f"interface = {stated}"
    yield Found(
        f"vrrp_instance {instance.name} runs on {instance.interface}, but {path} has {what}",
        instance.where,
        f"write interface = {instance.interface} into {path}",
    )


def _arp(facts: HostFacts) -> Iterator[Found]:
    if facts.instance is None or facts.instance.family == 6:
        return
    for scope in ("all", facts.instance.interface):
        if facts.sysctl.get(f"arp_ignore/{scope}") == "8":  # ip-sysctl: the larger one counts
            yield Found(
                f"net.ipv4.conf.{scope}.arp_ignore is 8: the kernel answers nobody who asks for"
                " the VIP",
                cure="set arp_ignore to 0 or 1 in /etc/sysctl.d",
            )
            return


def _secondaries(facts: HostFacts) -> Iterator[Found]:
    """Two VIPs share a subnet in which the host has no address of its own: if the first one is
    removed, the second goes with it."""
    setup, mine = facts.setup, facts.instance
    if setup is None or mine is None or setup.block.last("promote_secondaries"):
        return
    scopes = (f"promote_secondaries/{scope}" for scope in ("all", mine.interface))
    if any(facts.sysctl.get(scope, "0") != "0" for scope in scopes):
        return
    ours = [entry.name for entry in setup.block.entries("virtual_ipaddress")]
    for other in setup.instances:
        if other is mine or other.interface != mine.interface:
            continue
        theirs = [entry.name for entry in setup.block_of(other).entries("virtual_ipaddress")]
        shared = [(a, b) for a in ours for b in theirs if _one_subnet(a, b)]
        if shared and not _own_address_in(facts, mine, shared[0][0]):
            yield Found(
                f"{shared[0][0]} and {shared[0][1]} of vrrp_instance {other.name} share a subnet"
                f" that no address of {mine.interface} itself is in, and promote_secondaries is 0",
                mine.where,
                "write the VIPs with /32, or promote_secondaries into vrrp_instance"
                f" {mine.name} and {other.name}",
            )


def _one_subnet(one: str, other: str) -> bool:
    try:
        a, b = ipaddress.ip_interface(one), ipaddress.ip_interface(other)
    except ValueError:
        return False
    return a.version == 4 and a.network == b.network and a.network.prefixlen < 32


def _own_address_in(facts: HostFacts, instance: Instance, vip: str) -> bool:
    network = ipaddress.ip_interface(vip).network
    virtual = set(vips(facts.config))
    for other in facts.setup.instances if facts.setup else ():
        virtual |= other.vips
    return any(
        entry.interface == instance.interface
        and entry.address not in virtual
        and ipaddress.ip_interface(f"{entry.address}/{entry.prefix}").network == network
        for entry in facts.addresses
    )


def _ip_vs(facts: HostFacts) -> Iterator[Found]:
    servers = facts.setup.conf.root.all("virtual_server") if facts.setup else []
    if servers and facts.ip_vs is False:
        name = servers[0].value
        yield Found(
            f"virtual_server {name} needs ip_vs, which this kernel has not",
            servers[0].where,
            f"remove virtual_server {name}, or load the module at boot: echo ip_vs"
            " > /etc/modules-load.d/ip_vs.conf",
        )


def _witness(facts: HostFacts) -> Iterator[Found]:
    if facts.silent_witnesses is None:
        yield not_checked("only root may ping: run doctor as root", facts.config.path)
    elif len(facts.silent_witnesses) == len(facts.config.witnesses):
        yield from _silent(facts)


def _witnesses(facts: HostFacts) -> Iterator[Found]:
    if len(facts.silent_witnesses or ()) < len(facts.config.witnesses):
        yield from _silent(facts)


def _silent(facts: HostFacts) -> Iterator[Found]:
    names, where = ", ".join(facts.silent_witnesses or ()), facts.config.path
    if names:
        cure = f"let {names} answer ping, or name other hosts as witness in {where}"
        yield Found(f"no answer to ping from {names}", where, cure)


def _adverts(facts: HostFacts) -> Iterator[Found]:
    peer = facts.config.peer
    if facts.adverts_heard is None and not facts.root:
        yield not_checked("only root may listen for adverts: run doctor as root")
    elif facts.adverts_heard is False:
        yield Found(
            f"another host answers for the VIP, but no advert of {peer} arrives",
            facts.instance.where if facts.instance else "",
            "let the firewalls of both nodes accept IP protocol 112, to 224.0.0.18 (IPv6:"
            f" ff02::12) or, with unicast_peer, from {peer}",
        )


TABLE: Table[HostFacts] = (
    row("ADDRESSES", FAILURE, _not_peer,
        "peer and witness are not addresses of this host",
        "a node that takes itself for its peer finds the peer alive, or open, for ever.",
        "write the other host's address"),
    row("INTERFACE", FAILURE, _interface,
        "the instance's interface is there, up, and can do multicast unless unicast is used",
        "keepalived waits in FAULT for an interface that is missing or down. If adverts cannot be"
        " sent, both nodes become MASTER.",
        "correct `interface` in the vrrp_instance"),
    row("VRRP_INTERFACE", FAILURE, _same_interface,
        "interface of the option file is the one that VRRP runs on",
        "on that interface a node that has given way listens for the other one's adverts, and asks"
        " who has the VIP. On a wrong interface it hears nobody.",
        "write the instance's interface into the option file"),
    row("ARP_ANSWERS", FAILURE, _arp,
        "the kernel answers ARP for its addresses (arp_ignore is not 8)",
        "clients that ask who has the VIP get no answer.",
        "set net.ipv4.conf.*.arp_ignore to 0 or 1"),
    row("VIP_SUBNET", WARNING, _secondaries,
        "the VIPs of two pairs do not depend on each other",
        "when the first address of a subnet is removed, the kernel removes the others too: when one"
        " pair's VIP leaves, the other pair's goes with it.",
        "write the VIPs with /32, or set promote_secondaries"),
    row("IP_VS", FAILURE, _ip_vs,
        "where keepalived.conf has a virtual_server, the kernel has ip_vs",
        "keepalived says `IPVS: Can't initialize ipvs` and ends, VRRP and VIP with it; keepalived"
        " -t does not notice.",
        "remove the virtual_server, or load ip_vs at boot"),
    row("WITNESS_ANSWERS", FAILURE, _witness,
        "a witness answers ping",
        "a node that hears neither its peer nor any witness takes itself for cut off: it closes"
        " itself, or refuses to open although the other node has lost its power.",
        "name a host that answers ping as witness"),
    row("WITNESSES_ANSWER", WARNING, _witnesses,
        "every witness answers ping",
        "a silent witness is no help: only the others decide who is cut off.",
        "name hosts that answer ping as witness"),
    row("ADVERTS_HEARD", FAILURE, _adverts,
        "a standby hears the adverts of the node with the VIP",
        "without them both nodes become MASTER: keepalived elects by adverts alone.",
        "let the firewalls of both nodes accept IP protocol 112"),
)  # fmt: skip
