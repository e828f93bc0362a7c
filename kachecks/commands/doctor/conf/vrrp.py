"""doctor on how the nodes hear each other: rules over one node's keepalived.conf. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import Setup, vips
from kachecks.commands.doctor.rule import FAILURE, HERE, WARNING, Found, Rule, Table
from kachecks.config.options import Config
from kachecks.config.two_clocks import CLOSING_TIME, least_peer_grace
from kachecks.keepalived.instance import OWNER


def _same_advert_int(setup: Setup) -> Iterator[Found]:
    instance, config = setup.instance, setup.config
    if instance is None or instance.advert_int == config.advert_int:
        return
    sentence = (
        f"advert_int of vrrp_instance {instance.name} is {instance.advert_int:g} s,"
        f" that of {config.path} is {config.advert_int:g} s"
    )
    least = least_peer_grace(config.isolation_timeout, instance.advert_int)
    if config.witnesses and config.peer_grace < least:
        sentence += (
            f"; peer_grace is {config.peer_grace:g} s and must be {least:g} s at least, or this"
            " node opens before the other one, cut off, has closed itself"
        )
    yield Found(
        sentence,
        instance.where,
        setup.node,
        f"write advert_int = {instance.advert_int:g} into {config.path}"
        + (f", and peer_grace = {least:g}" if config.peer_grace < least else ""),
    )


def _has_witness(setup: Setup) -> Iterator[Found]:
    if setup.node == HERE and not setup.config.witnesses:
        yield Found(
            "no witness is set: while nothing gets through between the nodes, both may have the"
            f" VIP and both may be open ({_clocks(setup.config)})",
            setup.config.path,
            setup.node,
            f"write witness = ADDRESS into {setup.config.path} on both nodes: a host outside both"
            " that answers ping, best the clients' gateway",
        )


def _clocks(config: Config) -> str:
    closed = config.isolation_timeout + CLOSING_TIME
    return f"with one, a node that is cut off would be closed within {closed:g} s"


def _not_strict(setup: Setup) -> Iterator[Found]:
    statement = setup.block.last("strict_mode")
    if statement is None or statement.value in ("off", "false", "no"):
        statement = None if statement else setup.setting("vrrp_strict")
    if statement:
        yield Found(
            f"{statement.name} is set",
            statement.where,
            setup.node,
            f"remove {statement.name} ({statement.where})",
        )


def _password(setup: Setup) -> Iterator[Found]:
    for kind in setup.block.entries("authentication"):
        if kind.name != "auth_type":
            continue
        password = next(
            (e for e in setup.block.entries("authentication") if e.name == "auth_pass"), None
        )
        longer = password is not None and len(password.value) > 8
        yield Found(
            f"authentication with auth_type {kind.value}"
            + (", and only the first 8 letters of auth_pass count" if longer else ""),
            (password or kind).where,
            setup.node,
            f"remove the authentication block ({kind.where}) on both nodes, and let a firewall"
            " accept IP protocol 112 from the other node only"
            + ("; or shorten auth_pass to 8 letters" if longer else ""),
        )


def _unicast(setup: Setup) -> Iterator[Found]:
    instance = setup.instance
    if instance is None or not instance.peers:
        return
    where, cure = instance.where, "write the other node's own address into unicast_peer ({})"
    peers = ", ".join(sorted(instance.peers))
    if instance.source and instance.source in instance.peers:
        yield Found(
            f"unicast_peer has {instance.source}, this node's own unicast_src_ip",
            where,
            setup.node,
            cure.format(where),
        )
    elif instance.peers & vips(setup.config):
        yield Found(f"unicast_peer has the VIP ({peers})", where, setup.node, cure.format(where))
    elif setup.other_end and not instance.peers & setup.other_end:
        yield Found(
            f"unicast_peer is {peers}, the other node is {', '.join(sorted(setup.other_end))}",
            where,
            setup.node,
            cure.format(where) + ", unless VRRP runs on another network than `peer`",
        )


def _one_vrid(setup: Setup) -> Iterator[Found]:
    mine = setup.instance
    for other in setup.instances if mine else ():
        if mine is None or other is mine or mine.vrid == 0:
            continue
        alike = (other.vrid, other.family, other.interface) == (
            mine.vrid,
            mine.family,
            mine.interface,
        )
        if alike:
            yield Found(
                f"vrrp_instance {other.name} and {mine.name} both have virtual_router_id"
                f" {mine.vrid} on {mine.interface}",
                other.where,
                setup.node,
                f"give vrrp_instance {other.name} a virtual_router_id of its own",
            )


def _tracks_link(setup: Setup) -> Iterator[Found]:
    if setup.instance and setup.instance.dont_track_primary:
        statement = setup.block.last("dont_track_primary")
        yield Found(
            f"vrrp_instance {setup.instance.name} has dont_track_primary",
            statement.where if statement else setup.instance.where,
            setup.node,
            f"remove dont_track_primary from vrrp_instance {setup.instance.name}",
        )


TABLE: Table[Setup] = (
    (
        Rule(
            "ADVERT_INT",
            FAILURE,
            "advert_int is the same in keepalived.conf and in the option file",
            "kachecks waits for adverts, and reckons the two clocks (peer_grace), by the option"
            " file's.",
            "write keepalived's advert_int into the option file, and the peer_grace it asks for",
        ),
        _same_advert_int,
    ),
    (
        Rule(
            "WITNESS",
            WARNING,
            "the option file names a witness",
            "two nodes alone cannot tell a dead peer from a cut cable. Without a witness there is"
            " no protection against a full cut between the nodes: both take the VIP, both open,"
            " and what the clients write on each has to be merged by hand.",
            "name a host outside both nodes that answers ping",
        ),
        _has_witness,
    ),
    (
        Rule(
            "VRRP_STRICT",
            FAILURE,
            "no vrrp_strict, no strict_mode",
            "it drops all traffic to the VIP, MySQL's included, and forbids unicast, and state"
            f" BACKUP with priority {OWNER}.",
            "remove it",
        ),
        _not_strict,
    ),
    (
        Rule(
            "VRRP_PASSWORD",
            WARNING,
            "no authentication block",
            "VRRP's auth_pass is a clear-text word of 8 letters in each advert: it keeps nobody"
            " out (RFC 3768 removed it), and where it differs both nodes become MASTER.",
            "remove the block on both nodes; let a firewall accept IP protocol 112 from the other"
            " node only",
        ),
        _password,
    ),
    (
        Rule(
            "UNICAST_PEER",
            FAILURE,
            "unicast_peer, where there is one, is the other node",
            "adverts that go elsewhere are not heard: both nodes become MASTER.",
            "write the other node's own address into unicast_peer, on both nodes",
        ),
        _unicast,
    ),
    (
        Rule(
            "VRID_UNIQUE",
            FAILURE,
            "each vrrp_instance of an interface has a virtual_router_id of its own",
            "keepalived refuses the second one and runs without it.",
            "give each a number of its own, the same on both nodes",
        ),
        _one_vrid,
    ),
    (
        Rule(
            "LINK_TRACKED",
            WARNING,
            "no dont_track_primary",
            "with it keepalived does not see that its own link is down, and stays MASTER.",
            "remove dont_track_primary, unless the nodes are joined by a crossover cable",
        ),
        _tracks_link,
    ),
)
