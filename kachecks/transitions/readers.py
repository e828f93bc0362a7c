"""Readers of a standby must not hold up its promotion: who keeps the applier waiting is cut, and
whoever might keep the first writes waiting.

A client of a closed server can do both: an idle transaction before a DDL, LOCK TABLES ... READ,
FLUSH TABLES WITH READ LOCK, LOCK INSTANCE FOR BACKUP, BACKUP STAGE, SELECT ... FOR SHARE (each
measured on MySQL 9.7 and MariaDB 10.11; KILL frees the applier within 10 ms). Opening does not wait
for any of them: SET GLOBAL read_only = 0 succeeds at once, and then every INSERT hangs. Which
client holds a lock cannot be told on all versions (performance_schema.metadata_locks needs a
privilege, MariaDB a plugin), so all are cut.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql.session import Session, SessionError
from kachecks.transitions.clients import Cut, Cutter
from kachecks.transitions.demotion import own_users
from kachecks.transitions.sessions import STATEMENT, Sessions

HELD_UP = 1.5
"""Seconds without progress of the applier after which this closed server's clients are cut. A large
transaction is no progress for as long, but they are going to be cut anyway."""

CUT = 1.0
"""Seconds at most for that; the next round goes on."""

CUT_BEFORE_OPENING = 0.5
"""Seconds in which clients are cut before opening, some hundred of them; since nobody serves
meanwhile, the others are cut after it."""

CUT_AFTER_OPENING = 5.0
"""Seconds at most for these."""

CONNECT = 0.5
"""Seconds to connect for that."""

TOLD_WITHIN = 1.0
"""Seconds for the list of who is connected: nobody serves meanwhile, and the session that opens is
not used."""


class HeldUp:
    """Cuts the clients of this server whenever the applier has got nowhere for HELD_UP seconds."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._told = False
        self.progress()

    def progress(self) -> None:
        """The applier has got on."""
        self._patience = Budget(self._sessions.node.clock, HELD_UP)

    def cut_if_due(self, at_once: bool = False) -> None:
        """Raises VipGone, Leaving, Interrupted.

        Args:
            at_once: it is known that somebody has held it up.
        """
        if not at_once and not self._patience.over:
            return
        cut = _cut(self._sessions, CUT, "the applier", tell=not self._told)
        if cut is None or cut.users:  # told once: they may come back again and again
            self._told = True
        self.progress()


def cut_before_opening(sessions: Sessions) -> bool:
    """Cut whoever was connected before this promotion began; whether there was time for all.

    Who has come later comes through the VIP, most likely, in order to write. But a promotion may
    look for its peer for many seconds, so who does nothing for a while is cut like the others.

    Raises:
        VipGone, Leaving, Interrupted.
    """
    return _cut_older(sessions, CUT_BEFORE_OPENING)


def cut_after_opening(sessions: Sessions) -> None:
    """The same for those left. Raises VipGone, Leaving, Interrupted."""
    _cut_older(sessions, CUT_AFTER_OPENING)


def _cut_older(sessions: Sessions, seconds: float) -> bool:
    cut = _cut(sessions, seconds, "writes", before=sessions.local.connection_id)
    return cut is not None and not cut.left


def _cut(
    sessions: Sessions, seconds: float, what: str, *, before: int | None = None, tell: bool = True
) -> Cut | None:
    """None: they cannot be cut.

    The list of a crowd can be too much for a session, and a busy server may take long to tell it,
    so this is done in another one than that which holds the lock and opens.

    Raises VipGone, Leaving, Interrupted.
    """
    clock, users = sessions.node.clock, own_users(sessions.node)
    session: Session | None = None
    cut: Cut | None = None
    try:
        sessions.ping()  # it is not used again before the list is there, and lives for 3 s
        session = sessions.node.servers.connect_local(CONNECT)
        cutter = Cutter(clock, session, users, lambda: sessions.pause(0.0), before)
        cut = cutter.cut(Budget(clock, seconds + STATEMENT), seconds, told_within=TOLD_WITHIN)
    except SessionError as error:
        said = f"clients may hold {what} up, and could not be cut: {error}"
    else:
        said = f"cut {len(cut.users)} clients of this server, which may hold {what} up"
    finally:
        if session is not None:
            session.close()
    if tell and (cut is None or cut.users):
        sessions.steps.done(said)
    return cut
