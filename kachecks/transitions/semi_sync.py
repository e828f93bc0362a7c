"""The note of what a closing has switched off in this node's own server.

A closing that is killed cannot switch semi-sync on again, so whoever opens, closes or checks this
server next does.
"""

from __future__ import annotations

from kachecks.lean import suppress
from kachecks.mysql import queries
from kachecks.mysql.session import ServerError, Session, SessionError
from kachecks.node import Node
from kachecks.state.files import StateError

STATEMENT = 1.0
"""Seconds for one statement."""

UNKNOWN_VARIABLE = 1193


def note(node: Node, session: Session, variables: list[str]) -> None:
    """Note what is about to be switched off; none: all is on again. What cannot be noted is
    switched off all the same."""
    with suppress(StateError):
        if variables:
            node.marks.note_semi_sync_off(node.servers.process_of(session), variables)
        else:
            node.marks.forget_semi_sync()


def switch_on_again(node: Node, session: Session) -> str:
    """Switch on what a closing of this very mysqld has left off; a restarted one has read its
    my.cnf.

    A remark for the audit log, "" where there is nothing to tell. Raises SessionError.
    """
    if not node.marks.semi_sync_noted():
        return ""
    noted = node.marks.semi_sync_off(node.servers.process_of(session))
    variables = [each for each in noted if each in queries.SEMI_SYNC_SWITCHES]
    try:
        for variable in variables:
            session.execute(queries.switch_on(variable), STATEMENT)
    except ServerError as error:
        if error.errno == UNKNOWN_VARIABLE:  # the plugin is gone
            note(node, session, [])
        return f"; but semi-sync could not be switched on again: {error}"
    note(node, session, [])
    return "; semi-sync, which a closing had left off, is on again" if variables else ""


def switch_on_before_opening(node: Node) -> str:
    """The same in a session of its own, as nothing that becomes of it may stop the opening."""
    if not node.marks.semi_sync_noted():
        return ""
    try:
        session = node.servers.connect_local(STATEMENT)
        try:
            return switch_on_again(node, session)
        finally:
            session.close()
    except SessionError as error:
        return f"; but semi-sync could not be switched on again: {error}"


def finish_closing(node: Node, session: Session) -> None:
    """The same by a check, unless a closing is at work."""
    if node.marks.is_leaving() or not node.lock.try_to_take("check"):
        return
    try:
        with suppress(SessionError):  # the next check tries again
            switch_on_again(node, session)
    finally:
        node.lock.release()
