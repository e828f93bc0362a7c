"""Does one connection hold up every write? A backup's lock, or LOCK TABLES, on the active node.

It moves nothing: the other node would serve, but this one is healthy, and whoever waits goes on as
soon as the lock is let go. People are told who holds it, since nothing is committed meanwhile.

A lock wait is one more sign of check.stalled: at each look across STALLED_AFTER seconds of this
node's clock somebody waits for the same kind of lock, and nothing is committed meanwhile. Not the
same connection: clients lose patience and come back.
"""

from __future__ import annotations

from kachecks.check.stalled import LOCKED, SERVER_THREADS
from kachecks.lean import shown, suppress
from kachecks.mysql import lock_waits, queries
from kachecks.mysql.errors import SessionError
from kachecks.mysql.session import Session, ask
from kachecks.state.signs import Sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from kachecks.mysql.facts import Row

LONGEST = 64
"""Characters of a server's text that are shown."""


def waiting(rows: list[Row], now: float) -> tuple[Sign, ...]:
    """A sign for each kind of lock that clients wait for.

    Args:
        rows: the process list as it was asked at ``now``.
    """
    states = {state for state in map(_lock_wait, rows) if state}
    return tuple(Sign(f"{LOCKED}{state}", now) for state in sorted(states))


def sentence(
    session: Session,
    rows: list[Row],
    lasting: tuple[Sign, ...],
    now: float,
    ours: Collection[str],
) -> str:
    """Who holds up whom.

    Args:
        rows: the process list.
        lasting: the lock waits that have lasted, one at least.
        ours: our own accounts.
    """
    wait = lasting[0]
    state = wait.what[len(LOCKED) :]
    number = sum(_lock_wait(row) == state for row in rows)
    who = _holder(session, rows, ours)
    return (
        f"nothing has been committed for {now - wait.since:.0f} s, clients are {state}"
        f" ({number} now): {who}"
    )


def _holder(session: Session, rows: list[Row], ours: Collection[str]) -> str:
    """As far as it can be told. performance_schema may be off, or not ours to read."""
    known = ""
    with suppress(SessionError):
        known = ask(session, queries.LOCK_HOLDER, 1.0, _first)
    others = [row for row in rows if _may_hold(row, ours)]
    for row in others:
        if row["Id"] == known:
            return f"{_named(row)} holds the lock"
    if not others:
        return "who holds the lock cannot be told"
    oldest = max(others, key=lambda row: int(row["Time"] or 0))
    if len(others) == 1:
        return f"{_named(oldest)} is the only one that does not wait"
    return (
        f"who of {len(others)} others holds the lock cannot be told without SELECT on"
        f" performance_schema.metadata_locks and threads; {_named(oldest)} has been so the longest"
    )


def _first(rows: list[Row]) -> str:
    return (rows[0]["id"] or "") if rows else ""


def _may_hold(row: Row, ours: Collection[str]) -> bool:
    user, command = row["User"] or "", row["Command"] or ""
    return not (
        user in SERVER_THREADS
        or user in ours
        or command.startswith(("Binlog Dump", "Daemon"))
        or _lock_wait(row)
    )


def _named(row: Row) -> str:
    host = (row["Host"] or "").partition(":")[0]
    doing = f"{row['Command'] or ''} for {int(row['Time'] or 0)} s"
    state = f", {row['State']}" if row["State"] else ""
    account = shown(f"{row['User'] or ''}@{host}", LONGEST)
    return f"connection {int(row['Id'] or 0)} of {account} ({shown(doing + state, LONGEST)})"


def _lock_wait(row: Row) -> str:
    """Our own word for the lock that a client waits for, "" for none."""
    if row["Command"] not in ("Query", "Execute") or row["User"] in SERVER_THREADS:
        return ""
    return lock_waits.kind(row)
