"""The marks of a pair in its run directory: what one run tells the next.

/run is a tmpfs, so marks do not survive a reboot; their times are of CLOCK_BOOTTIME, which also
counts while the machine sleeps. Each is a small file that is replaced atomically. There is no mark
for what can be seen in the world itself (the VIP, read_only, a lock): that is looked at where it
is.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysqld_process import Process
from kachecks.state import files
from kachecks.state.files import Files, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.bounded import Clock
    from kachecks.state.signs import Signs

MOST_PIDS = 1 << 22
"""No pid is greater: PID_MAX_LIMIT of Linux."""

LEAVING_IS_FRESH = 2.0
"""Seconds for which a leaving mark holds after it was last written. That is longer than keepalived
needs to remove the VIP, and short enough that a killed notify_down does not keep the node
closed."""


ANOTHER_REFUSAL = 600.0
"""Seconds without a promotion that was refused for the same reason; while one incident lasts, they
come every few seconds."""

CUT_OFF_IS_FRESH = 15.0
"""Seconds after which a note of being cut off is of another time. That is longer than any run."""


class GaveWay(NamedTuple):
    """This node has given the VIP away, or refused it."""

    at: float
    why: str
    unheeded: bool = False  # keepalived does not heed the peer's adverts, so they prove nothing


class Known(NamedTuple):
    """What a standby knows of its peer's transactions, as a closed server sees it."""

    asked_at: float = 0.0  # when the peer last answered ...
    served_at: float = 0.0  # ... and when it was last known, or had to be feared, to serve
    wanted_at: float = 0.0  # when the peer was asked for ...
    wanted: str = ""  # ... its GTIDs, which no later look has found complete here
    blind: bool = False  # nor would having them all prove that nothing is missing
    received: str = ""  # what some look has found received, and none has found executed

    @property
    def lacking(self) -> float:
        """Seconds by which the peer had what is wanted before it was last known to serve."""
        return self.served_at - self.wanted_at

    @property
    def unasked(self) -> float:
        """Seconds for which the peer has served since it was last asked, as far as is known."""
        return self.served_at - self.asked_at


class Unopened(NamedTuple):
    """This node has the VIP and is closed."""

    since: float  # when a check first found it so
    promotions: int = 0  # which checks have started since, where no hook was at work


class Stopping(NamedTuple):
    """A mysqld that shuts down: since when it has not got on, or (with no state) that it can commit
    nothing any more."""

    process: Process
    since: float = 0.0
    state: str = ""


class Look(NamedTuple):
    """What the last closer look found: at the peer, at the disks, at writes that hang."""

    at: float
    wrong: bool = False  # it found something: the next check looks again, not after peer_check s
    two_writers: int = 0  # looks in a row that found both nodes open
    alone: bool | None = None  # the alone mark is set; None: unknown (perhaps from before boot)
    degraded_before: bool = False  # the disk was already in trouble before this node was open
    fit_since: float = 0.0  # since then every look has found the peer fit; 0: the last one did not
    off_since: float = 0.0  # since then this node was open and its peer off; 0: it is not off
    late: bool | None = None  # the late mark is set; None: unknown (perhaps from before boot)
    known: Known = Known()


class LastVerdict(NamedTuple):
    """What people were last told of this node."""

    text: str  # reason and exit status; "" nothing yet
    age: float  # s since then, by the wall clock

    @property
    def reason(self) -> str:
        """The first word."""
        return self.text.partition(" ")[0]


def number(text: str) -> float:
    """Raises ValueError, also for inf and nan, which no comparison would ever end."""
    value = float(text)
    if value - value != 0:
        raise ValueError
    return value


_THREE = {"yes": True, "no": False, "unknown": None}


def _word(known: bool | None) -> str:
    return next(word for word, value in _THREE.items() if value is known)


class Marks:
    """The marks of one pair on one node."""

    def __init__(self, run_dir: str, name: str, tmpfs: Files, clock: Clock) -> None:
        self._run_dir = run_dir
        self._name = name
        self._files = tmpfs
        self._clock = clock

    def _path(self, kind: str) -> str:
        return path_of(self._run_dir, self._name, kind)

    def _read(self, kind: str) -> str:
        return self._files.read(self._path(kind))

    def _write(self, kind: str, text: str) -> None:
        self._files.write(self._path(kind), text)

    def _remove(self, kind: str) -> None:
        self._files.remove(self._path(kind))

    def _read_process(self, kind: str) -> Process | None:
        """The process that a mark names, or None without a mark (or with a damaged one)."""
        return _process_in(self._read(kind))

    def _moment(self, text: str) -> float:
        """A moment of our clock, which has never been set back. Raises ValueError."""
        value = number(text)
        if not 0 <= value <= self._clock.now() + 1:
            raise ValueError
        return value

    def _write_process(
        self, kind: str, process: Process, first: Callable[[], None] = lambda: None
    ) -> None:
        before = self._read_process(kind)
        if before is None or not before.is_same(process):
            first()
            self._write(kind, f"{process.pid} {process.started}")

    # --- which mysqld ---

    def open_mark(self) -> Process | None:
        """The mysqld that a promotion has opened, or a check has seen open, and that was not closed
        since."""
        return self._read_process(files.OPEN)

    def mark_open(self, process: Process | None, first: Callable[[], None] = lambda: None) -> None:
        """Set the open mark: with None that of a server of which nothing else is known.

        Args:
            first: called before it is written, which is once for each mysqld.

        Raises StateError, and whatever ``first`` raises: then it is not written.
        """
        if process is not None or self.open_mark() is None:
            self._write_process(files.OPEN, process or NO_PROCESS, first)

    def unmark_open(self) -> None:
        """Remove the open mark: the server was read back as closed, or is dead."""
        self._remove(files.OPEN)
        self._remove(files.OPENED)

    def opening_told(self) -> bool:
        """The audit log already tells that the mysqld with the open mark was opened."""
        return self._read(files.OPENED) == self._read(files.OPEN)

    def note_opening_told(self) -> None:
        """Remember that it tells so now. Raises StateError."""
        self._write(files.OPENED, self._read(files.OPEN))

    def stopping(self) -> Stopping | None:
        """What a demotion has last found of a mysqld that shuts down."""
        process = self._read_process(files.STOPPING)
        since, _, state = self._read(files.STOPPING).partition("\n")[2].partition(" ")
        try:
            return None if process is None else Stopping(process, self._moment(since), state)
        except ValueError:
            return None

    def remember_stopping(self, stopping: Stopping) -> None:
        """Raises StateError."""
        process, since, state = stopping
        text = f"{process.pid} {process.started}\n{since:.3f} {state}"
        self._write(files.STOPPING, text)

    def readers(self) -> frozenset[int]:
        """Ports of who read this server's binary log at the last look that has seen several."""
        ports = self._read(files.READERS).split()
        return frozenset(int(port) for port in ports if port.isdecimal() and len(port) < 6)

    def note_readers(self, ports: frozenset[int]) -> None:
        """Raises StateError."""
        if ports != self.readers():
            self._write(files.READERS, " ".join(map(str, sorted(ports))))

    def last_server(self) -> Process | None:
        """The mysqld of the last good check."""
        return self._read_process(files.MYSQLD)

    def remember_server(
        self, process: Process | None, contact: bool = False, sockets: tuple[str, str] = ("", "")
    ) -> bool:
        """Remember the mysqld of a good check and, with ``contact``, that it was up to date with
        the peer.

        Args:
            process: None, of which not even the start is known, is not remembered.
            sockets: see Servers.sockets_of.

        True when this is its first contact. Raises StateError.
        """
        if process is None:
            return False
        first, *before = self._read(files.MYSQLD).split("\n")
        last = _process_in(first)
        same = last is not None and last.is_same(process)
        had_contact = same and first.endswith(" contact")
        if not same or contact > had_contact or before != [*sockets]:
            said = f"{process.pid} {process.started}{' contact' if contact or had_contact else ''}"
            self._write(files.MYSQLD, "\n".join((said, *sockets)))
        return contact > had_contact

    def last_sockets(self) -> tuple[str, str]:
        """The unix socket by which that mysqld was reached, and as what it has bound it."""
        lines = self._read(files.MYSQLD).split("\n")
        return (lines[1], lines[2]) if len(lines) == 3 else ("", "")

    def had_contact(self, process: Process | None) -> bool:
        """This mysqld has been seen up to date with the peer since it started."""
        first = self._read(files.MYSQLD).partition("\n")[0]
        before = _process_in(first)
        same = process is not None and before is not None and before.is_same(process)
        return same and first.endswith(" contact")

    def note_events_off(self, process: Process | None) -> None:
        """Remember that a demotion has switched off the event scheduler of this mysqld."""
        if process is not None:
            self._write_process(files.EVENTS, process)

    def take_events_note(self, process: Process | None) -> bool:
        """True if a demotion has switched off the event scheduler of this mysqld; then the note is
        gone."""
        noted = self._read_process(files.EVENTS)
        if noted is not None:
            self._remove(files.EVENTS)
        return noted is not None and process is not None and noted.is_same(process)

    def note_semi_sync_off(self, process: Process | None, variables: list[str]) -> None:
        """Remember that a closing is about to switch these off in this mysqld. Raises
        StateError."""
        pid, started = process or NO_PROCESS
        self._write(files.SEMI_SYNC, f"{pid} {started}\n{' '.join(variables)}")

    def semi_sync_noted(self) -> bool:
        """A closing has left that note, perhaps in another mysqld."""
        return bool(self._read(files.SEMI_SYNC))

    def semi_sync_off(self, process: Process | None) -> list[str]:
        """The variables that it has switched off in this mysqld."""
        noted = self._read_process(files.SEMI_SYNC)
        if noted is None or not noted.is_same(process or NO_PROCESS):
            return []
        return self._read(files.SEMI_SYNC).partition("\n")[2].split()

    def forget_semi_sync(self) -> None:
        """They are on again, or their mysqld has ended. Raises StateError."""
        self._remove(files.SEMI_SYNC)

    # --- who may hold the VIP ---

    def gave_way(self) -> GaveWay | None:
        """When and why this node gave way, None if it did not."""
        said, _, why = self._read(files.GAVE_WAY).partition(" ")
        at, _, word = said.partition(",")
        try:
            return GaveWay(self._moment(at), why, word == "unheeded")
        except ValueError:
            return None

    def mark_gave_way(self, why: str, unheeded: bool = False) -> None:
        """From now on this node is unfit, until the check finds that it may return.

        Args:
            unheeded: keepalived does not heed the peer's adverts.

        Raises StateError.
        """
        word = ",unheeded" if unheeded else ""
        self._write(files.GAVE_WAY, f"{self._clock.now():.3f}{word} {why}")

    def unmark_gave_way(self) -> None:
        """This node may hold the VIP again. Raises StateError."""
        self._remove(files.GAVE_WAY)

    def note_heard(self) -> None:
        """This node returns now because it has heard the peer's adverts. Raises StateError."""
        self._write(files.HEARD, f"{self._clock.now():.3f}")

    def forget_heard(self) -> None:
        """It has opened in order since. Raises StateError."""
        self._remove(files.HEARD)

    def heard_for(self) -> float | None:
        """Seconds since it last did; None if it never did since boot."""
        try:
            return self._clock.now() - self._moment(self._read(files.HEARD))
        except ValueError:
            return None

    def mark_leaving(self) -> None:
        """This node is being closed in order to leave, so nothing may open it. Raises
        StateError."""
        self._write(files.LEAVING, f"{self._clock.now():.3f}")

    def unmark_leaving(self) -> None:
        """This node does not leave after all."""
        self._files.forget(self._path(files.LEAVING))

    def mark_failing(self) -> None:
        """The same, said by a check that fails. Raises StateError.

        It has its own file because a switchover that is rolled back removes the leaving mark, and
        must not open what a check has just closed meanwhile.
        """
        self._write(files.FAILING, f"{self._clock.now():.3f}")

    def unmark_failing(self) -> None:
        """The check lets this node keep the VIP after all."""
        self._files.forget(self._path(files.FAILING))

    def is_leaving(self) -> bool:
        """One of the two marks was written a moment ago."""
        return self._is_fresh(files.LEAVING) or self._is_fresh(files.FAILING)

    def _is_fresh(self, kind: str) -> bool:
        try:
            age = self._clock.now() - self._moment(self._read(kind))
        except ValueError:
            return False
        return age < LEAVING_IS_FRESH

    def withdraw_permit(self) -> None:
        """Make keepalived let go of the VIP, within 10 ms. Raises StateError."""
        self._write(files.PERMIT, "0\n")

    def grant_permit(self) -> None:
        """Let keepalived hold the VIP, as long as the check agrees. Raises StateError."""
        if self._read(files.PERMIT).strip() != "1":
            self._write(files.PERMIT, "1\n")

    def read_permit(self) -> bool | None:
        """What keepalived reads; None: there is no permit file."""
        text = self._read(files.PERMIT).strip()
        return text == "1" if text else None

    def unopened(self) -> Unopened | None:
        """Since when this node has had the VIP without being open; None: it was not seen so."""
        since, _, promotions = self._read(files.UNOPENED).partition(" ")
        try:
            return Unopened(self._moment(since), int(promotions))
        except ValueError:
            return None

    def note_unopened(self, unopened: Unopened) -> None:
        """Raises StateError."""
        self._write(files.UNOPENED, f"{unopened.since:.3f} {unopened.promotions}")

    def forget_unopened(self) -> None:
        """It is open, or the VIP has left."""
        self._files.forget(self._path(files.UNOPENED))

    # --- what was seen last ---

    def end_peer_silence(self) -> None:
        """Its host has answered in some way, or it is this node that is cut off. Raises
        StateError."""
        if self.peer_silent_since() is not None:
            self._remove(files.PEER_SILENT)

    def note_peer_silent(self) -> None:
        """Nothing of its host answers, but a witness does. Counts from the first time on. Raises
        StateError."""
        if self.peer_silent_since() is None:
            self._write(files.PEER_SILENT, f"{self._clock.now():.3f}")

    def note_lost(self) -> None:
        """This standby has lost its source, while another host answers for the VIP. Counts from
        the first time on. Raises StateError."""
        self._write(files.LOST, f"{self._clock.now():.3f}")

    def end_loss(self) -> None:
        """It receives again, or serves. Raises StateError."""
        if self.lost_since() is not None:
            self._remove(files.LOST)

    def lost_since(self) -> float | None:
        """When that was first noticed; None if it is not so."""
        try:
            return self._moment(self._read(files.LOST))
        except ValueError:
            return None

    def note_cut_off(self) -> None:
        """Nobody answers this open node, whose peer is off. Raises StateError."""
        now, for_seconds = self._clock.now(), self.cut_off_for()
        self._write(files.CUT_OFF, f"{now - for_seconds:.3f} {now:.3f}")

    def end_cut_off(self) -> None:
        """Somebody has answered. Raises StateError."""
        self._remove(files.CUT_OFF)

    def cut_off_for(self) -> float:
        """Seconds for which each run has found it so; 0 where the last one did not."""
        try:
            since, last = map(self._moment, self._read(files.CUT_OFF).split())
        except ValueError:
            return 0.0
        now = self._clock.now()
        return now - since if now - last < CUT_OFF_IS_FRESH else 0.0

    def peer_silent_since(self) -> float | None:
        """When the peer's silence was first noticed; None if it was not silent at the last look."""
        try:
            return self._moment(self._read(files.PEER_SILENT))
        except ValueError:
            return None

    def peer_identity(self) -> str:
        """The server_uuid or server_id by which the peer was last seen, "" if it never was."""
        return self._read(files.PEER)

    def note_peer(self, identity: str) -> None:
        """Raises StateError."""
        if self._read(files.PEER) != identity:
            self._write(files.PEER, identity)

    def last_look(self) -> Look | None:
        """What the last closer look found; None if there was none since boot."""
        try:
            at, wrong, writers, alone, before, fit, off, late, known = self._read(files.LOOK).split(
                " ", 8
            )
            asked_at, served_at, wanted_at, wanted, blind, received = known.split(" ")
            return Look(
                at=self._moment(at),
                wrong=wrong == "1",
                two_writers=int(writers),
                alone=_THREE.get(alone),
                degraded_before=before == "1",
                fit_since=self._moment(fit),
                off_since=self._moment(off),
                late=_THREE.get(late),
                known=Known(
                    number(asked_at),
                    number(served_at),
                    number(wanted_at),
                    wanted,
                    blind == "1",
                    received,
                ),
            )
        except ValueError:
            return None

    def remember_look(self, look: Look) -> None:
        """Raises StateError."""
        known = look.known
        self._write(
            files.LOOK,
            f"{look.at:.3f} {look.wrong:d} {look.two_writers} {_word(look.alone)}"
            f" {look.degraded_before:d} {look.fit_since:.3f} {look.off_since:.3f}"
            f" {_word(look.late)} {known.asked_at:.3f} {known.served_at:.3f} {known.wanted_at:.3f}"
            f" {known.wanted} {known.blind:d} {known.received}",
        )

    def look_again(self) -> None:
        """Something is wrong that the last closer look did not find: the next check looks closer.
        Raises StateError."""
        last = self.last_look() or Look(0.0)
        if not last.wrong:
            self.remember_look(last._replace(wrong=True))

    def signs(self) -> Signs:
        """What may come to stalled writes, as the last closer look has seen it."""
        from kachecks.state.signs import parse

        return parse(self._read(files.SIGNS))

    def remember_signs(self, signs: Signs) -> None:
        """Raises StateError."""
        from kachecks.state.signs import as_text

        if signs.seen:
            self._write(files.SIGNS, as_text(signs))
        else:
            self._remove(files.SIGNS)

    def verdict_changed(self, verdict: str) -> LastVerdict | None:
        """Remember this verdict of the check; the last one where that was different."""
        path = self._path(files.VERDICT)
        last = self._files.read(path)
        if last == verdict:
            return None
        age = self._files.age(path)
        return LastVerdict(last, age) if self._files.is_news(path, verdict) else None

    def last_verdict(self) -> str:
        """The last verdict remembered, "" when there is none."""
        return self._read(files.VERDICT)

    def verdict_age(self) -> float:
        """Seconds since the verdict last changed, by the wall clock; 0 when there is none."""
        return self._files.age(self._path(files.VERDICT))

    def trouble_changed(self, why: str) -> bool:
        """Remember why the check could not close the server; True when the reason is new."""
        return self._files.is_news(self._path(files.TROUBLE), why)

    def forget_trouble(self) -> None:
        """The server is closed, so the next trouble is news again."""
        self._files.forget(self._path(files.TROUBLE))

    def refusal_changed(self, why: str) -> bool:
        """Remember why a promotion was refused; True when the reason is new, or was not met for
        ANOTHER_REFUSAL seconds: then it is another incident."""
        return self._files.is_news(self._path(files.REFUSAL), why, ANOTHER_REFUSAL)

    def forget_refusal(self) -> None:
        """A promotion has succeeded: the next refusal is news again."""
        self._files.forget(self._path(files.REFUSAL))


NO_PROCESS = Process(0, 0)
"""Stands for a server whose process is unknown: it is reached by TCP, or in another pid
namespace."""


def _process_in(note: str) -> Process | None:
    """The process that the first line of a note names; None where it is damaged, or there is
    none."""
    try:
        pid, started, *word = note.partition("\n")[0].split()
        process = Process(int(pid), int(started))
    except ValueError:
        return None
    damaged = word not in ([], ["contact"]) or not 0 <= process.pid <= MOST_PIDS
    return None if damaged else process
