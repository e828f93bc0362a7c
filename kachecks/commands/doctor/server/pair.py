"""Rules: the two servers beside each other. Pure.

Where one of them could not be asked nothing is said here: PEER_ANSWERS and SERVER_ANSWERS tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.rule import BOTH, FAILURE, WARNING, Found, Rule, Table, not_checked
from kachecks.commands.doctor.server.facts import Server, Servers
from kachecks.commands.doctor.server.reach import each

CLOCKS_APART = 1.0
"""Seconds that the two clocks may differ by, above what the question itself took."""

LONGEST_TEXT = 160
"""Characters of a GTID set that are shown."""

SAME = (
    "max_connections",
    "max_allowed_packet",
    "lower_case_table_names",
    "sql_mode",
    "character_set_server",
    "collation_server",
    "transaction_isolation",
    "tx_isolation",
    "default_storage_engine",
    "explicit_defaults_for_timestamp",
    "event_scheduler",
)
"""Settings that clients, or the replication itself, would notice after a failover."""

FAMILY = Rule(
    "FAMILY",
    FAILURE,
    "both servers are MySQL, or both MariaDB",
    "their GTIDs and replication are strangers to each other",
    "run the same server on both nodes",
)
SERIES = Rule(
    "SERIES",
    WARNING,
    "both servers are of one series (8.4, 10.11)",
    "a newer source can write what an older replica does not understand: replication breaks when"
    " the newer node is the active one",
    "while you upgrade: the standby first, no failover back to the older one; then the other",
)
SERVER_IDS = Rule(
    "SERVER_IDS",
    FAILURE,
    "server_id differs and is not 0, and on MySQL server_uuid differs",
    "a replica drops what bears its own server_id: it receives nothing, or stops with error 1593",
    "set server_id = 1 and 2 in my.cnf; a server_uuid that was copied with the datadir: stop the"
    " copy, remove its auto.cnf, start it",
)
AUTO_INCREMENT = Rule(
    "AUTO_INCREMENT",
    FAILURE,
    "auto_increment_increment is the same, 2 or more, and auto_increment_offset differs",
    "when a node comes back with rows that the other had not received, both have given the same"
    " ids: 1062 Duplicate entry, and replication is dead",
    "set auto_increment_increment = 2 on both, auto_increment_offset = 1 on one node and 2 on the"
    " other, in my.cnf and by SET GLOBAL; clients reconnect to get it",
)
GTID_DOMAINS = Rule(
    "GTID_DOMAINS",
    FAILURE,
    "MariaDB: gtid_domain_id differs",
    "in one domain the transactions of a node that comes back are out of order: error 1950 with"
    " gtid_strict_mode, else passed over in silence",
    "set gtid_domain_id = 1 on one node and 2 on the other, in my.cnf and by SET GLOBAL",
)
PORTS = Rule(
    "PORTS",
    FAILURE,
    "both servers listen on one port",
    "clients find nobody at the VIP after a failover",
    "set the same port in my.cnf on both nodes",
)
SAME_SETTINGS = Rule(
    "SAME_SETTINGS",
    WARNING,
    "what clients notice is set alike: " + ", ".join(SAME),
    "after a failover clients meet other limits or other rules, or replication stops (a packet"
    " that is too large, a table name in capitals)",
    "set it alike in my.cnf on both nodes",
)
BOTH_OPEN = Rule(
    "BOTH_OPEN",
    FAILURE,
    "one server at most takes writes",
    "clients that reach both write on both, and the rows collide",
    "close the one without the VIP now: notify_backup there, or SET GLOBAL super_read_only = 1"
    " (MariaDB: read_only); then see READ_ONLY_AT_BOOT and whether the check runs with --fence",
)
ERRANT = Rule(
    "ERRANT",
    FAILURE,
    "a closed server has made no transaction that the other one lacks (GTIDs tell)",
    "it was written while it was closed, or lost on the other: the nodes differ, and this one is"
    " not fit to take over",
    "kachecks rejoin on that node lists them and says what can be done",
)
CLOCKS = Rule(
    "CLOCKS",
    WARNING,
    f"the clocks of both nodes differ by no more than {CLOCKS_APART:g} s",
    "maintenance ends too early or too late, lag is told wrong, audit logs do not fit together",
    "run chronyd or systemd-timesyncd on both nodes",
)


def one_family(servers: Servers) -> Iterator[Found]:
    """FAMILY."""
    if servers.both:
        here, peer = servers.both
        if here.version.mariadb != peer.version.mariadb:
            yield Found(f"{here.version} here, {peer.version} on the peer", "", BOTH)


def one_series(servers: Servers) -> Iterator[Found]:
    """SERIES."""
    for here, peer in _alike(servers):
        if here.version.number[:2] != peer.version.number[:2]:
            yield Found(f"{here.version} here, {peer.version} on the peer", "", BOTH)


def _alike(servers: Servers) -> Iterator[tuple[Server, Server]]:
    """The pair, where both are there and of one family."""
    if servers.both and servers.both[0].version.mariadb == servers.both[1].version.mariadb:
        yield servers.both


def distinct_ids(servers: Servers) -> Iterator[Found]:
    """SERVER_IDS."""
    for server, _ in each(servers):
        if server.value("server_id") == "0":
            yield Found("server_id is 0: no replica can connect", "", server.node)
    if servers.both:
        here, peer = servers.both
        for name in ("server_id", "server_uuid"):
            value = here.value(name)
            if value and value == peer.value(name):
                yield Found(f"{name} is {value} on both", "", BOTH)


def ids_cannot_collide(servers: Servers) -> Iterator[Found]:
    """AUTO_INCREMENT. An offset above the increment is ignored by the server (both manuals)."""
    steps, offsets = {}, {}
    for server, _ in each(servers):
        step = steps[server.node] = int(server.number("auto_increment_increment") or 0)
        offset = offsets[server.node] = int(server.number("auto_increment_offset") or 0)
        if step < 2:
            yield Found(f"auto_increment_increment is {step}", "", server.node)
        elif offset > step:
            yield Found(
                f"auto_increment_offset is {offset}, above auto_increment_increment = {step}:"
                " it is ignored",
                "",
                server.node,
            )
    if len(steps) < 2:
        return
    if len(set(steps.values())) > 1:
        (here, peer) = steps.values()
        yield Found(f"auto_increment_increment is {here} here and {peer} on the peer", "", BOTH)
    elif len(set(offsets.values())) == 1:
        yield Found(f"auto_increment_offset is {next(iter(offsets.values()))} on both", "", BOTH)


def distinct_domains(servers: Servers) -> Iterator[Found]:
    """GTID_DOMAINS."""
    for here, peer in _alike(servers):
        domain = here.value("gtid_domain_id")
        if domain is not None and domain == peer.value("gtid_domain_id"):
            yield Found(f"gtid_domain_id is {domain} on both", "", BOTH)


def one_port(servers: Servers) -> Iterator[Found]:
    """PORTS."""
    if servers.both:
        here, peer = (server.value("port") for server in servers.both)
        if here != peer:
            yield Found(f"port {here} here, {peer} on the peer", "", BOTH)


def set_alike(servers: Servers) -> Iterator[Found]:
    """SAME_SETTINGS."""
    for here, peer in _alike(servers):
        for name in SAME:
            ours, theirs = here.variables.get(name), peer.variables.get(name)
            if None not in (ours, theirs) and ours != theirs:
                yield Found(f"{name} is {ours} here, {theirs} on the peer", "", BOTH)


def one_writer(servers: Servers) -> Iterator[Found]:
    """BOTH_OPEN."""
    if servers.both and all(server.access.writable for server in servers.both):
        yield Found("both take writes now", "", BOTH)


def no_errant(servers: Servers) -> Iterator[Found]:
    """ERRANT."""
    for node, gtids in servers.errant.items():
        if gtids:
            shown = gtids if len(gtids) <= LONGEST_TEXT else f"{gtids[:LONGEST_TEXT]}..."
            yield Found(f"only this server has {shown}", "", node)
    if servers.errant_trouble:
        yield not_checked(servers.errant_trouble, BOTH)


def one_time(servers: Servers) -> Iterator[Found]:
    """CLOCKS."""
    peer = servers.peer
    if peer and peer.clock_ahead is not None:
        apart = abs(peer.clock_ahead) - peer.clock_error
        if apart > CLOCKS_APART:
            way = "ahead of" if peer.clock_ahead > 0 else "behind"
            yield Found(f"the peer's clock is {apart:.1f} s {way} this node's", "", BOTH)


TABLE: Table[Servers] = (
    (FAMILY, one_family),
    (SERIES, one_series),
    (SERVER_IDS, distinct_ids),
    (AUTO_INCREMENT, ids_cannot_collide),
    (GTID_DOMAINS, distinct_domains),
    (PORTS, one_port),
    (BOTH_OPEN, one_writer),
    (ERRANT, no_errant),
    (CLOCKS, one_time),
    (SAME_SETTINGS, set_alike),
)
