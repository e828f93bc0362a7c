"""Cut a server's clients: on closing, so that nothing is written, and they come back by the VIP."""

from __future__ import annotations

from kachecks import queries
from kachecks.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from kachecks.facts import Row
    from kachecks.host import Budget
    from kachecks.session import Session

NO_SUCH_THREAD = 1094
NOT_OURS_TO_KILL = 1095
SYSTEM_USERS = frozenset({"system user", "event_scheduler", "unauthenticated user"})

AT_ONCE = 50
"""KILLs between two looks at the clock. A server takes 0.3 to 2 ms for each, since it tidies up
after those before meanwhile."""


class Cut(NamedTuple):
    """Client connections that were told to end."""

    users: list[str]  # whose they were, one for each
    left: int  # for which there was no time


def cut_clients(
    session: Session, users: Collection[str], budget: Budget, spend: Budget | None = None
) -> Cut:
    """Kill every client connection but replication's and those of ``users``, the busy ones first.

    Args:
        budget: for everything; at least one round of KILLs is sent.
        spend: less than that, for the KILLs alone.

    Raises:
        SessionError: as the server or the network has it.
    """
    rows = session.query(queries.PROCESSLIST, budget.left(at_most=2.0))
    clients = [row for row in rows if _is_client(row, session, users)]
    clients.sort(key=lambda row: row["Command"] == "Sleep")
    cut: list[str] = []
    for first in range(0, len(clients), AT_ONCE):
        if first and (spend or budget).over:
            return Cut(cut, len(clients) - first)
        some = clients[first : first + AT_ONCE]
        kills = [queries.kill(row["Id"] or "0") for row in some]
        for row, error in zip(some, session.execute_each(kills, budget.left(at_most=1.0))):
            if error is None:
                cut.append(row["User"] or "")
            elif error.errno not in (NO_SUCH_THREAD, NOT_OURS_TO_KILL):
                raise error
    return Cut(cut, 0)


def _is_client(row: Row, session: Session, users: Collection[str]) -> bool:
    user, command = row["User"] or "", row["Command"] or ""
    return not (
        user in SYSTEM_USERS
        or user in users
        or command.startswith(("Binlog Dump", "Daemon"))
        or row["Id"] == str(session.connection_id)
    )
