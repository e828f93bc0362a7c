"""Before a switchover: may this node hand over, and would the other one be able to take over?

``look_at_both`` asks both nodes and changes nothing; ``objections`` judges, and is pure.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from kachecks.check.verdict import Findings, Observation, judge
from kachecks.config.options import Config
from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql import pair, positions, queries
from kachecks.mysql.ability import why_unable
from kachecks.mysql.errors import OPEN, NoGtids
from kachecks.mysql.facts import (
    Channel,
    Facts,
    Row,
    channels_by_identity,
    number_of,
    text_of,
)
from kachecks.mysql.pair import not_our_pair
from kachecks.mysql.probe import probe, processlist
from kachecks.mysql.session import Session, SessionError, ask
from kachecks.node import Node
from kachecks.transitions.catching_up import held_up
from kachecks.transitions.clients import SYSTEM_USERS, is_ours
from kachecks.transitions.demotion import own_users

CONNECT = 1.0
"""Seconds to connect, and for one statement."""


class Transaction(NamedTuple):
    """An open transaction of a client, which closing would roll back."""

    connection: str
    user: str
    seconds: int  # since it began


class Preflight(NamedTuple):
    """What was found on both nodes before a switchover."""

    vip_here: bool
    maintenance: str = ""  # in force on this node, in words
    gave_way: str = ""  # why this node is unfit
    at_work: str = ""  # a hook that holds this node's lock
    keepalived: bool | None = None  # it runs here; None: that could not be told
    keepalived_trouble: str = ""
    local: Facts | None = None
    local_trouble: str = ""
    transactions: tuple[Transaction, ...] = ()
    peer: Facts | None = None
    peer_trouble: str = ""
    peer_without_vrrp: bool = False  # the peer's kernel says that no keepalived runs there
    left: str = ""  # what the peer lacks of this server's transactions, by GTID
    held_up: str = ""  # the lock that the peer's applier waits for
    unable: str = ""  # why the peer could not take writes
    caught_up: bool = False  # this server lacks nothing of the peer's


def look_at_both(node: Node) -> Preflight:
    """Look at both nodes. Raises OSError: the kernel's address tables cannot be read."""
    mark, maintenance = node.marks.gave_way(), node.current_maintenance()
    seen = Preflight(
        vip_here=node.network.vip_here(),
        maintenance=maintenance.sentence if maintenance else "",
        gave_way=mark.why if mark else "",
        at_work=node.lock.purpose_of_holder(),
    )
    if not seen.vip_here:
        return seen
    try:
        seen = seen._replace(keepalived=node.keepalived.find())
    except KeepalivedError as error:
        seen = seen._replace(keepalived_trouble=str(error))
    with suppress(OSError):
        seen = seen._replace(peer_without_vrrp=node.network.peer_has_no_vrrp())
    try:
        local = node.servers.connect_local(CONNECT)
    except SessionError as error:
        return seen._replace(local_trouble=_said(error, "client", node.config))
    try:
        return _ask_servers(node, local, seen)
    finally:
        local.close()


def _ask_servers(node: Node, local: Session, seen: Preflight) -> Preflight:
    try:
        facts = probe(local, CONNECT)
        seen = seen._replace(local=facts, transactions=_transactions(node, local))
        wanted = positions.executed(local, CONNECT)
    except SessionError as error:
        return seen._replace(local=None, local_trouble=_said(error, "client", node.config))
    try:
        peer = node.servers.connect_peer(CONNECT)
    except SessionError as error:
        return seen._replace(peer_trouble=_said(error, "peer", node.config))
    try:
        there = probe(peer, CONNECT)
        left = positions.missing(peer, wanted, CONNECT)
        behind = positions.missing(local, positions.executed(peer, CONNECT), CONNECT)
        unable = why_unable(peer, there, CONNECT)
        seen = seen._replace(peer=there, left=left, caught_up=not behind, unable=unable)
        return seen._replace(held_up=held_up(node, peer) if left else "")
    except SessionError as error:
        return seen._replace(peer_trouble=_said(error, "peer", node.config))
    finally:
        peer.close()


def _said(error: SessionError, group: str, config: Config) -> str:
    """The error, with where to look for its cause if it does not name the cure itself."""
    return (
        str(error) if isinstance(error, NoGtids) else f"{error}; check [{group}] in {config.path}"
    )


def _transactions(node: Node, session: Session) -> tuple[Transaction, ...]:
    """The open transactions of clients that would be cut. Raises SessionError."""
    users = {
        row["Id"]: row["User"] or ""
        for row in processlist(session, CONNECT)
        if not (row["Command"] or "").startswith(("Binlog Dump", "Daemon"))
        and not is_ours(row, own_users(node))
    }

    def of_clients(rows: list[Row]) -> tuple[Transaction, ...]:
        return tuple(
            Transaction(text_of(row, "id"), users[row["id"]], number_of(row, "seconds"))
            for row in rows
            if row["id"] in users and users[row["id"]] not in SYSTEM_USERS
        )

    return ask(session, queries.TRANSACTIONS, CONNECT, of_clients)


LONGEST_TRANSACTION = 5.0
"""Seconds. A transaction that is cut has to be done again by its client."""


def objections(seen: Preflight, config: Config, force: bool = False) -> list[str]:
    """Why this node had better not hand over now, each reason with its cure. Empty: it may.

    Args:
        force: leave out what an operator may know better.
    """
    if not seen.vip_here:
        return ["the VIP is not on this node: run this on the active node (kachecks status)"]
    found = [*_here(seen), *_there(seen, config)]
    return found if force else [*found, *_in_the_way(seen, config)]


def _here(seen: Preflight) -> list[str]:
    found = []
    if seen.maintenance:
        found.append(f"{seen.maintenance}; end it first: kachecks maintenance off")
    if seen.gave_way:
        found.append(f"this node has given way: {seen.gave_way}")
    if seen.at_work:
        found.append(f"another program of this pair is at work here, to {seen.at_work}: wait")
    if seen.keepalived is False:
        found.append("no keepalived runs here, so nobody would hand the VIP over: start it")
    if seen.keepalived_trouble:
        found.append(f"whether keepalived runs cannot be told: {seen.keepalived_trouble}")
    if seen.local_trouble:
        found.append(f"this node's server: {seen.local_trouble}")
    elif seen.local is not None and not seen.local.writable:
        found.append("this node's server is closed: see check_mysql -v and the audit log")
    return found


def _in_the_way(seen: Preflight, config: Config) -> list[str]:
    """What --force overrides."""
    found = [*_no_way_back(seen, config)]
    found += [
        f"connection {each.connection} of {each.user} has a transaction open for {each.seconds} s,"
        " which would be rolled back: wait for it, end it, or --force"
        for each in seen.transactions
        if each.seconds > LONGEST_TRANSACTION
    ]
    if seen.peer_without_vrrp:
        found.append(
            "the peer's host says that no keepalived runs there, so nobody would take the VIP:"
            " start it; or --force"
        )
    if seen.held_up:
        found.append(
            f"the peer's applier is {seen.held_up}: a client there holds it up, a backup perhaps:"
            " wait for it, end it, or --force"
        )
    if seen.peer is not None:
        late = pair.obstacles(_from_here(seen, seen.peer), pair.LONGEST_LAG) if seen.left else ()
        found += [
            f"the peer: {each.sentence}: wait, or --force"
            for each in late
            if each.lag_seconds is not None
        ]
        filters = pair.obstacles(_from_here(seen, seen.peer), pair.LONGEST_LAG)
        found += [
            f"the peer: {each.sentence}; or --force"
            for each in filters
            if each.kind == pair.FILTER and config.on_broken_replica == "refuse"
        ]
    return found


def _no_way_back(seen: Preflight, config: Config) -> list[str]:
    """Once closed, this node is judged as a standby. If it is unfit as such, it could not take the
    VIP back."""
    if seen.local is None or not seen.local.writable:
        return []
    closed = seen.local._replace(writable=False, closed=True)
    found = Findings(caught_up=seen.caught_up)
    verdict = judge(Observation(False, False, closed, peer=OPEN, found=found), config)
    if not verdict.status:
        return []
    return [
        f"this node could not take the VIP back: {verdict.reason}: {verdict.sentence};"
        " mend it, or --force"
    ]


def _there(seen: Preflight, config: Config) -> list[str]:
    peer = seen.peer
    if seen.peer_trouble or peer is None:
        if not seen.peer_trouble:
            return []
        return [f"the peer: {seen.peer_trouble}"]
    if seen.local is not None:
        why_not = not_our_pair(seen.local, peer, config.peer, config.path)
        if why_not:
            return [why_not]
    if peer.writable:
        return ["the peer is open too: see kachecks status at once"]
    if not peer.closed:
        close = queries.close_writes(peer.version)
        return [f"the peer is not closed to everybody: {close} there"]
    if seen.unable:
        return [f"the peer could not serve: {seen.unable}"]
    return _replication(seen, peer)


def _replication(seen: Preflight, peer: Facts) -> list[str]:
    """What stands still. A mere lag is not among it, as it only needs time."""
    found = pair.obstacles(_from_here(seen, peer), pair.LONGEST_LAG)
    return [f"the peer: {each.sentence}" for each in found if each.kind not in MAY_BE_FORCED]


MAY_BE_FORCED = (pair.LAG, pair.FILTER)


def _from_here(seen: Preflight, peer: Facts) -> tuple[Channel, ...]:
    """The peer's channels from this node."""
    return channels_by_identity(peer.channels, "" if seen.local is None else seen.local.identity)
