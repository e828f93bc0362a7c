"""Rules: the servers answer where they are asked, and replicate from each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from kachecks.commands.doctor.rule import (
    FAILURE,
    HERE,
    PEER,
    WARNING,
    Found,
    Rule,
    Table,
    not_checked,
)
from kachecks.commands.doctor.server.facts import Server, Servers, Source
from kachecks.config.options import Login

SERVER_ANSWERS = Rule(
    "SERVER_ANSWERS",
    FAILURE,
    "this node's server answers our account",
    "the check can tell nothing, and no hook can open or close the server",
    "see [client] in the option file: socket, user, password; is mysqld running?",
)
PEER_ANSWERS = Rule(
    "PEER_ANSWERS",
    FAILURE,
    "the peer's server answers our account from this node (the other way: run doctor there)",
    "a promotion cannot close the peer first, and refuses; a peer that is not even there is no"
    " mistake of the setup: rules about it, and about both nodes, are then not checked",
    "see [peer] in the option file; create the account at this node's address on the active node",
)
BIND_ADDRESS = Rule(
    "BIND_ADDRESS",
    FAILURE,
    "the server listens on the VIP and on the node's own address: bind_address = *",
    "clients come by the VIP, the other node by the own address: connections are refused",
    "set bind_address = * and no skip_networking in [mysqld] of my.cnf on both nodes",
)
PEER_TLS = Rule(
    "PEER_TLS",
    WARNING,
    "what this node asks the peer is encrypted where the peer offers TLS",
    "whoever is on the way can read and change what is asked and answered; the password itself is"
    " never sent in clear",
    "remove ssl-mode = DISABLED from [peer] of the option file, or set ssl-mode = VERIFY_CA"
    " with an ssl-ca",
)
SOURCE_IS_VIP = Rule(
    "SOURCE_IS_VIP",
    FAILURE,
    "no replication source is the VIP",
    "whoever holds the VIP would replicate from itself, and the other from whoever holds it",
    "CHANGE REPLICATION SOURCE TO SOURCE_HOST (CHANGE MASTER TO MASTER_HOST) = the other node's"
    " own address",
)
REPLICATION_RUNS = Rule(
    "REPLICATION_RUNS",
    FAILURE,
    "both nodes replicate, receiver and applier run",
    "the standby gets nothing and cannot take over without losing what was written",
    "SHOW REPLICA STATUS (MariaDB: SHOW ALL SLAVES STATUS) says why; kachecks rejoin what to do;"
    " then START REPLICA (START SLAVE)",
)
SOURCE_IS_PEER = Rule(
    "SOURCE_IS_PEER",
    FAILURE,
    "each node replicates from the other one: server_uuid (MariaDB: server_id) is the other's",
    "what is written on one node never reaches the other",
    "CHANGE REPLICATION SOURCE (CHANGE MASTER) to the other node's own address, both ways",
)
BINDS_TO_ALL_V4, BINDS_TO_ALL = "0.0.0.0", ("*", "::", "")  # noqa: S104 - read, not bound to


def this_answers(servers: Servers) -> Iterator[Found]:
    """SERVER_ANSWERS."""
    if servers.here is None:
        yield Found(servers.here_trouble, servers.config.path)


def peer_answers(servers: Servers) -> Iterator[Found]:
    """PEER_ANSWERS."""
    if servers.peer is not None:
        return
    if servers.peer_spoke:
        yield Found(servers.peer_trouble, servers.config.path, PEER)
        return
    why = f"{servers.peer_trouble}; so no rule about its server, or about both, was checked"
    yield not_checked(why, PEER)


def each(servers: Servers) -> Iterator[tuple[Server, Server | None]]:
    """Every server that was asked, with the other one."""
    if servers.here:
        yield servers.here, servers.peer
    if servers.peer:
        yield servers.peer, servers.here


def listens(servers: Servers) -> Iterator[Found]:
    """BIND_ADDRESS. MariaDB shows an empty value for all addresses."""
    for server, _ in each(servers):
        if server.is_on("skip_networking"):
            yield Found("skip_networking is ON: no TCP at all", "", server.node)
            continue
        value = server.value("bind_address")
        addresses = [word.strip() for word in (value or "").split(",")]
        needed = [*servers.config.vips, *([server.address] if server.address else [])]
        named = [vip for vip in servers.config.vips if vip in addresses]
        origin = server.came_from("bind_address")
        if named:
            yield Found(
                f"bind_address names the VIP {named[0]}: without it here the server does not start",
                origin.path,
                server.node,
            )
        missed = [address for address in needed if not _covered(address, addresses)]
        if value is not None and missed:
            yield Found(
                f"bind_address is {value}: it does not listen on {', '.join(missed)}",
                origin.path,
                server.node,
            )


def _covered(address: str, bound: list[str]) -> bool:
    wanted = ip_address(address.partition("%")[0])
    for word in bound:
        if word in BINDS_TO_ALL or (word == BINDS_TO_ALL_V4 and wanted.version == 4):
            return True
        try:
            if ip_address(word.partition("/")[0]) == wanted:  # MySQL: address/namespace
                return True
        except ValueError:
            return True  # a name: not resolved, so not known to be wrong
    return False


def encrypted(servers: Servers) -> Iterator[Found]:
    """PEER_TLS. MariaDB tells in have_ssl whether it offers TLS; MySQL 8 makes itself a key."""
    peer, login = servers.peer, servers.config.remote
    if peer is None or peer.cipher or not _offers_tls(peer, login):
        return
    yield Found(
        f"our sessions on the peer are in clear (ssl-mode is {login.ssl_mode})",
        servers.config.path,
    )


def _offers_tls(peer: Server, login: Login) -> bool:
    if login.ssl_ca or login.ssl_cert:
        return True
    told = peer.value("have_ssl")
    return told == "YES" if told is not None else bool(peer.value("ssl_cert"))


def not_from_the_vip(servers: Servers) -> Iterator[Found]:
    """SOURCE_IS_VIP."""
    for server, _ in each(servers):
        for source in server.sources or ():
            if _is_among(source.channel.source_host, servers.config.vips):
                yield Found(source.label, "", server.node)


def replicates(servers: Servers) -> Iterator[Found]:
    """REPLICATION_RUNS."""
    for server, other in each(servers):
        if server.sources is None:
            why = server.troubles.get("sources", "the server does not tell")
            yield not_checked(f"{why}; nor were the rules about channels", server.node)
        elif not server.sources:
            yield Found("it is no replica at all", "", server.node)
        for source in server.sources or ():
            yield from _threads(server, source, other is None and not servers.peer_spoke)


def _threads(server: Server, source: Source, alone: bool) -> Iterator[Found]:
    """``alone``: the other server is away, so a receiver that looks for it does its work."""
    channel = source.channel
    if not channel.applier:
        said = _error(channel.applier_errno, channel.applier_error)
        yield Found(f"{source.label}: the applier is stopped{said}", "", server.node)
    if not channel.receiving and not (alone and channel.receiver != "No"):
        said = _error(channel.receiver_errno, channel.receiver_error)
        yield Found(f"{source.label}: the receiver is {channel.receiver}{said}", "", server.node)


def _error(errno: int, text: str) -> str:
    return f" (error {errno}: {' '.join(text.split())})" if errno else ""


def from_each_other(servers: Servers) -> Iterator[Found]:
    """SOURCE_IS_PEER: by identity, as an address may be a name or of another network."""
    vips = servers.config.vips
    for server, other in each(servers):
        sources = [s for s in server.sources or () if not _is_among(s.channel.source_host, vips)]
        if not sources:
            continue  # told by REPLICATION_RUNS, SOURCE_IS_VIP
        hosts = ", ".join(source.channel.source_host for source in sources)
        if other is None:
            if server.node == HERE and not _names(sources, servers.config.peer):
                yield not_checked(f"its source is {hosts}; is that the peer?")
            continue
        seen = {source.channel.source_id for source in sources} - {""}
        if other.identity in seen:
            continue
        if not seen and _names(sources, other.address):
            continue  # it has never connected: told by REPLICATION_RUNS
        yield Found(
            f"its source is {hosts} ({', '.join(sorted(seen)) or 'never connected'}), the other"
            f" node is {other.address} ({other.identity})",
            "",
            server.node,
        )


def _names(sources: Iterable[Source], address: str) -> bool:
    return any(_is_among(source.channel.source_host, [address]) for source in sources)


def _is_among(host: str, addresses: Iterable[str]) -> bool:
    """One IPv6 address has many spellings. A name is none of them: it is not resolved."""
    try:
        return ip_address(host) in map(ip_address, filter(None, addresses))
    except ValueError:
        return False


TABLE: Table[Servers] = (
    (SERVER_ANSWERS, this_answers),
    (PEER_ANSWERS, peer_answers),
    (BIND_ADDRESS, listens),
    (PEER_TLS, encrypted),
    (SOURCE_IS_VIP, not_from_the_vip),
    (REPLICATION_RUNS, replicates),
    (SOURCE_IS_PEER, from_each_other),
)
