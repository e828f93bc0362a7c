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
    from kachecks.bounded import Clock

LEAVING_IS_FRESH = 2.0
"""Seconds for which a leaving mark holds after it was last written. That is longer than keepalived
needs to remove the VIP, and short enough that a killed notify_down does not keep the node
closed."""


class GaveWay(NamedTuple):
    """This node has given the VIP away, or refused it."""

    at: float
    why: str


class Look(NamedTuple):
    """What the last closer look found: at the peer, at the disks, at writes that hang."""

    at: float
    wrong: bool = False  # it found something: the next check looks again, not after peer_check s
    two_writers: int = 0  # looks in a row that found both nodes open
    alone: bool | None = None  # the alone mark is set; None: unknown (perhaps from before boot)
    degraded_before: bool = False  # the disk was already in trouble before this node was open
    fit_since: float = 0.0  # since then every look has found the peer fit; 0: the last one did not
    wanted_at: float = 0.0  # when the open peer was asked for ...
    wanted: str = ""  # ... its GTIDs, which no later look has found complete on this standby


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
        try:
            pid, started, *word = self._read(kind).split()
            if word not in ([], ["contact"]):
                return None
            return Process(int(pid), int(started))
        except ValueError:
            return None

    def _write_process(self, kind: str, process: Process) -> None:
        if self._read_process(kind) != process:
            self._write(kind, f"{process.pid} {process.started}")

    # --- which mysqld ---

    def open_mark(self) -> Process | None:
        """The mysqld that a promotion has opened, or a check has seen open, and that was not closed
        since."""
        return self._read_process(files.OPEN)

    def mark_open(self, process: Process | None) -> None:
        """Set the open mark; without a process nothing happens. Raises StateError."""
        if process is not None:
            self._write_process(files.OPEN, process)

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

    def last_server(self) -> Process | None:
        """The mysqld of the last good check."""
        return self._read_process(files.MYSQLD)

    def remember_server(self, process: Process | None, contact: bool = False) -> bool:
        """Remember the mysqld of a good check and, with ``contact``, that it was up to date with
        the peer.

        True when this is its first contact. Raises StateError.
        """
        known = process if process is not None else NO_PROCESS
        text = f"{known.pid} {known.started}"
        before = self._read(files.MYSQLD)
        if contact and before != f"{text} contact":
            self._write(files.MYSQLD, f"{text} contact")
            return True
        if not before.startswith(text) and process is not None:
            self._write(files.MYSQLD, text)
        return False

    def had_contact(self, process: Process | None) -> bool:
        """This mysqld has been seen up to date with the peer since it started.

        Where the kernel cannot tell which process it is, contact of any mysqld since boot counts.
        """
        known = process if process is not None else NO_PROCESS
        return self._read(files.MYSQLD) == f"{known.pid} {known.started} contact"

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
        return noted is not None and noted == process

    # --- who may hold the VIP ---

    def gave_way(self) -> GaveWay | None:
        """When and why this node gave way, None if it did not."""
        at, _, why = self._read(files.GAVE_WAY).partition(" ")
        try:
            return GaveWay(float(at), why)
        except ValueError:
            return None

    def mark_gave_way(self, why: str) -> None:
        """From now on this node is unfit, until the check finds that it may return.

        Raises StateError.
        """
        self._write(files.GAVE_WAY, f"{self._clock.now():.3f} {why}")

    def unmark_gave_way(self) -> None:
        """This node may hold the VIP again. Raises StateError."""
        self._remove(files.GAVE_WAY)

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
            age = self._clock.now() - float(self._read(kind))
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

    # --- what was seen last ---

    def last_look(self) -> Look | None:
        """What the last closer look found; None if there was none since boot."""
        try:
            at, wrong, writers, alone, before, fit, wanted_at, wanted = self._read(
                files.LOOK
            ).split(" ", 7)
            return Look(
                at=float(at),
                wrong=wrong == "1",
                two_writers=int(writers),
                alone={"yes": True, "no": False}.get(alone),
                degraded_before=before == "1",
                fit_since=float(fit),
                wanted_at=float(wanted_at),
                wanted=wanted,
            )
        except ValueError:
            return None

    def remember_look(self, look: Look) -> None:
        """Raises StateError."""
        alone = {True: "yes", False: "no", None: "unknown"}[look.alone]
        self._write(
            files.LOOK,
            f"{look.at:.3f} {look.wrong:d} {look.two_writers} {alone} {look.degraded_before:d}"
            f" {look.fit_since:.3f} {look.wanted_at:.3f} {look.wanted}",
        )

    def verdict_changed(self, verdict: str) -> bool:
        """Remember this verdict of the check; True when the last one was different."""
        return self._files.is_news(self._path(files.VERDICT), verdict)

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
        """Remember why a promotion was refused; True when the reason is new."""
        return self._files.is_news(self._path(files.REFUSAL), why)

    def forget_refusal(self) -> None:
        """A promotion has succeeded: the next refusal is news again."""
        self._files.forget(self._path(files.REFUSAL))


NO_PROCESS = Process(0, 0)
"""Stands for a server whose process is unknown: it is reached by TCP, or in another pid
namespace."""
