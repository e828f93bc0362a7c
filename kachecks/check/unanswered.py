"""This node's server has not answered all that the check asks.

A server that keeps one question waiting is not hung if it answers another. SHOW REPLICA STATUS
waits for the receiver, which may be writing its relay log to a saturated disk: for 11 s, while the
server went on committing (MySQL 9.7, a disk with 60 writes a second). Its clients are served, so it
must not be killed for that.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.check.look import Asked
from kachecks.config.options import Config
from kachecks.mysql.errors import (
    ABSENT,
    CANNOT_LOG_IN,
    MUTE,
    NOT_ALLOWED,
    REFUSING,
    UNASKABLE,
    NoAnswer,
    ServerError,
    SessionError,
    grants_files,
    word_for,
)
from kachecks.mysql.facts import Facts
from kachecks.mysql.probe import probe_identity
from kachecks.mysql.session import Session
from kachecks.node import Node

AT_LEAST = 0.5
"""Seconds for a second question, even where the first answers were so slow that none are left."""


def unanswered(
    node: Node,
    session: Session | None,
    identity: Facts | None,
    error: SessionError,
    budget: Budget,
    vip_here: bool,
) -> Asked:
    """What is known all the same.

    Args:
        identity: which server it is, and whether it is open, where it has said that.
        budget: of this run.
    """
    asked = _failed(Asked(session), error, node.config)
    if identity is None or not isinstance(error, NoAnswer):
        return asked
    asked = asked._replace(status_waits=True)
    return _ask_again(node, asked, budget) if vip_here and identity.writable else asked


def _failed(asked: Asked, error: SessionError, config: Config) -> Asked:
    return asked._replace(failure=word_for(error), detail=f"{error}{_cure(error, config)}")


def _ask_again(node: Node, asked: Asked, budget: Budget) -> Asked:
    """Ask by a new connection. A server that is closed by now serves nobody, and without its
    replication it cannot be opened."""
    again: Session | None = None
    last = Budget(node.clock, max(budget.left(), AT_LEAST))
    try:
        again = node.servers.connect_local(last.left())
        facts = probe_identity(again, last.left())
    except SessionError as error:
        if again is not None:
            again.close()
        return asked if word_for(error) == MUTE else _failed(asked, error, node.config)
    if asked.session is not None:
        asked.session.close()
    asked = asked._replace(session=again)
    if not facts.writable:
        return asked
    detail = f"this server answers, but not how it replicates: {asked.detail}"
    return asked._replace(facts=facts, failure=UNASKABLE, detail=detail)


def _cure(error: SessionError, config: Config) -> str:
    if word_for(error) in (MUTE, ABSENT):
        return f" (hung_after = {config.hung_after:g} s)"
    if word_for(error) == REFUSING:
        return f"; {_not_there(config)}"
    if isinstance(error, ServerError) and error.errno in CANNOT_LOG_IN | NOT_ALLOWED:
        doubt = f"; {config.local.doubt}" if config.local.doubt else ""
        return f"; check [client] in {config.path} and the grants of {grants_files()}{doubt}"
    return ""


def _not_there(config: Config) -> str:
    start = "start the server (systemctl status mariadb, mysql or mysqld)"
    if config.socket_by_default:
        return f"{start}; [client] in {config.path} names no socket, so no other one is tried"
    key = "host and port" if config.local.host else "socket"
    return f"{start}, or correct {key} in [client] of {config.path}"
