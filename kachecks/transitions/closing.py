"""Close any server for writes, this node's or the peer's, and cut its clients.

Only client connections are killed here, never a process.
"""

from __future__ import annotations

from kachecks.bounded import Budget, Clock, GivenUp
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import queries
from kachecks.mysql.errors import LOCK_WAIT_TIMEOUT, NOT_ALLOWED, BrokenAnswer, Nonsense
from kachecks.mysql.facts import Row, text_of
from kachecks.mysql.probe import probe_access, unseen
from kachecks.mysql.session import Lost, NoAnswer, ServerError, Session, SessionError, ask
from kachecks.transitions.clients import Cut, Cutter, no_silence
from kachecks.transitions.first_cut import FirstCut, Silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Callable

CUT_FIRST = 0.5
"""Seconds for cutting clients before the first attempt to close, but no more than a third of the
budget. That is enough for some hundred clients; the others are cut once the server is closed, or
when closing has to wait for one of them."""

CUT_LAST = 0.8
"""The share of the remaining time in which the other clients are cut; the rest is for what comes
after."""

LIST_SHARE = 1 / 3
"""The share of the remaining time in which the server must say who is connected. A server that does
everything else may take longer, or say too much to be read (16 MiB, some 30,000 clients)."""

CLOSING = 1.0
"""Seconds for which the server itself waits for whatever keeps it from closing
(lock_wait_timeout)."""

ANOTHER = 0.1
"""Seconds for a second session, which a server whose connections are used up does not give."""

QUIET = 0.5
"""Seconds for which no session that could write through read_only has come back (MariaDB before
12)."""

COME_AND_GO = 0.5
"""Seconds in which a server's count of its connections and its list of them must agree once, where
one that is not seen could write."""


class NotClosed(Exception):
    """The server still takes writes, or may take them; the text says why."""


class Closed(NamedTuple):
    """A server that has been read back as closed."""

    cut: int  # client connections
    remark: str = ""  # what could not be done after closing
    quiet: bool = True  # False: who may write through read_only comes back, or cannot all be seen
    answers: bool = True  # False: it was lost, or mute, before its last clients were cut


def _waiting(rows: list[Row]) -> list[bool]:
    """Raises Nonsense."""
    return [(row["state"] or "").startswith("Waiting") for row in rows]


def _switches(rows: list[Row]) -> list[str]:
    """Raises Nonsense: these are others than were asked for."""
    names = [text_of(row, "Variable_name") for row in rows]
    if not set(names) <= set(queries.SEMI_SYNC_SWITCHES):
        raise Nonsense("another variable")
    return names


def _remark(cut: Cut) -> str:
    left, refused = len(cut.left), len(cut.refused)
    remark = f"; but there was no time to cut another {left:,}" if left else ""
    return remark + (f"; but {refused:,} may not be cut by this account" if refused else "")


class Closing:
    """One server that is being closed.

    Clients are cut first, as many as can be cut in CUT_FIRST, since SET GLOBAL read_only would wait
    for what they hold: LOCK TABLES, a running statement, a commit that waits for a semi-sync
    acknowledgement. They are cut again afterwards, so that pooled clients connect anew, through the
    VIP. Semi-sync is switched off only when the clients are gone: earlier, that would acknowledge
    commits to them that the other node does not have.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        budget: Budget,
        spared: Collection[str],
        again: Callable[[float], Session],
        each_round: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            budget: for everything.
            spared: accounts that are never cut.
            again: opens another session with the server, within so many seconds.
            each_round: called several times a second.
        """
        self.session = session
        """Another one where that was lost or given up: for whoever goes on with this server."""
        self._clock = clock
        self._budget = budget
        self._again = again
        self._each_round = each_round
        self._cutter = Cutter(clock, session, spared, each_round)
        self._version = session.version
        self._all_told = True  # it has always said who is connected
        self._semi_sync: list[str] = []  # variables that were switched off
        self._untold: ServerError | None = None  # why it is not known who writes through read_only
        self._unseen = ""  # why there may be clients that cannot be cut
        self._left_over: int | None = None  # a session that may still be about to close it
        self._note: Callable[[list[str]], None] = lambda _: None

    def close(
        self,
        cut_last: float = float("inf"),
        shut: Callable[[], Collection[str]] = frozenset,
        note: Callable[[list[str]], None] = lambda _: None,
        told: Silence | None = None,
    ) -> Closed:
        """Close it; returns only when it has been read back as closed.

        Args:
            cut_last: seconds at most for the clients that are cut when it is closed.
            shut: called then; shuts sockets of clients, and returns whose ("10.0.0.9:40000").
            note: told the variables of semi-sync before they are switched off, and none when they
                are on again: this program may be killed in between.
            told: how nobody is told OK for a commit without acknowledgement. Not where the other
                node asks this server for what it has committed afterwards.

        Raises:
            NotClosed: the budget is over.
            SessionError: as the server or the network has it.
        """
        self._note = note
        try:
            self._prepare()
        except (NoAnswer, Lost, BrokenAnswer) as error:
            self._outlive(error)
        if self._version.mariadb and told is not None:  # a KILL does not end that wait on MySQL
            self._cut_beside_closing(told)
        left = self._budget.left()
        self._cut(Budget(self._clock, left / 2), min(CUT_FIRST, left / 3))
        try:
            self._close()
        except (NotClosed, SessionError):
            self._end_what_is_left()
            self._semi_sync_back_on()
            raise
        self._cutter.silence = no_silence
        self._cutter.shut.update(dict.fromkeys(shut(), False))
        closed = self._cut_the_rest(cut_last)
        try:
            self._switch_on(self.session, self._budget)
        except SessionError as error:
            return closed._replace(remark=f"{closed.remark}; but {error}")
        return closed

    def _prepare(self) -> None:
        prepare = queries.prepare_to_close(self._version)
        self.session.execute(prepare, self._budget.left(at_most=1.0))

    def _cut_beside_closing(self, told: Silence) -> None:
        """Where MariaDB is a semi-sync source, cut clients while another session is about to close
        it: that one waits for the commits which have begun, and nobody can begin another.

        MariaDB waits for an acknowledgement in the session that leads a group of commits. Where
        that one is cut, all of the group are told OK, even who has connected a moment ago
        (10.11.18). Where there is no other session to be had, it is closed as any server.

        Raises SessionError: there is no session with the server any more.
        """
        left, at_most = self._budget.left(), min(2 * CLOSING, self._budget.left() / 3)
        sql = queries.close_writes(self._version)
        try:
            if not ask(self.session, queries.SEMI_SYNC_SOURCE, left / 3, _switches):
                return
        except SessionError as error:
            self._outlive(error)
            return
        self._cutter.silence = told.silence
        try:
            another = told.connect(min(ANOTHER, left / 8))
        except SessionError:
            return
        first = FirstCut(another, self._cut_if_it_waits)
        try:
            another.execute(queries.prepare_to_close(self._version), min(ANOTHER, left / 8))
            self._left_over = another.connection_id
            self._clock.within(at_most, lambda: another.execute(sql, at_most), first.look)
            self._left_over = None
        except (GivenUp, SessionError):
            pass
        finally:
            another.close()
        if first.trouble is not None:
            self._outlive(first.trouble)

    def _cut_if_it_waits(self, another: Session) -> bool:
        """Whether it does, and somebody was cut for it. Raises SessionError."""
        left = self._budget.left()
        waits = queries.state_of(another.connection_id)
        if not any(ask(self.session, waits, left / 3, _waiting)):
            return False
        self._cut(Budget(self._clock, left / 2), min(CUT_FIRST, left / 3))
        return True

    def _end_what_is_left(self) -> None:
        """Closing has failed, and the other session may have it done when somebody has opened the
        server again."""
        if self._left_over is not None:
            with suppress(SessionError):
                self.session.execute(queries.kill(str(self._left_over)), ANOTHER)

    def _outlive(self, error: SessionError) -> None:
        """Go on in another session where this error has ended ours.

        Raises SessionError: there is none to be had.
        """
        if isinstance(error, ServerError) and not isinstance(error, BrokenAnswer):
            return
        self.session.close()
        self.session = self._cutter.session = self._again(self._budget.left())
        self._prepare()

    def _cut(self, budget: Budget, seconds: float) -> Cut | None:
        """Cut clients before it is closed. None: it is not told who is connected, or not all could
        be cut for another reason than time; that never keeps a server from being closed.

        Raises SessionError: there is no session with the server any more.
        """
        try:
            return self._cutter.cut(budget, seconds, told_within=self._budget.left() * LIST_SHARE)
        except SessionError as error:
            self._all_told = False
            self._outlive(error)
            self._each_round()
            return None

    def _close(self) -> None:
        """Try to close until the server is read back as closed. Raises NotClosed, SessionError."""
        budget = self._budget
        while True:
            waits = False
            try:
                self.session.execute(queries.close_writes(self._version), budget.left(at_most=2.0))
                if probe_access(self.session, budget.left(at_most=1.0)).closed:
                    return
            except ServerError as error:
                if error.errno != LOCK_WAIT_TIMEOUT:
                    raise
                waits = True
            self._each_round()
            if budget.over:
                raise NotClosed("writes that cannot be cut are still running")
            cut = self._cut(budget, budget.left() - CLOSING)
            alone = cut is not None and cut.semi_sync and not cut.others
            if waits and alone and self._everybody_is_seen():
                self._switch_off_semi_sync()

    def _cut_the_rest(self, at_most: float) -> Closed:
        """Cut the clients left, first those that may write all the same. The server is closed,
        whatever becomes of it."""
        budget, users = self._budget, self._cutter.users
        seconds = min(budget.left() * CUT_LAST, at_most)
        try:
            writers = self._write_through_accounts()
            last = self._cutter.cut(budget, seconds, writers, budget.left() * LIST_SHARE)
            if self._untold is not None:  # by now whoever had locked what the view reads is cut
                writers = self._write_through_accounts()
            if writers and (
                not self._all_told or writers.intersection(users + last.others + last.ending)
            ):
                self._cut_until_quiet(writers)
            if not last.left:
                self._everybody_is_seen()
        except (NotClosed, SessionError) as error:
            why = str(error)
            if isinstance(error, SessionError):
                why = f"not everybody could be cut: {error}"
                with suppress(SessionError):
                    self._outlive(error)
            quiet, mute = not self._version.lets_admins_write, isinstance(error, (NoAnswer, Lost))
            return Closed(len(users), f"; but {why}", quiet, not mute)
        return self._closed(_remark(last))

    def _closed(self, remark: str) -> Closed:
        """Read back as closed, with whatever keeps it from being closed to everybody."""
        doubt = bool(self._unseen)
        if self._untold is not None:
            remark += (
                f"; but who else than root may write through read_only is not known: {self._untold}"
            )
            doubt |= self._untold.errno not in queries.NO_VIEW
        quiet = not (doubt and self._version.lets_admins_write)
        return Closed(len(self._cutter.users), remark + self._unseen, quiet)

    def _cut_until_quiet(self, writers: frozenset[str]) -> None:
        """Cut until no account that may write through read_only has come back for QUIET seconds.

        Raises:
            NotClosed: such an account comes back again and again, or its session does not end.
        """
        quiet = Budget(self._clock, QUIET)
        while not quiet.over:
            if self._budget.over:
                raise NotClosed(
                    "an account that may write through read_only keeps coming back"
                    " (kachecks.read_only_exempt lists them)"
                )
            self._clock.sleep(0.05)
            self._each_round()
            again = self._cutter.cut(Budget(self._clock, QUIET), QUIET, writers)
            if writers.intersection(again.users + again.others + again.ending):
                quiet = Budget(self._clock, QUIET)

    def _write_through_accounts(self) -> frozenset[str]:
        """Users that may write through read_only; none on versions where nobody can.

        Where the view does not list them, root is assumed to be the only one, and that is told.
        """
        if not self._version.lets_admins_write:
            return frozenset()
        seconds = self._budget.left(at_most=1.0)
        try:
            writers = ask(
                self.session,
                queries.WRITE_THROUGH_ACCOUNTS,
                seconds,
                lambda rows: frozenset(row["user"] or "" for row in rows),
            )
        except ServerError as error:
            self._outlive(error)
            self._untold = error
            return frozenset({"root"})
        self._untold = None
        return writers

    def _everybody_is_seen(self) -> bool:
        """Whether all connections can be seen, and so be cut. Raises SessionError."""
        seconds = COME_AND_GO if self._version.lets_admins_write else COME_AND_GO / 5
        patience = Budget(self._clock, min(seconds, self._budget.left() / 2))
        while True:
            try:
                number = unseen(self.session, self._budget.left(at_most=1.0))
            except ServerError as error:
                self._outlive(error)
                self._unseen = f"; but whether everybody can be seen is not known: {error}"
                return False
            if not number:
                self._unseen = ""
                return True
            if patience.over:
                self._unseen = (
                    f"; but not everybody can be seen: the process list lacks {number:,} of its"
                    " connections, which were not cut (kachecks doctor)"
                )
                return False
            self._clock.sleep(0.05)
            self._each_round()

    def _switch_off_semi_sync(self) -> None:
        """Release commits that wait for an acknowledgement."""
        session, budget = self.session, self._budget
        seconds = budget.left(at_most=1.0)
        for variable in ask(session, queries.SEMI_SYNC_SOURCE, seconds, _switches):
            self._note([*self._semi_sync, variable])
            try:
                session.execute(queries.switch_off(variable), budget.left(at_most=1.0))
            except ServerError as error:
                if error.errno not in NOT_ALLOWED:
                    raise
                self._note(self._semi_sync)
            else:
                self._semi_sync.append(variable)

    def _semi_sync_back_on(self) -> None:
        """Closing has failed and the server goes on taking writes: make them semi-synchronous
        again."""
        if not self._semi_sync:
            return
        with suppress(SessionError):
            self._switch_on(self.session, Budget(self._clock, 1.0))
            return
        with suppress(SessionError):  # the last attempt was given up, and its session with it
            another = self._again(1.0)
            try:
                self._switch_on(another, Budget(self._clock, 1.0))
            finally:
                another.close()

    def _switch_on(self, session: Session, budget: Budget) -> None:
        for variable in self._semi_sync:
            session.execute(queries.switch_on(variable), budget.left(at_most=1.0))
        if self._semi_sync:
            self._note([])
