"""A look at a member of a cluster, from session to facts. Nothing here decides.

The engine is found at each run. The first statement frees the session from whatever consistency is
set globally, so that nothing that is asked after it waits for the cluster.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.cluster.facts import Galera, Group, parse_galera, parse_group
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import cluster_queries as queries
from kachecks.mysql.errors import ServerError, SessionError
from kachecks.mysql.facts import Row, text_of
from kachecks.mysql.queries import UNKNOWN_VARIABLE
from kachecks.mysql.session import Session, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from kachecks.cluster.facts import Member


class NoEngine(NamedTuple):
    """A server in which neither engine is loaded."""

    said: str = (
        "neither Galera nor Group Replication is loaded in this server: mend its my.cnf, or write"
        " peer in place of cluster = yes if it is one of a pair"
    )


def unbind(session: Session, timeout: float) -> str:
    """Free this session from consistency settings; which engine has taken that: the statement, ""
    where neither is loaded.

    A MySQL server may be one of Percona XtraDB Cluster, which is Galera. Raises SessionError.
    """
    both = (queries.UNBOUND_GROUP, queries.UNBOUND_GALERA)
    for statement in both[1:] if session.version.mariadb else both:
        try:
            session.query(statement, timeout)
        except ServerError as error:
            if error.errno != UNKNOWN_VARIABLE:
                raise
        else:
            return statement
    return ""


def probe(session: Session, budget: Budget) -> Member | NoEngine:
    """What this member is now: three statements. Raises SessionError."""
    engine = unbind(session, budget.left())
    if engine == queries.UNBOUND_GROUP:
        return _probe_group(session, budget)
    return _probe_galera(session, budget) if engine else NoEngine()


def _probe_group(session: Session, budget: Budget) -> Group:
    settings = ask(session, queries.GROUP_SETTINGS, budget.left(), lambda rows: rows[0])
    return ask(
        session, queries.GROUP_MEMBERS, budget.left(), lambda rows: parse_group(settings, rows)
    )


def _probe_galera(session: Session, budget: Budget) -> Galera:
    statement = queries.galera_settings(session.version)
    settings = ask(session, statement, budget.left(), _settings)
    return ask(
        session,
        queries.GALERA_STATUS,
        budget.left(),
        lambda rows: parse_galera(settings, _by_name(rows)),
    )


def _settings(rows: list[Row]) -> dict[str, str]:
    """From one row of columns, or from a row for each."""
    if "Variable_name" in rows[0]:
        return _by_name(rows)
    return {name: text_of(rows[0], name) for name in rows[0]}


def _by_name(rows: list[Row]) -> dict[str, str]:
    return {text_of(row, "Variable_name"): text_of(row, "Value") for row in rows}


def has_quorum(connect: Callable[[float], Session], seconds: float) -> bool:
    """Group Replication: the group orders a message of this member within so many seconds.

    In a session of its own, which is given up where it does not. The server lets go of it when the
    group decides.
    """
    with suppress(SessionError):
        session = connect(seconds)
        try:
            for statement in queries.PROBE_QUORUM:
                session.query(statement, seconds)
            return True
        finally:
            session.close()
    return False
