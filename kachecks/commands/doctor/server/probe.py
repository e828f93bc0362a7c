"""Asks both servers for what doctor judges. Nothing is changed, and nothing is judged here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from kachecks.bounded import Budget, GivenUp, within
from kachecks.commands.doctor.rule import HERE, PEER
from kachecks.commands.doctor.server import my_cnf
from kachecks.commands.doctor.server.facts import (
    PairFacts,
    ServerFacts,
    Source,
    parse_origins,
    parse_source,
)
from kachecks.commands.doctor.server.grants import Grant, parse_grants
from kachecks.commands.doctor.server.my_cnf import Option
from kachecks.mysql import operator_queries, positions, queries
from kachecks.mysql.driver import PLUGINS
from kachecks.mysql.errors import OtherPlugin
from kachecks.mysql.facts import Channel, Row, parse_access, text_of
from kachecks.mysql.gtid import lost_of
from kachecks.mysql.probe import probe
from kachecks.mysql.session import ServerError, Session, SessionError, ask
from kachecks.network import interfaces
from kachecks.node import Node
from kachecks.transitions.clients import is_ours
from kachecks.transitions.demotion import own_users

Meaning = TypeVar("Meaning")

_LOCAL = 2.0  # s to connect to this node's server, and for each statement on it
_PEER_CONNECT = 0.6  # s to connect to the peer's server; an unreachable one costs about one second
_STATEMENT = 1.0  # s for one statement on the peer's server
_FILES = 2.0  # s to read option files
_ERRANT_FOR = 1.0  # s for which one may lack what the other, closed one has: it may be on its way


def ask_servers(node: Node) -> PairFacts:
    """Both servers, as far as they answer. Never raises SessionError."""
    sessions: dict[str, Session] = {}
    found: dict[str, ServerFacts] = {}
    troubles: dict[str, SessionError] = {}
    try:
        for side in (HERE, PEER):
            try:
                session = sessions[side] = _connect(node, side)
                session.execute(operator_queries.ASK_FOR_ALL, _STATEMENT)
                found[side] = _look(node, session, side)
            except SessionError as error:
                troubles[side] = error
        errant, trouble = _errant(node, sessions, found) if len(found) == 2 else ({}, "")
    finally:
        for session in sessions.values():
            session.close()
    return PairFacts(
        config=node.config,
        here=found.get(HERE),
        here_trouble=str(troubles.get(HERE, "")),
        driver_lacks=_driver_lacks(troubles.get(HERE)),
        peer=found.get(PEER),
        peer_trouble=str(troubles.get(PEER, "")),
        peer_spoke=isinstance(troubles.get(PEER), ServerError),
        errant=errant,
        errant_trouble=trouble,
    )


def _connect(node: Node, side: str) -> Session:
    servers = node.servers
    return servers.connect_local(_LOCAL) if side == HERE else servers.connect_peer(_PEER_CONNECT)


def _driver_lacks(trouble: SessionError | None) -> str:
    """Which part of mysql-connector-python is missing for an account that only its C extension
    could log in; "" where that is not the trouble.

    It is not loaded here, as it cannot be once the system's OpenSSL is.
    """
    if not isinstance(trouble, OtherPlugin) or trouble.plugin not in PLUGINS:
        return ""
    extension = find_spec("_mysql_connector")
    if extension is None or not extension.origin:
        return "its C extension, _mysql_connector"
    vendor = Path(extension.origin).parent / "mysql/vendor/plugin"
    return "" if (vendor / f"{trouble.plugin}.so").exists() else f"its plugin {trouble.plugin}"


class _Asking:
    """Asks one server, statement by statement. Statements that it refuses are noted and skipped."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._session = session
        self._seconds = seconds
        self.troubles: dict[str, str] = {}  # why, by the field's name

    def must(self, sql: str, read: Callable[[list[Row]], Meaning]) -> Meaning:
        """Raises SessionError."""
        return ask(self._session, sql, self._seconds, read)

    def may(self, field: str, sql: str, read: Callable[[list[Row]], Meaning]) -> Meaning | None:
        """None where the server refuses this one statement. Raises SessionError for all else."""
        try:
            return self.must(sql, read)
        except ServerError as error:
            self.troubles[field] = str(error)
            return None

    def cell(self, field: str, sql: str, column: str) -> str:
        """Of the first row; "" where there is none."""
        return self.may(field, sql, lambda rows: (rows[0][column] or "") if rows else "") or ""


def _look(node: Node, session: Session, side: str) -> ServerFacts:
    """Everything about one server. Raises SessionError: it does not answer, or is none of ours."""
    version = session.version
    asking = _Asking(session, _LOCAL if side == HERE else _STATEMENT)
    access = asking.must(queries.globals_of(version), lambda rows: parse_access(version, rows[0]))
    origins = operator_queries.origins(version)
    auto = origins and not version.mariadb
    persisted = asking.may("persisted", operator_queries.PERSISTED, _persisted) if auto else None
    writers: tuple[str, ...] | None = None
    if version.lets_admins_write:
        writers = asking.may("view", operator_queries.WRITE_BY_ROUTINE, _accounts)
    plugin: str | None = None
    if not version.mariadb:
        plugin = asking.may("plugin", operator_queries.MADE_ACCOUNT, _plugin)
    ahead, error = _clock(asking)
    ours = own_users(node)
    return ServerFacts(
        node=side,
        address=node.config.peer if side == PEER else interfaces.own_address(node.config.peer),
        version=version,
        access=access,
        variables=asking.must(operator_queries.VARIABLES, _variables),
        origins=asking.may("origins", origins, parse_origins) if origins else None,
        persisted=persisted or {},
        options=_options(node, session, asking.troubles) if side == HERE else None,
        socket_unit=_by_a_socket_unit(node, session),
        service=_service(node, session) if side == HERE else None,
        sources=asking.may("sources", queries.replication_status(version), _sources),
        account=asking.cell("account", operator_queries.ACCOUNT, "account"),
        plugin=plugin or "",
        grants=asking.may("grants", operator_queries.GRANTS, _grants) or (),
        people=asking.may("people", queries.PROCESSLIST, lambda rows: _people(rows, ours)) or (),
        cipher=asking.cell("cipher", queries.CIPHER, "Value"),
        view=None if not version.lets_admins_write else writers is not None,
        by_routine=writers or (),
        clock_ahead=ahead,
        clock_error=error,
        idle_events=_idle_events(asking),  # the last question, as it may wait
        troubles=asking.troubles,
    )


def _idle_events(asking: _Asking) -> str | None:
    """None also where it waits: MariaDB reads mysql.event for it, which somebody may have locked,
    or which lies on a disk that hangs."""
    try:
        return asking.may(
            "idle_events", operator_queries.IDLE_EVENTS, lambda rows: rows[0]["events"] or ""
        )
    except SessionError as error:
        asking.troubles["idle_events"] = str(error)
        return None


def _variables(rows: list[Row]) -> dict[str, str]:
    return {text_of(row, "Variable_name").lower(): row["Value"] or "" for row in rows}


def _persisted(rows: list[Row]) -> dict[str, str]:
    return {text_of(row, "name"): row["value"] or "" for row in rows}


def _sources(rows: list[Row]) -> tuple[Source, ...]:
    return tuple(map(parse_source, rows))


def _grants(rows: list[Row]) -> tuple[Grant, ...]:
    return parse_grants(next(iter(row.values())) or "" for row in rows)


def _plugin(rows: list[Row]) -> str:
    """ "" where there is none."""
    text = next(iter(rows[0].values())) or "" if rows else ""
    named = re.search(r" IDENTIFIED WITH '(\w+)'", text)
    return named.group(1) if named else ""


def _accounts(rows: list[Row]) -> tuple[str, ...]:
    return tuple(f"{row['user']}@{row['host']}" for row in rows)


def _people(rows: list[Row], users: frozenset[str]) -> tuple[str, ...]:
    ours = [row for row in rows if row["User"] in users and not is_ours(row, users)]
    return tuple(sorted({f"{row['User']}@{(row['Host'] or '').partition(':')[0]}" for row in ours}))


def _clock(asking: _Asking) -> tuple[float | None, float]:
    """Seconds that the server's clock is ahead of ours, and how wrong that may be at most."""
    sent = time.time()
    theirs = asking.may("clock", operator_queries.CLOCK, _time)
    answered = time.time()
    if theirs is None:
        return None, 0.0
    return theirs - (sent + answered) / 2, (answered - sent) / 2


def _time(rows: list[Row]) -> float:
    """Of a server's clock, in seconds since 1970."""
    text = text_of(rows[0], "now")
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def _by_a_socket_unit(node: Node, session: Session) -> bool:
    """The first process listens, and is no mysqld (as it is in a container of its own)."""
    process = node.servers.process_of(session)
    return session.server_pid() == 1 and (process is None or not process.known)


def _service(node: Node, session: Session) -> str | None:
    process = node.servers.process_of(session)
    return service_of(process.pid) if process and process.known else None


def service_of(pid: int, proc: str = "/proc") -> str | None:
    """The service of systemd that a process runs in, "" if in none; None where that is not told.

    Its control group (cgroups(7)) is called like the unit: `0::/system.slice/mariadb.service`,
    where both kinds of control groups are in use `1:name=systemd:/system.slice/mariadb.service`.
    """
    try:
        groups = Path(f"{proc}/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    unit = r"^(?:0:|\d+:name=systemd):\S*/([^/\s]+\.service)(?:/|$)"
    found = re.search(unit, groups, re.MULTILINE)
    return found[1] if found else ""


def _options(node: Node, session: Session, troubles: dict[str, str]) -> tuple[Option, ...] | None:
    process = node.servers.process_of(session)
    if process is None or not process.known:
        way = "by TCP, or in a container"
        if _by_a_socket_unit(node, session):
            way = "systemd listens in its place: SOCKET_UNIT"
        troubles["options"] = f"its process cannot be told from here ({way})"
        return None

    def read() -> tuple[Option, ...]:
        return my_cnf.options(my_cnf.start_of(process.pid), session.version)

    try:
        options: tuple[Option, ...] = within(_FILES, read)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        troubles["options"] = f"its option files cannot be read: {named}{error.strerror}"
    except GivenUp:
        troubles["options"] = f"its option files could not be read within {_FILES:g} s"
    else:
        return options
    return None


def _errant(
    node: Node, sessions: Mapping[str, Session], found: Mapping[str, ServerFacts]
) -> tuple[dict[str, str], str]:
    """By node: what a closed server has made itself and the other one has not got within
    _ERRANT_FOR.

    An open server is not asked: what it makes is on its way to the other one all the time. Only
    GTIDs can tell. The second value says why it could not be told.
    """
    errant: dict[str, str] = {}
    for side, other in ((HERE, PEER), (PEER, HERE)):
        maker, lacking = found[side], found[other]
        if maker.access.writable or maker.version.mariadb != lacking.version.mariadb:
            continue
        try:
            errant[side] = _lacking(node, sessions[side], maker, sessions[other], lacking)
        except SessionError as error:
            return errant, str(error)
    return errant, ""


def _lacking(
    node: Node, made: Session, maker: ServerFacts, asked: Session, lacking: ServerFacts
) -> str:
    budget = Budget(node.clock, _ERRANT_FOR)
    wanted = positions.executed(made, _STATEMENT)
    channels: tuple[Channel, ...] = ()
    while True:
        if lacking.sources is not None:  # else our account may not look
            there = probe(asked, _STATEMENT).channels
            channels = tuple(channel for channel in there if channel.applier)  # applies what waits
        left = positions.not_received(asked, wanted, channels, _STATEMENT)
        errant = lost_of(maker.identity, left)
        if not errant or budget.over:
            return errant
        node.clock.sleep(0.1)
