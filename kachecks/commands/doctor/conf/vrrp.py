"""doctor on how the nodes hear each other: rules over one node's keepalived.conf. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.conf.instance import instance_with
from kachecks.commands.doctor.conf.setup import Setup, vips
from kachecks.commands.doctor.rule import FAILURE, HERE, WARNING, Found, Table, row
from kachecks.config.two_clocks import CLOSING_TIME, least_peer_grace
from kachecks.keepalived.instance import OWNER, same_vrid


def _same_advert_int(setup: Setup) -> Iterator[Found]:
    instance, config = setup.instance, setup.config
    if instance is None or instance.advert_int == config.advert_int:
        return
    sentence = (
        f"advert_int of vrrp_instance {instance.name} is {instance.advert_int:g} s,"
        f" that of {config.path} is {config.advert_int:g} s"
    )
    least = least_peer_grace(config.isolation_timeout, instance.advert_int)
    short = config.peer_grace < least
    if config.witnesses and short:
        sentence += (
            f"; peer_grace is {config.peer_grace:g} s and must be {least:g} s at least, or this"
            " node opens before the other one, cut off, has closed itself"
        )
    cure = f"write advert_int = {instance.advert_int:g} into {config.path}"
    yield Found(sentence, instance.where, cure + (f", and peer_grace = {least:g}" if short else ""))


def _has_witness(setup: Setup) -> Iterator[Found]:
    config = setup.config
    if setup.node == HERE and not config.witnesses:
        closed = config.isolation_timeout + CLOSING_TIME
        yield Found(
            "no witness is set: while nothing gets through between the nodes, both may have the"
            " VIP and both may be open (with one, a node that is cut off would be closed within"
            f" {closed:g} s)",
            config.path,
            f"write witness = ADDRESS into {config.path} on both nodes: a host outside both that"
            " answers ping, best the clients' gateway",
        )


def _not_strict(setup: Setup) -> Iterator[Found]:
    statement = setup.block.last("strict_mode")
    if statement is None:
        statement = setup.setting("vrrp_strict")
    elif statement.value in ("off", "false", "no"):
        return
    if statement:
        cure = f"remove {statement.name} ({statement.where})"
        yield Found(f"{statement.name} is set", statement.where, cure)


def _password(setup: Setup) -> Iterator[Found]:
    entries = setup.block.entries("authentication")
    password = next((entry for entry in entries if entry.name == "auth_pass"), None)
    longer = password is not None and len(password.value) > 8
    for kind in entries:
        if kind.name == "auth_type":
            yield Found(
                f"authentication with auth_type {kind.value}"
                + (", and only the first 8 letters of auth_pass count" if longer else ""),
                (password or kind).where,
                f"remove the authentication block ({kind.where}) on both nodes, and let a firewall"
                " accept IP protocol 112 from the other node only"
                + ("; or shorten auth_pass to 8 letters" if longer else ""),
            )


def _unicast(setup: Setup) -> Iterator[Found]:
    instance = setup.instance
    if instance is None or not instance.peers:
        return
    peers = ", ".join(sorted(instance.peers))
    cure = f"write the other node's own address into unicast_peer ({instance.where})"
    if instance.source and instance.source in instance.peers:
        said = f"unicast_peer has {instance.source}, this node's own unicast_src_ip"
    elif instance.peers & vips(setup.config):
        said = f"unicast_peer has the VIP ({peers})"
    elif setup.other_end and not instance.peers & setup.other_end:
        said = f"unicast_peer is {peers}, the other node is {', '.join(sorted(setup.other_end))}"
        cure += ", unless VRRP runs on another network than `peer`"
    else:
        return
    yield Found(said, instance.where, cure)


def _one_vrid(setup: Setup) -> Iterator[Found]:
    where, _, why = same_vrid(setup.instances).partition(": ")
    other = next((one for one in setup.instances if one.where == where), None)
    if other:
        cure = f"give vrrp_instance {other.name} a virtual_router_id of its own"
        yield Found(why, where, cure)


TABLE: Table[Setup] = (
    row("ADVERT_INT", FAILURE, _same_advert_int,
        "advert_int is the same in keepalived.conf and in the option file",
        "how long kachecks waits for adverts, and the two clocks (peer_grace), follow the value in"
        " the option file.",
        "write keepalived's advert_int into the option file, and the peer_grace it asks for"),
    row("WITNESS", WARNING, _has_witness,
        "the option file names a witness",
        "two nodes alone cannot tell a dead peer from a cut cable. Without a witness there is no"
        " protection against a full cut between the nodes: both take the VIP, both open, and what"
        " the clients write on each has to be merged by hand.",
        "name a host outside both nodes that answers ping"),
    row("VRRP_STRICT", FAILURE, _not_strict,
        "no vrrp_strict, no strict_mode",
        "it drops all traffic to the VIP, MySQL's included, and forbids unicast, and state BACKUP"
        f" with priority {OWNER}.",
        "remove it"),
    row("VRRP_PASSWORD", WARNING, _password,
        "no authentication block",
        "VRRP's auth_pass is a clear-text word of 8 letters in each advert: it keeps nobody out"
        " (RFC 3768 removed it), and where it differs both nodes become MASTER.",
        "remove the block on both nodes; let a firewall accept IP protocol 112 from the other node"
        " only"),
    row("UNICAST_PEER", FAILURE, _unicast,
        "unicast_peer, where there is one, is the other node",
        "if adverts go elsewhere the other node does not hear them: both nodes become MASTER.",
        "write the other node's own address into unicast_peer, on both nodes"),
    row("VRID_UNIQUE", FAILURE, _one_vrid,
        "each vrrp_instance of an interface has a virtual_router_id of its own",
        "two that keepalived cannot tell apart end all of it.",
        "give each a number of its own, the same on both nodes"),
    row("LINK_TRACKED", WARNING,
        instance_with(lambda instance, _block: instance.dont_track_primary,
                      "{own} has dont_track_primary", "remove dont_track_primary from {own}",
                      stated="dont_track_primary"),
        "no dont_track_primary",
        "with it keepalived does not see that its own link is down, and stays MASTER.",
        "remove dont_track_primary, unless the nodes are joined by a crossover cable"),
)  # fmt: skip
