"""The maintenance mark: an operator keeps this node out of the election until a time of day.

It survives a reboot, so it lies in state_dir and carries wall-clock time. A check must never wait
for that disk, so it reads a copy in run_dir, which is made anew after each boot.
"""

from __future__ import annotations

import os
import time

from kachecks.lean import NamedTuple, suppress
from kachecks.state import files
from kachecks.state.marks import NO_MAINTENANCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.2
"""Seconds for the disk of state_dir, once after each boot; a healthy one needs a millisecond."""

WRITE_PATIENCE = 1.0
"""Seconds for the same disk to keep a mark."""


class Maintenance(NamedTuple):
    """One maintenance, as the operator has declared it."""

    since: float  # s since the epoch
    until: float  # s since the epoch
    owner: str
    reason: str

    @property
    def sentence(self) -> str:
        """Who, why and how long, for people; the time is this host's local time."""
        until = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(self.until))
        return f"maintenance until {until} by {self.owner}: {self.reason}"


def current(run_dir: str, state_dir: str, name: str, keep_copy: bool) -> Maintenance | None:
    """The maintenance in force at this moment, None if there is none.

    A disk that hangs counts as none, and is asked again by the next check.

    Args:
        keep_copy: make the copy in run_dir where there is none.
    """
    copy = path_in(run_dir, name)
    text = files.read_text(copy)
    if not text:
        text = _from_disk(state_dir, name)
        if text and keep_copy:
            with suppress(files.StateError):  # the disk is asked again then
                files.write_text(copy, text)
    mark = _parsed(text)
    return mark if mark is not None and time.time() < mark.until else None


def declare(run_dir: str, state_dir: str, name: str, mark: Maintenance) -> None:
    """From now on it is in force. Raises state.StateError: it could not be kept."""
    _keep(run_dir, state_dir, name, _text(mark))


def end(run_dir: str, state_dir: str, name: str) -> None:
    """There is none any more. Raises state.StateError: it could not be kept."""
    _keep(run_dir, state_dir, name, NO_MAINTENANCE)


def _keep(run_dir: str, state_dir: str, name: str, text: str) -> None:
    """On the disk first: what a reboot would forget must not look as if it held."""
    path = path_in(state_dir, name)
    said = _apart(lambda: _write(path, text), WRITE_PATIENCE)
    if said != "kept":
        late = f"the disk has not answered within {WRITE_PATIENCE:g} s, and may still keep it"
        why = f"{said}; nothing is changed" if said else f"{late}: kachecks maintenance off"
        raise files.StateError(f"cannot write {path}: {why}")
    files.write_text(path_in(run_dir, name), text)


def _write(path: str, text: str) -> str:
    try:
        files.write_text(path, text)
    except files.StateError as error:
        return str(error)
    files.make_durable(path)
    files.make_durable(os.path.dirname(path))
    return "kept"


def _from_disk(state_dir: str, name: str) -> str:
    """The mark on the disk, NO_MAINTENANCE without such a file, "" where the disk cannot tell."""
    path = path_in(state_dir, name)

    def read() -> str:
        text = files.read_text(path)
        return text if text or os.path.lexists(path) else NO_MAINTENANCE

    return _apart(read, PATIENCE)


def _apart(work: Callable[[], str], patience: float) -> str:
    from kachecks.bounded import apart

    try:
        return apart(work, patience).text or ""
    except OSError:  # no child can be made
        return ""


def _text(mark: Maintenance) -> str:
    return f"{int(mark.since)} {int(mark.until)} {mark.owner} {mark.reason}"


def _parsed(text: str) -> Maintenance | None:
    """None for NO_MAINTENANCE, and for a damaged file: one that nobody can read holds nobody up."""
    try:
        since, until, owner, reason = text.split(" ", 3)
        return Maintenance(float(since), float(until), owner, reason)
    except ValueError:
        return None


def path_in(directory: str, name: str) -> str:
    """The mark's file in run_dir or state_dir."""
    return f"{directory}/{name}.maintenance"
