"""Whether a server that answers is able to take writes at all, once it is opened.

read_only says what we let it do; this is what it was started or told to do by somebody else.
"""

from __future__ import annotations

from kachecks.lean import suppress
from kachecks.mysql import queries
from kachecks.mysql.errors import ServerError
from kachecks.mysql.facts import Facts, Row, is_on, number_of
from kachecks.mysql.session import Session, ask


def why_unable(session: Session, facts: Facts, seconds: float) -> str:
    """Why it cannot take writes, or must not, however wide it is opened; "" if it can.

    Measured: with innodb_force_recovery from 1 on MySQL 9.7 refuses every INSERT (1881, from 4 on
    1036); MariaDB 10.11 takes them up to 4, on data that may be damaged. innodb_read_only refuses
    them on both (1036). offline_mode (MySQL 5.7.5 and later) lets in administrators alone. With
    transaction_read_only on, whoever connects from then on is refused each write (1792).

    Raises SessionError.
    """

    def hindrance(rows: list[Row]) -> str:
        return _hindrance(rows[0], session.version.mariadb)

    why = ask(session, queries.ability(session.version), seconds, hindrance)
    if why or not facts.group_member:
        return why
    return "it is a member of Group Replication, which decides by itself who may write"


def why_not_a_pair(session: Session, in_group: bool, seconds: float) -> str:
    """Says that this server belongs to a cluster, which decides by itself who may write; "" if it
    may be one of a pair: also where it refuses to say (1193: it was built without Galera).

    Args:
        in_group: it is a running member of Group Replication (Facts).

    Raises SessionError: it does not answer.
    """
    engine = "Group Replication" if in_group else ""
    with suppress(ServerError):
        engine = engine or ask(session, queries.GALERA, seconds, _galera)
    if not engine:
        return ""
    return (
        f"this server is a member of {engine}, and is left alone: write cluster = yes in place of"
        " peer (docs/clusters.md)"
    )


def _galera(rows: list[Row]) -> str:
    row = rows[0]
    has_engine = (row["provider"] or "none").lower() != "none"
    return "Galera" if has_engine and is_on(row, "wsrep_on") else ""


def _hindrance(row: Row, mariadb: bool) -> str:
    """Raises KeyError, Nonsense."""
    forced = number_of(row, "innodb_force_recovery")
    if forced:
        return f"innodb_force_recovery is {forced}: it was started to save what can be read"
    if is_on(row, "innodb_read_only"):
        return "innodb_read_only is ON: InnoDB refuses all writes"
    if is_on(row, "offline_mode"):
        return "offline_mode is ON: it lets no client in but administrators"
    if is_on(row, "transaction_read_only"):
        name = "tx_read_only" if mariadb else "transaction_read_only"
        return (
            f"{name} is ON, so new clients may only read (1792): SET GLOBAL {name} = 0, and the"
            " clients must connect anew"
        )
    return ""
