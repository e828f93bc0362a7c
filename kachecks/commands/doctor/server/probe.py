"""Asks both servers what doctor judges. Nothing is changed; nothing here judges."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone

from kachecks.bounded import Budget, GivenUp, within
from kachecks.commands.doctor.rule import HERE, PEER
from kachecks.commands.doctor.server import my_cnf as doctor_server_files
from kachecks.commands.doctor.server import queries as asking
from kachecks.commands.doctor.server.facts import Server, Servers, parse_origins, parse_source
from kachecks.commands.doctor.server.my_cnf import Option
from kachecks.commands.doctor.server.privileges import parse_grants
from kachecks.mysql import positions, queries
from kachecks.mysql.facts import Channel, Row, Version, parse_access
from kachecks.mysql.gtid import lost_of
from kachecks.mysql.probe import probe
from kachecks.mysql.session import ServerError, Session, SessionError
from kachecks.network import interfaces
from kachecks.node import Node

LOCAL = 2.0
"""Seconds to connect to this node's server, and for each statement on it."""

PEER_CONNECT = 0.6
"""Seconds to connect to the peer's server: one that is unreachable costs about one second."""

STATEMENT = 1.0
"""Seconds for one statement on the peer's server."""

FILES = 2.0
"""Seconds to read option files."""

ERRANT_FOR = 1.0
"""Seconds for which one server may lack what the other, closed one has: it may be on its way."""


def ask(node: Node) -> Servers:
    """Both servers, as far as they answer. Never raises SessionError."""
    sessions: dict[str, Session] = {}
    found: dict[str, Server] = {}
    troubles: dict[str, SessionError] = {}
    try:
        for side in (HERE, PEER):
            try:
                session = sessions[side] = _connect(node, side)
                found[side] = _look(node, session, side)
            except SessionError as error:
                troubles[side] = error
        errant, trouble = _errant(node, sessions, found) if len(found) == 2 else ({}, "")
    finally:
        for session in sessions.values():
            session.close()
    return Servers(
        config=node.config,
        here=found.get(HERE),
        here_trouble=str(troubles.get(HERE, "")),
        peer=found.get(PEER),
        peer_trouble=str(troubles.get(PEER, "")),
        peer_spoke=isinstance(troubles.get(PEER), ServerError),
        errant=errant,
        errant_trouble=trouble,
    )


def _connect(node: Node, side: str) -> Session:
    return (
        node.servers.connect_local(LOCAL)
        if side == HERE
        else node.servers.connect_peer(PEER_CONNECT)
    )


def _look(node: Node, session: Session, side: str) -> Server:
    """Everything about one server. Raises SessionError: it does not answer, or is none of ours."""
    seconds = LOCAL if side == HERE else STATEMENT
    version = session.version
    troubles: dict[str, str] = {}

    def rows(name: str, sql: str) -> list[Row] | None:
        """None where the server refuses this one statement."""
        try:
            return session.query(sql, seconds)
        except ServerError as error:
            troubles[name] = str(error)
            return None

    access = parse_access(version, session.query(queries.globals_of(version), seconds)[0])
    variables = {
        (row["Variable_name"] or "").lower(): row["Value"] or ""
        for row in session.query(asking.VARIABLES, seconds)
    }
    origins = asking.origins(version)
    told = rows("origins", origins) if origins else None
    auto = rows("persisted", asking.PERSISTED) if origins and not version.mariadb else None
    status = rows("sources", queries.replication_status(version))
    grants = rows("grants", asking.GRANTS) or []
    account = rows("account", asking.ACCOUNT) or [{}]
    cipher = rows("cipher", queries.CIPHER) or [{}]
    view: bool | None = None
    if version.mariadb and version.number < (12, 0, 0):
        view = rows("view", queries.WRITE_THROUGH_ACCOUNTS) is not None
    ahead, error = _clock(session, seconds)
    options, origins_by_name = None, None if told is None else parse_origins(told)
    if side == HERE:
        options = _options(node, session, version, troubles)
    return Server(
        node=side,
        address=node.config.peer if side == PEER else interfaces.own_address(node.config.peer),
        version=version,
        access=access,
        variables=variables,
        origins=origins_by_name,
        persisted={row["name"] or "": row["value"] or "" for row in auto or []},
        options=options,
        sources=None if status is None else tuple(map(parse_source, status)),
        account=account[0].get("account") or "",
        grants=parse_grants(next(iter(row.values())) or "" for row in grants),
        cipher=cipher[0].get("Value") or "",
        view=view,
        clock_ahead=ahead,
        clock_error=error,
        troubles=troubles,
    )


def _clock(session: Session, seconds: float) -> tuple[float | None, float]:
    """Seconds that the server's clock is ahead of ours, and how wrong that may be at most."""
    sent = time.time()
    text = session.query(asking.CLOCK, seconds)[0]["now"] or ""
    answered = time.time()
    try:
        theirs = datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None, 0.0
    return theirs - (sent + answered) / 2, (answered - sent) / 2


def _options(
    node: Node, session: Session, version: Version, troubles: dict[str, str]
) -> tuple[Option, ...] | None:
    process = node.servers.process_of(session)
    if process is None:
        troubles["options"] = "its process cannot be told from here (by TCP, or in a container)"
        return None

    def read() -> tuple[Option, ...]:
        return doctor_server_files.options(doctor_server_files.start_of(process.pid), version)

    try:
        options: tuple[Option, ...] = within(FILES, read)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        troubles["options"] = f"its option files cannot be read: {named}{error.strerror}"
    except GivenUp:
        troubles["options"] = f"its option files could not be read within {FILES:g} s"
    else:
        return options
    return None


def _errant(
    node: Node, sessions: Mapping[str, Session], found: Mapping[str, Server]
) -> tuple[dict[str, str], str]:
    """By node: what a closed server has made itself, and the other has not got in ERRANT_FOR.

    What an open server makes is on its way to the other all the time. Only GTIDs can tell. The
    second value is why it could not be told.
    """
    errant: dict[str, str] = {}
    for side, other in ((HERE, PEER), (PEER, HERE)):
        maker, lacking = found[side], found[other]
        if maker.access.writable or maker.version.mariadb != lacking.version.mariadb:
            continue
        try:
            errant[side] = _lacking(node, sessions[side], maker, sessions[other], lacking)
        except (SessionError, ValueError) as error:  # ValueError: GTIDs of no known form
            return errant, str(error)
    return errant, ""


def _lacking(node: Node, made: Session, maker: Server, asked: Session, lacking: Server) -> str:
    budget = Budget(node.clock, ERRANT_FOR)
    wanted = positions.executed(made, STATEMENT)
    channels: tuple[Channel, ...] = ()
    while True:
        if lacking.sources is not None:  # else our account may not look
            channels = probe(asked, STATEMENT).channels  # what waits in its relay log it has
        left = positions.not_received(asked, wanted, channels, STATEMENT)
        errant = lost_of(maker.identity, left)
        if not errant or budget.over:
            return errant
        node.clock.sleep(0.1)
