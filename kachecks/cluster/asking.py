"""Ask this node's server what it is in its cluster, within hung_after seconds in all."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.check.look import OVERSLEPT, WIDE_AWAKE
from kachecks.cluster.probe import NoEngine, probe
from kachecks.lean import NamedTuple
from kachecks.mysql.errors import (
    CANNOT_LOG_IN,
    MUTE,
    NOT_ALLOWED,
    REFUSING,
    UNKNOWN,
    Lost,
    ServerError,
    SessionError,
    word_for,
)
from kachecks.mysql.session import Session
from kachecks.node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.cluster.facts import Member
    from kachecks.config.options import Config


class Asked(NamedTuple):
    """What has come of it."""

    session: Session | None = None
    member: Member | None = None
    no_engine: str = ""
    failure: str = ""  # one of the words of mysql.errors
    detail: str = ""  # the same in words


def ask_member(node: Node) -> Asked:
    """Once more where the time-out was this process's own: it was stopped, or had no CPU."""
    begun, seconds = node.clock.now(), node.config.hung_after
    asked = _within(node, seconds)
    if asked.failure != MUTE or node.clock.now() - begun <= seconds + OVERSLEPT:
        return asked
    return _within(node, WIDE_AWAKE)


def _within(node: Node, seconds: float) -> Asked:
    budget = Budget(node.clock, seconds)
    while True:
        session: Session | None = None
        try:
            session = node.servers.connect_local(budget.left())
            found = probe(session, budget)
            if isinstance(found, NoEngine):
                return Asked(session, no_engine=found.said)
            return Asked(session, found)
        except SessionError as error:
            if session is not None:
                session.close()
            if budget.over or not isinstance(error, Lost):
                return _failed(node, error)
        node.clock.sleep(0.05)


def _failed(node: Node, error: SessionError) -> Asked:
    failure, detail = word_for(error), f"{error}{_cure(error, node.config)}"
    but = node.cut_off_server() if failure == REFUSING else ""
    if but:
        return Asked(failure=UNKNOWN, detail=f"{detail}, {but}")
    return Asked(failure=failure, detail=detail)


def _cure(error: SessionError, config: Config) -> str:
    if word_for(error) == MUTE:
        return f" (hung_after = {config.hung_after:g} s)"
    if isinstance(error, ServerError) and error.errno in CANNOT_LOG_IN | NOT_ALLOWED:
        return f"; check [client] in {config.path} and the grants in keepalived-snippets"
    return ""
