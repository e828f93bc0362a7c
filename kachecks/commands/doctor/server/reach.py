"""doctor on whether the servers answer where they are asked, and replicate from each other.

Rules over facts, pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from kachecks.commands.doctor.rule import (
    FAILURE,
    HERE,
    PEER,
    WARNING,
    Finder,
    Found,
    Table,
    not_checked,
    row,
)
from kachecks.commands.doctor.server.facts import PairFacts, ServerFacts, Source
from kachecks.config.options import Login

_BINDS_TO_ALL_V4, _BINDS_TO_ALL = "0.0.0.0", ("*", "::", "")  # noqa: S104 - read, not bound to


def _this_answers(servers: PairFacts) -> Iterator[Found]:
    if servers.here is None:
        yield Found(servers.here_trouble, servers.config.path, node=HERE)


def _driver(servers: PairFacts) -> Iterator[Found]:
    if servers.driver_lacks:
        yield Found(f"mysql-connector-python lacks {servers.driver_lacks}", node=HERE)


def _peer_answers(servers: PairFacts) -> Iterator[Found]:
    if servers.peer is not None:
        return
    if servers.peer_spoke:
        yield Found(servers.peer_trouble, servers.config.path, node=PEER)
        return
    why = f"{servers.peer_trouble}; so no rule about its server, or about both, was checked"
    yield not_checked(why, node=PEER)


def _each(
    look: Callable[[PairFacts, ServerFacts, ServerFacts | None], Iterator[Found]],
) -> Finder[PairFacts]:
    """A rule about each server that could be asked; ``look`` also gets the other one."""

    def finder(servers: PairFacts) -> Iterator[Found]:
        for server, other in servers.asked:
            for found in look(servers, server, other):
                yield found._replace(node=server.node)

    return finder


def _listens(
    servers: PairFacts, server: ServerFacts, _other: ServerFacts | None
) -> Iterator[Found]:
    """MariaDB shows an empty value for all addresses."""
    value, where = server.value("bind_address"), server.came_from("bind_address").path
    vips = servers.config.vips
    if server.is_on("skip_networking"):
        yield Found("skip_networking is ON: no TCP at all")
        return
    bound = [word.strip() for word in (value or "").split(",")]
    for vip in [vip for vip in vips if vip in bound][:1]:
        said = f"bind_address names the VIP {vip}: without it here the server does not start"
        yield Found(said, where)
    missed = [each for each in (*vips, server.address) if each and not _covered(each, bound)]
    if value is not None and missed:
        said = f"bind_address is {value}: it does not listen on {', '.join(missed)}"
        yield Found(said, where)


def _covered(address: str, bound: list[str]) -> bool:
    wanted = ip_address(address.partition("%")[0])
    for word in bound:
        if word in _BINDS_TO_ALL or (word == _BINDS_TO_ALL_V4 and wanted.version == 4):
            return True
        try:
            if ip_address(word.partition("/")[0]) == wanted:  # MySQL: address/namespace
                return True
        except ValueError:
            return True  # a name: not resolved, so not known to be wrong
    return False


_CACHING = "caching_sha2_password"


def _wants_whole_password(
    servers: PairFacts, server: ServerFacts, _other: ServerFacts | None
) -> Iterator[Found]:
    """This very session was let in because the password was in the server's cache."""
    login = servers.config.remote if server.at_peer else servers.config.local
    private = server.cipher or not (server.at_peer or login.host)
    if server.plugin != _CACHING or private:
        return
    cure = "give that server a certificate (ssl_cert and ssl_key in its my.cnf)"
    if login.ssl_mode == "DISABLED":
        group = "[peer]" if server.at_peer else "[client]"
        cure = f"remove ssl-mode = DISABLED from {group} of the option file; if need be {cure}"
    yield Found(
        f"{server.account} has {_CACHING}, and our session is in clear (ssl-mode is"
        f" {login.ssl_mode})",
        servers.config.path,
        f"{cure}; or, before MySQL 9, ALTER USER ... IDENTIFIED WITH mysql_native_password",
    )


def _nobody_else_listens(servers: PairFacts) -> Iterator[Found]:
    """Behind a unix socket that is known before the login, on a port it is not."""
    login = servers.config.local
    if login.host and login.password and not login.ssl_mode.startswith("VERIFY_"):
        yield Found(
            f"this node's own server is asked at {login.host} port {login.port}, and nobody asks"
            f" who listens there (ssl-mode is {login.ssl_mode})",
            servers.config.path,
            node=HERE,
        )


def _listens_itself(servers: PairFacts) -> Iterator[Found]:
    """As Debian 12's mariadb-server is installed: mariadb.socket is enabled."""
    here = servers.here
    if here is not None and here.socket_unit:
        yield Found(
            f"systemd listens on {here.value('socket')}, by a unit such as mariadb.socket",
            node=HERE,
        )


def _encrypted(servers: PairFacts) -> Iterator[Found]:
    """MariaDB says in have_ssl whether it offers TLS; MySQL 8 makes a key by itself."""
    peer, login = servers.peer, servers.config.remote
    if peer is None or peer.cipher or not _offers_tls(peer, login):
        return
    if peer.plugin == _CACHING:
        return  # told by WHOLE_PASSWORD
    yield Found(
        f"our sessions on the peer are in clear (ssl-mode is {login.ssl_mode})",
        servers.config.path,
        node=HERE,
    )


def _offers_tls(peer: ServerFacts, login: Login) -> bool:
    if login.ssl_ca or login.ssl_cert:
        return True
    told = peer.value("have_ssl")
    return told == "YES" if told is not None else bool(peer.value("ssl_cert"))


def _not_from_the_vip(
    servers: PairFacts, server: ServerFacts, _other: ServerFacts | None
) -> Iterator[Found]:
    for source in server.sources or ():
        if _is_among(source.channel.source_host, servers.config.vips):
            yield Found(source.label)


def _replicates(
    servers: PairFacts, server: ServerFacts, other: ServerFacts | None
) -> Iterator[Found]:
    if server.sources is None:
        why = server.troubles.get("sources", "the server does not tell")
        yield not_checked(f"{why}; nor were the rules about channels")
    elif not server.sources:
        yield Found("it is no replica at all")
    for source in server.sources or ():
        yield from _threads(source, other is None and not servers.peer_spoke)


def _threads(source: Source, alone: bool) -> Iterator[Found]:
    """``alone``: the other server is away, so a receiver that tries to connect does what it
    should."""
    channel = source.channel
    if not channel.applier:
        said = _error(channel.applier_errno, channel.applier_error)
        yield Found(f"{source.label}: the applier is stopped{said}")
    if not channel.receiving and not (alone and channel.receiver != "No"):
        said = _error(channel.receiver_errno, channel.receiver_error)
        yield Found(f"{source.label}: the receiver is {channel.receiver}{said}")


def _error(errno: int, text: str) -> str:
    return f" (error {errno}: {' '.join(text.split())})" if errno else ""


def _from_each_other(
    servers: PairFacts, server: ServerFacts, other: ServerFacts | None
) -> Iterator[Found]:
    """Compared by identity, as the source may be given as a name, or as an address of another
    network."""
    vips = servers.config.vips
    sources = [
        each for each in server.sources or () if not _is_among(each.channel.source_host, vips)
    ]
    if not sources:
        return  # told by REPLICATION_RUNS, SOURCE_IS_VIP
    hosts = ", ".join(source.channel.source_host for source in sources)
    if other is None:
        if server.node == HERE and not _names(sources, servers.config.peer):
            yield not_checked(f"its source is {hosts}; is that the peer?")
        return
    seen = {source.channel.source_id for source in sources} - {""}
    if other.identity in seen:
        return
    if not seen and _names(sources, other.address):
        return  # it has never connected: told by REPLICATION_RUNS
    yield Found(
        f"its source is {hosts} ({', '.join(sorted(seen)) or 'never connected'}), the other node"
        f" is {other.address} ({other.identity})"
    )


def _names(sources: Iterable[Source], address: str) -> bool:
    return any(_is_among(source.channel.source_host, [address]) for source in sources)


def _is_among(host: str, addresses: Iterable[str]) -> bool:
    """One IPv6 address has many spellings. A name is none of them: it is not resolved."""
    try:
        return ip_address(host) in map(ip_address, filter(None, addresses))
    except ValueError:
        return False


TABLE: Table[PairFacts] = (
    row("SERVER_ANSWERS", FAILURE, _this_answers,
        "this node's server answers our account",
        "the check can tell nothing, and no hook can open or close the server",
        "see [client] in the option file: socket, user, password; is mysqld running?"),
    row("DRIVER", FAILURE, _driver,
        "mysql-connector-python has what this node's account needs to log in",
        "an account that logs in by Kerberos, LDAP, OpenID or WebAuthn needs the C extension of"
        " that driver and its plugins, which come with its wheels for Linux: WebAuthn since 8.2,"
        " OpenID since 9.1.",
        "/opt/kachecks/bin/pip install --upgrade --only-binary=:all: mysql-connector-python; or"
        " give that account caching_sha2_password or mysql_native_password"),
    row("PEER_ANSWERS", FAILURE, _peer_answers,
        "the peer's server answers our account from this node (the other way: run doctor there)",
        "a promotion cannot close the peer first, so it refuses. (A peer that is just not running"
        " is no mistake in the setup: then the rules about it, and about both nodes, are not"
        " checked.)",
        "see [peer] in the option file; create the account at this node's address on the active"
        " node"),
    row("BIND_ADDRESS", FAILURE, _each(_listens),
        "the server listens on the VIP and on the node's own address: bind_address = *",
        "clients connect to the VIP, and the other node to this node's own address: both would be"
        " refused",
        "set bind_address = * and no skip_networking in [mysqld] of my.cnf on both nodes"),
    row("WHOLE_PASSWORD", FAILURE, _each(_wants_whole_password),
        "an account with caching_sha2_password that is asked over TCP is asked over TLS",
        "that server forgets its cache when it restarts (and at FLUSH PRIVILEGES), and then wants"
        " the whole password, which never leaves in clear: no check, no promotion gets in any more",
        "give that server a certificate, and remove ssl-mode = DISABLED from the option file"),
    row("CLIENT_TLS", FAILURE, _nobody_else_listens,
        "this node's own server is asked by its unix socket, or shows a certificate",
        "while mysqld is down any account of this host may listen on its port: it is sent the"
        " password, and a node whose server is dead stays in office",
        "set socket in [client] of the option file in place of host, or ssl-mode = VERIFY_CA with"
        " an ssl-ca that only this server's certificate comes from"),
    row("SOCKET_UNIT", WARNING, _listens_itself,
        "the server listens on its unix socket itself, and no socket unit of systemd for it",
        "who the server is cannot be told then: its death is found by its silence, after"
        " hung_after, and it cannot be killed; when it is stopped, the next client starts it again",
        "systemctl disable --now mariadb.socket (systemctl list-sockets names it), then restart the"
        " server"),
    row("PEER_TLS", WARNING, _encrypted,
        "our sessions with the peer are encrypted, if the peer offers TLS",
        "whoever is between the nodes can read and change what is asked and answered (the password"
        " itself is never sent in clear)",
        "remove ssl-mode = DISABLED from [peer] of the option file, or set ssl-mode = VERIFY_CA"
        " with an ssl-ca"),
    row("SOURCE_IS_VIP", FAILURE, _each(_not_from_the_vip),
        "no replication source is the VIP",
        "the node that has the VIP would replicate from itself",
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST (CHANGE MASTER TO MASTER_HOST) = the other"
        " node's own address"),
    row("REPLICATION_RUNS", FAILURE, _each(_replicates),
        "both nodes replicate: receiver and applier run",
        "the standby does not get what is written, and cannot take over without losing it",
        "SHOW REPLICA STATUS (MariaDB: SHOW ALL SLAVES STATUS) says why; kachecks rejoin what to"
        " do; then START REPLICA (START SLAVE)"),
    row("SOURCE_IS_PEER", FAILURE, _each(_from_each_other),
        "each node replicates from the other one: server_uuid (MariaDB: server_id) is the other's",
        "what is written on one node never reaches the other",
        "CHANGE REPLICATION SOURCE (CHANGE MASTER) to the other node's own address, both ways"),
)  # fmt: skip
