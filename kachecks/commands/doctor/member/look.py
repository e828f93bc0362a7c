"""doctor asks this node's server, a member of a cluster. Nothing is changed."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.cluster.facts import Group
from kachecks.cluster.probe import NoEngine, probe
from kachecks.commands.doctor.member.rules import MemberFacts
from kachecks.mysql import cluster_queries, operator_queries
from kachecks.mysql.errors import SessionError
from kachecks.mysql.facts import Row, text_of
from kachecks.mysql.session import Session, ask
from kachecks.node import Node

PATIENCE = 5.0
"""Seconds for everything."""

_NOTHING = MemberFacts(None, "", {}, "", (), False)


def look_at_member(node: Node) -> MemberFacts:
    """What could not be asked is in ``trouble``."""
    facts = _NOTHING._replace(one_writer=node.config.writers == "one")
    budget = Budget(node.clock, PATIENCE)
    try:
        session = node.servers.connect_local(budget.left())
    except SessionError as error:
        return facts._replace(trouble=str(error))
    try:
        return _asked(session, facts, budget)
    except SessionError as error:
        return facts._replace(trouble=str(error))
    finally:
        session.close()


def _asked(session: Session, facts: MemberFacts, budget: Budget) -> MemberFacts:
    member = probe(session, budget)
    if isinstance(member, NoEngine):
        return facts._replace(trouble=member.said)
    channels: tuple[str, ...] = ()
    if isinstance(member, Group):
        channels = ask(
            session,
            cluster_queries.ASYNCHRONOUS_CHANNELS,
            budget.left(),
            lambda rows: tuple(text_of(row, "name") for row in rows),
        )
    return facts._replace(
        member=member,
        variables=ask(session, operator_queries.VARIABLES, budget.left(), _variables),
        privileges=ask(session, operator_queries.GRANTS, budget.left(), _privileges),
        channels=channels,
    )


def _variables(rows: list[Row]) -> dict[str, str]:
    return {text_of(row, "Variable_name"): row["Value"] or "" for row in rows}


def _privileges(rows: list[Row]) -> str:
    """What stands between GRANT and ON: the rest may hold the hash of a password."""
    lists = (text.partition(" ON ")[0] for row in rows for text in row.values() if text)
    return ", ".join(each.upper() for each in lists)
