"""What one run tells the next: the marks of a pair in its run directory.

/run is a tmpfs, so marks do not survive a reboot; their times are of CLOCK_BOOTTIME, which also
counts while the machine sleeps. Each is a small file that is replaced at once. Whatever can be
seen in the world (the VIP, read_only, a lock) is looked at there and has no mark.
"""

from __future__ import annotations

import time

from kachecks.lean import NamedTuple
from kachecks.mysqld_process import Process
from kachecks.state import files

LEAVING_IS_FRESH = 2.0
"""Seconds after its last writing for which a leaving mark holds: longer than keepalived needs to
remove the VIP, short enough that a killed notify_down does not keep the node closed."""

NO_MAINTENANCE = "none"
"""What the maintenance mark says where there is none: an empty one would be looked for on the disk
again (maintenance_mark)."""


class GaveWay(NamedTuple):
    """This node has given the VIP away, or refused it."""

    at: float
    why: str


class Look(NamedTuple):
    """The last closer look: at the peer, the disks, writes that hang."""

    at: float
    wrong: bool = False  # something was: look again at the next check, not in peer_check seconds
    two_writers: int = 0  # looks in a row that found both nodes open
    alone: bool | None = None  # the alone mark is set; None: not known, it may be from before boot
    degraded_before: bool = False  # the disk was already in trouble before this node was open
    fit_since: float = 0.0  # the peer has been found fit at each look since then; 0: it was not
    wanted_at: float = 0.0  # at this time the open peer had ...
    wanted: str = ""  # ... GTIDs that this standby has not been seen to have since


class Marks:
    """The marks of one pair on one node."""

    def __init__(self, run_dir: str, name: str) -> None:
        base = f"{run_dir}/{name}"
        self._open_mark = f"{base}.open"
        self._told = f"{base}.opened"
        self._server_mark = f"{base}.mysqld"
        self._gave_way = f"{base}.gave_way"
        self._leaving = f"{base}.leaving"
        self._permit = f"{base}.permit"
        self._look = f"{base}.look"
        self._verdict = f"{base}.verdict"
        self._trouble = f"{base}.trouble"
        self._refusal = f"{base}.refusal"
        self._events_note = f"{base}.events"

    def now(self) -> float:
        """Seconds since boot, sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    # --- which mysqld ---

    def open_mark(self) -> Process | None:
        """The mysqld that a promotion has opened or a check has seen open; not yet closed again."""
        return files.read_process(self._open_mark)

    def mark_open(self, process: Process | None) -> None:
        """Set the open mark (nothing happens without a process). Raises state.StateError."""
        if process is not None:
            files.write_process(self._open_mark, process)

    def unmark_open(self) -> None:
        """Remove it: the server was read back as closed, or is dead."""
        files.remove(self._open_mark)
        files.remove(self._told)

    def opening_told(self) -> bool:
        """The audit log tells of the opening of the mysqld that carries the open mark."""
        return files.read_text(self._told) == files.read_text(self._open_mark)

    def note_opening_told(self) -> None:
        """It does now. Raises state.StateError."""
        files.write_text(self._told, files.read_text(self._open_mark))

    def last_server(self) -> Process | None:
        """The mysqld of the last good check."""
        return files.read_process(self._server_mark)

    def remember_server(self, process: Process | None, contact: bool = False) -> bool:
        """Remember the mysqld of a good check, and that it has been in contact with the peer.

        True when this is its first contact. Raises state.StateError.
        """
        known = process if process is not None else NO_PROCESS
        text = f"{known.pid} {known.started}"
        before = files.read_text(self._server_mark)
        if contact and before != f"{text} contact":
            files.write_text(self._server_mark, f"{text} contact")
            return True
        if not before.startswith(text) and process is not None:
            files.write_text(self._server_mark, text)
        return False

    def had_contact(self, process: Process | None) -> bool:
        """This mysqld has been seen up to date with the peer since it started.

        Where the kernel cannot tell which process it is: any mysqld since this host started.
        """
        known = process if process is not None else NO_PROCESS
        return files.read_text(self._server_mark) == f"{known.pid} {known.started} contact"

    def note_events_off(self, process: Process | None) -> None:
        """A demotion of this mysqld has switched its event scheduler off."""
        if process is not None:
            files.write_process(self._events_note, process)

    def take_events_note(self, process: Process | None) -> bool:
        """True once if a demotion has switched the event scheduler of this mysqld off."""
        noted = files.read_process(self._events_note)
        if noted is not None:
            files.remove(self._events_note)
        return noted is not None and noted == process

    # --- who may hold the VIP ---

    def gave_way(self) -> GaveWay | None:
        """When and why this node gave way, None if it did not."""
        at, _, why = files.read_text(self._gave_way).partition(" ")
        try:
            return GaveWay(float(at), why)
        except ValueError:
            return None

    def mark_gave_way(self, why: str) -> None:
        """From now on this node is unfit, until the check finds that it may return.

        Raises state.StateError.
        """
        files.write_text(self._gave_way, f"{self.now():.3f} {why}")

    def unmark_gave_way(self) -> None:
        """It may hold the VIP again. Raises state.StateError."""
        files.remove(self._gave_way)

    def mark_leaving(self) -> None:
        """This node is closed in order to leave: nothing may open it. Raises state.StateError."""
        files.write_text(self._leaving, f"{self.now():.3f}")

    def unmark_leaving(self) -> None:
        """It does not leave after all."""
        files.forget(self._leaving)

    def is_leaving(self) -> bool:
        """The mark was written a moment ago."""
        try:
            age = self.now() - float(files.read_text(self._leaving))
        except ValueError:
            return False
        return age < LEAVING_IS_FRESH

    def withdraw_permit(self) -> None:
        """keepalived lets go of the VIP within 10 ms. Raises state.StateError."""
        files.write_text(self._permit, "0\n")

    def grant_permit(self) -> None:
        """keepalived may hold the VIP, if the check agrees. Raises state.StateError."""
        if files.read_text(self._permit).strip() != "1":
            files.write_text(self._permit, "1\n")

    def read_permit(self) -> bool | None:
        """What keepalived reads; None: there is no permit file."""
        text = files.read_text(self._permit).strip()
        return text == "1" if text else None

    # --- what was seen last ---

    def last_look(self) -> Look | None:
        """The last closer look, None if there was none since boot."""
        try:
            at, wrong, writers, alone, before, fit, wanted_at, wanted = files.read_text(
                self._look
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
        """Raises state.StateError."""
        alone = {True: "yes", False: "no", None: "unknown"}[look.alone]
        files.write_text(
            self._look,
            f"{look.at:.3f} {look.wrong:d} {look.two_writers} {alone} {look.degraded_before:d}"
            f" {look.fit_since:.3f} {look.wanted_at:.3f} {look.wanted}",
        )

    def verdict_changed(self, verdict: str) -> bool:
        """Remember this verdict of the check; True when the last one was another."""
        return files.is_news(self._verdict, verdict)

    def last_verdict(self) -> str:
        """The last verdict remembered, "" when there is none."""
        return files.read_text(self._verdict)

    def verdict_age(self) -> float:
        """Seconds since it was another one, by the wall clock; 0 when there is none."""
        return files.age(self._verdict)

    def trouble_changed(self, why: str) -> bool:
        """Remember why the check could not close the server; True when it was not that before."""
        return files.is_news(self._trouble, why)

    def forget_trouble(self) -> None:
        """There is none now: the next one is news again."""
        files.forget(self._trouble)

    def refusal_changed(self, why: str) -> bool:
        """Remember why a promotion was refused; True when the last one was not refused for that."""
        return files.is_news(self._refusal, why)

    def forget_refusal(self) -> None:
        """A promotion has succeeded: the next refusal is news again."""
        files.forget(self._refusal)


NO_PROCESS = Process(0, 0)
"""The server is reached by TCP, or runs in another pid namespace."""
