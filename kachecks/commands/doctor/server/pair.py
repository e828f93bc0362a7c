"""doctor on the two servers compared with each other. Rules over facts, pure.

Where one of them could not be asked, these rules say nothing: PEER_ANSWERS and SERVER_ANSWERS do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kachecks.commands.doctor.rule import FAILURE, WARNING, Finder, Found, Table, not_checked, row
from kachecks.commands.doctor.server.facts import PairFacts, ServerFacts

_CLOCKS_APART = 1.0  # s that the two clocks may differ by, above what the question itself took
_LONGEST_TEXT = 160  # characters of a GTID set that are shown

_SAME = (
    "max_connections", "max_allowed_packet", "lower_case_table_names", "sql_mode",
    "character_set_server", "collation_server", "transaction_isolation", "tx_isolation",
    "default_storage_engine", "explicit_defaults_for_timestamp", "event_scheduler",
)  # fmt: skip
"""Settings that clients, or the replication itself, would notice after a failover."""


def _both(wrong: Callable[[ServerFacts, ServerFacts], str]) -> Finder[PairFacts]:
    """A rule about both servers: ``wrong`` says what is wrong, "" where all is well."""

    def finder(servers: PairFacts) -> Iterator[Found]:
        said = wrong(*servers.both) if servers.both else ""
        if said:
            yield Found(said)

    return finder


def _equal(*names: str) -> Finder[PairFacts]:
    """Variables that must be alike where both servers have them; only within one family."""

    def finder(servers: PairFacts) -> Iterator[Found]:
        for name, here, peer in _values(servers, names):
            if here != peer:
                yield Found(f"{name} is {here} here, {peer} on the peer")

    return finder


def _different(name: str) -> Finder[PairFacts]:
    """A variable that must differ; only within one family."""

    def finder(servers: PairFacts) -> Iterator[Found]:
        for _, here, peer in _values(servers, (name,)):
            if here == peer:
                yield Found(f"{name} is {here} on both")

    return finder


def _values(servers: PairFacts, names: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Name, value here and there, where both servers have it and are of one family."""
    if servers.both and servers.both[0].version.mariadb == servers.both[1].version.mariadb:
        here, peer = (server.variables for server in servers.both)
        for name in names:
            if name in here and name in peer:
                yield name, here[name], peer[name]


def _other_family(here: ServerFacts, peer: ServerFacts) -> str:
    other = here.version.mariadb != peer.version.mariadb
    return _versions(here, peer) if other else ""


def _other_series(here: ServerFacts, peer: ServerFacts) -> str:
    alike = here.version.mariadb == peer.version.mariadb
    other = here.version.number[:2] != peer.version.number[:2]
    return _versions(here, peer) if alike and other else ""


def _versions(here: ServerFacts, peer: ServerFacts) -> str:
    return f"{here.version} here, {peer.version} on the peer"


def _other_port(here: ServerFacts, peer: ServerFacts) -> str:
    one, other = here.value("port"), peer.value("port")
    return f"port {one} here, {other} on the peer" if one != other else ""


def _two_writers(here: ServerFacts, peer: ServerFacts) -> str:
    return "both take writes now" if here.access.writable and peer.access.writable else ""


def _clocks_apart(servers: PairFacts) -> Iterator[Found]:
    """Of the peer's host and this one: this node's server need not answer."""
    peer = servers.peer
    if peer is None or peer.clock_ahead is None:
        return
    apart = abs(peer.clock_ahead) - peer.clock_error
    if apart > _CLOCKS_APART:
        way = "ahead of" if peer.clock_ahead > 0 else "behind"
        yield Found(f"the peer's clock is {apart:.1f} s {way} this node's")


def _distinct_ids(servers: PairFacts) -> Iterator[Found]:
    for server, _ in servers.asked:
        if server.value("server_id") == "0":
            yield Found("server_id is 0: no replica can connect", node=server.node)
    if servers.both:
        here, peer = servers.both
        for name in ("server_id", "server_uuid"):
            value = here.value(name)
            if value and value == peer.value(name):
                yield Found(f"{name} is {value} on both")


def _ids_cannot_collide(servers: PairFacts) -> Iterator[Found]:
    """An offset above the increment is ignored by the server (both manuals)."""
    steps, offsets = [], []
    for server, _ in servers.asked:
        step = int(server.number("auto_increment_increment") or 0)
        offset = int(server.number("auto_increment_offset") or 0)
        steps.append(step)
        offsets.append(offset)
        if step < 2:
            yield Found(f"auto_increment_increment is {step}", node=server.node)
        elif offset > step:
            yield Found(
                f"auto_increment_offset is {offset}, above auto_increment_increment = {step}:"
                " it is ignored",
                node=server.node,
            )
    if len(set(steps)) > 1:
        yield Found("auto_increment_increment is {} here and {} on the peer".format(*steps))
    elif servers.both and len(set(offsets)) == 1:
        yield Found(f"auto_increment_offset is {offsets[0]} on both")


def _no_errant(servers: PairFacts) -> Iterator[Found]:
    for node, gtids in servers.errant.items():
        if gtids:
            shown = gtids if len(gtids) <= _LONGEST_TEXT else f"{gtids[:_LONGEST_TEXT]}..."
            yield Found(f"only this server has {shown}", node=node)
    if servers.errant_trouble:
        yield not_checked(servers.errant_trouble)


TABLE: Table[PairFacts] = (
    row("FAMILY", FAILURE, _both(_other_family),
        "both servers are MySQL, or both MariaDB",
        "they cannot replicate from each other, and their GTIDs cannot be compared",
        "run the same server on both nodes"),
    row("SERIES", WARNING, _both(_other_series),
        "both servers are of the same series (8.4, 10.11)",
        "a newer source can write what an older replica does not understand: replication breaks"
        " when the newer node is the active one",
        "upgrade the standby first, do not fail back to the older one, then upgrade the other"),
    row("SERVER_IDS", FAILURE, _distinct_ids,
        "server_id differs and is not 0, and on MySQL server_uuid differs",
        "a replica drops transactions with its own server_id: it receives nothing, or stops with"
        " error 1593",
        "set server_id = 1 and 2 in my.cnf; if server_uuid was copied with the datadir, stop the"
        " copy, remove its auto.cnf, and start it"),
    row("AUTO_INCREMENT", FAILURE, _ids_cannot_collide,
        "auto_increment_increment is the same, 2 or more, and auto_increment_offset differs",
        "when a node comes back with rows that the other had not received, both have used the same"
        " ids: replication stops with 1062 Duplicate entry",
        "set auto_increment_increment = 2 on both, auto_increment_offset = 1 on one node and 2 on"
        " the other, in my.cnf and by SET GLOBAL; clients reconnect to get it"),
    row("GTID_DOMAINS", FAILURE, _different("gtid_domain_id"),
        "MariaDB: gtid_domain_id differs",
        "within one domain the transactions of a node that comes back are out of order: with"
        " gtid_strict_mode replication stops with 1950, otherwise they are skipped silently",
        "set gtid_domain_id = 1 on one node and 2 on the other, in my.cnf and by SET GLOBAL"),
    row("PORTS", FAILURE, _both(_other_port),
        "both servers listen on the same port",
        "clients find nobody at the VIP after a failover",
        "set the same port in my.cnf on both nodes"),
    row("BOTH_OPEN", FAILURE, _both(_two_writers),
        "at most one server takes writes",
        "clients that can reach both write on both, and their rows collide",
        "close the one without the VIP now: notify_backup there, or SET GLOBAL super_read_only = 1"
        " (MariaDB: read_only); then see READ_ONLY_AT_BOOT and whether the check runs with"
        " --fence"),
    row("ERRANT", FAILURE, _no_errant,
        "a closed server has made no transaction that the other one lacks (by GTIDs)",
        "it was written while the server was closed, or was lost on the other node: the nodes"
        " differ, and this one is not fit to take over",
        "kachecks rejoin on that node lists them and says what can be done"),
    row("CLOCKS", WARNING, _clocks_apart,
        f"the clocks of both nodes differ by no more than {_CLOCKS_APART:g} s",
        "maintenance ends too early or too late, lag is shown wrong, audit logs do not match",
        "run chronyd or systemd-timesyncd on both nodes"),
    row("SAME_SETTINGS", WARNING, _equal(*_SAME),
        "what clients notice is set the same: " + ", ".join(_SAME),
        "after a failover clients meet other limits or other rules, or replication stops (over a"
        " packet that is too large, or a table name in capitals)",
        "set it to the same value in my.cnf on both nodes"),
)  # fmt: skip
