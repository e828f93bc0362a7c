"""doctor on addresses, interfaces and the kernel of this host. Rules over facts. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import vips
from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table, not_checked
from kachecks.keepalived.instance import Instance, canonical

_UP, _MULTICAST = 0x1, 0x1000  # <net/if.h>


def _not_peer(facts: HostFacts) -> Iterator[Found]:
    own = {address.address for address in facts.addresses}
    for key, listed in (("peer", (facts.config.peer,)), ("witness", facts.config.witnesses)):
        for address in listed:
            if canonical(address) in own:
                yield Found(
                    f"{key} is {address}, an address of this host",
                    facts.config.path,
                    cure=f"write the address of another host as {key} into {facts.config.path}",
                )


def _interface(facts: HostFacts) -> Iterator[Found]:
    instance = facts.setup.instance if facts.setup else None
    if instance is None or facts.interfaces is None or not instance.interface:
        return
    flags = facts.interfaces.get(instance.interface)
    name, where = instance.interface, instance.where
    if flags is None:
        there = ", ".join(sorted(facts.interfaces))
        yield Found(f"there is no interface {name} here, but {there}", where)
    elif not flags & _UP:
        yield Found(f"interface {name} is down", where, cure=f"ip link set {name} up")
    elif not instance.peers and not flags & _MULTICAST:
        cure = "use unicast_peer on both nodes (keepalived.conf.unicast)"
        yield Found(
            f"interface {name} has no multicast, and no unicast_peer is set", where, cure=cure
        )


def _same_interface(facts: HostFacts) -> Iterator[Found]:
    instance = facts.setup.instance if facts.setup else None
    if instance is None or not instance.interface:
        return
    path = facts.config.path
    stated, towards = facts.config.interface, facts.interface_towards_peer
    if stated and stated != instance.interface:
        what = f"{path} has interface = {stated}"
    elif not stated and towards and towards != instance.interface:
        what = f"{path} has no interface, and the way to the peer is {towards}"
    else:
        return
    yield Found(
        f"vrrp_instance {instance.name} runs on {instance.interface}, but {what}",
        instance.where,
        cure=f"write interface = {instance.interface} into {path}",
    )


def _arp(facts: HostFacts) -> Iterator[Found]:
    instance = facts.setup.instance if facts.setup else None
    if instance is None or instance.family == 6:
        return
    values = [facts.sysctl.get(f"arp_ignore/{scope}", "") for scope in ("all", instance.interface)]
    if "8" in values:  # ip-sysctl: the larger of the two counts
        yield Found(
            f"net.ipv4.conf.{'all' if values[0] == '8' else instance.interface}.arp_ignore is 8:"
            " the kernel answers nobody who asks for the VIP",
            cure="set arp_ignore to 0 or 1 in /etc/sysctl.d",
        )


def _secondaries(facts: HostFacts) -> Iterator[Found]:
    """Two VIPs of one subnet, none of the host's own there: the first takes the second along."""
    setup = facts.setup
    if setup is None or setup.instance is None:
        return
    mine = setup.instance
    if setup.block.last("promote_secondaries"):
        return
    scopes = (f"promote_secondaries/{scope}" for scope in ("all", mine.interface))
    if any(facts.sysctl.get(scope, "0") != "0" for scope in scopes):
        return
    ours = [entry.name for entry in setup.block.entries("virtual_ipaddress")]
    for other in setup.instances:
        if other is mine or other.interface != mine.interface:
            continue
        theirs = [e.name for e in setup.block_of(other).entries("virtual_ipaddress")]
        shared = [(a, b) for a in ours for b in theirs if _one_subnet(a, b)]
        if shared and not _own_address_in(facts, mine, shared[0][0]):
            yield Found(
                f"{shared[0][0]} and {shared[0][1]} of vrrp_instance {other.name} share a subnet"
                f" that no address of {mine.interface} itself is in, and promote_secondaries is 0",
                mine.where,
                cure=f"write the VIPs with /32, or promote_secondaries into vrrp_instance"
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
    virtual = vips(facts.config) | {
        one for other in (facts.setup.instances if facts.setup else ()) for one in other.vips
    }
    return any(
        entry.interface == instance.interface
        and entry.address not in virtual
        and ipaddress.ip_interface(f"{entry.address}/{entry.prefix}").network == network
        for entry in facts.addresses
    )


def _ip_vs(facts: HostFacts) -> Iterator[Found]:
    servers = facts.setup.conf.root.all("virtual_server") if facts.setup else []
    if servers and facts.ip_vs is False:
        yield Found(
            f"virtual_server {servers[0].value} needs ip_vs, which this kernel has not",
            servers[0].where,
            cure=f"remove virtual_server {servers[0].value}, or load the module at boot: echo ip_vs"
            " > /etc/modules-load.d/ip_vs.conf",
        )


def _witness(facts: HostFacts) -> Iterator[Found]:
    silent, all_of_them = facts.silent_witnesses, facts.config.witnesses
    if silent is None:
        yield not_checked("only root may ping: run doctor as root", where=facts.config.path)
    elif silent and len(silent) == len(all_of_them):
        yield _mute(facts, silent)


def _witnesses(facts: HostFacts) -> Iterator[Found]:
    silent = facts.silent_witnesses or ()
    if silent and len(silent) < len(facts.config.witnesses):
        yield _mute(facts, silent)


def _mute(facts: HostFacts, silent: tuple[str, ...]) -> Found:
    names = ", ".join(silent)
    return Found(
        f"no answer to ping from {names}",
        facts.config.path,
        cure=f"let {names} answer ping, or name other hosts as witness in {facts.config.path}",
    )


def _adverts(facts: HostFacts) -> Iterator[Found]:
    setup = facts.setup
    if facts.adverts_heard is None and not facts.root:
        yield not_checked("only root may listen for adverts: run doctor as root")
    elif facts.adverts_heard is False:
        yield Found(
            f"another host answers for the VIP, but no advert of {facts.config.peer} arrives",
            setup.instance.where if setup and setup.instance else "",
            cure="let the firewalls of both nodes accept IP protocol 112, to 224.0.0.18 (IPv6:"
            f" ff02::12) or, with unicast_peer, from {facts.config.peer}",
        )


TABLE: Table[HostFacts] = (
    (
        Rule(
            "ADDRESSES",
            FAILURE,
            "peer and witness are not addresses of this host",
            "a node that asks itself for its peer finds it open, or alive, for ever.",
            "write the other host's address",
        ),
        _not_peer,
    ),
    (
        Rule(
            "INTERFACE",
            FAILURE,
            "the instance's interface is there, up, and can do multicast unless unicast is used",
            "keepalived waits in FAULT for an interface that is not there or down; adverts that"
            " cannot be sent make two MASTERs.",
            "correct `interface` in the vrrp_instance",
        ),
        _interface,
    ),
    (
        Rule(
            "VRRP_INTERFACE",
            FAILURE,
            "interface of the option file is the one that VRRP runs on",
            "a node that has given way listens there for the other one's adverts and asks there"
            " who has the VIP; on the wrong interface it hears nobody.",
            "write the instance's interface into the option file",
        ),
        _same_interface,
    ),
    (
        Rule(
            "ARP_ANSWERS",
            FAILURE,
            "the kernel answers ARP for its addresses (arp_ignore is not 8)",
            "clients that ask who has the VIP get no answer.",
            "set net.ipv4.conf.*.arp_ignore to 0 or 1",
        ),
        _arp,
    ),
    (
        Rule(
            "VIP_SUBNET",
            WARNING,
            "VIPs of two pairs do not hang on each other",
            "an address of a subnet that is not its first one is removed with the first one: when"
            " one pair's VIP leaves, the other pair's goes too.",
            "write the VIPs with /32, or set promote_secondaries",
        ),
        _secondaries,
    ),
    (
        Rule(
            "IP_VS",
            FAILURE,
            "where keepalived.conf has a virtual_server, the kernel has ip_vs",
            "keepalived says `IPVS: Can't initialize ipvs` and ends, VRRP and VIP with it;"
            " keepalived -t does not notice.",
            "remove the virtual_server, or load ip_vs at boot",
        ),
        _ip_vs,
    ),
    (
        Rule(
            "WITNESS_ANSWERS",
            FAILURE,
            "a witness answers ping",
            "a node that hears neither its peer nor any witness counts as cut off: it closes"
            " itself, or refuses to open when the other one has lost its power.",
            "name a host that answers ping as witness",
        ),
        _witness,
    ),
    (
        Rule(
            "WITNESSES_ANSWER",
            WARNING,
            "every witness answers ping",
            "a witness that is silent is none; the others alone decide who is cut off.",
            "name hosts that answer ping as witness",
        ),
        _witnesses,
    ),
    (
        Rule(
            "ADVERTS_HEARD",
            FAILURE,
            "a standby hears the adverts of the node with the VIP",
            "without them both nodes become MASTER: keepalived elects by adverts alone.",
            "let the firewalls of both nodes accept IP protocol 112",
        ),
        _adverts,
    ),
)
