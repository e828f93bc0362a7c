"""The maintenance mark: declared, ended and read.

It lies in state_dir, on a disk, since it must survive a reboot. A disk may hang, so it is read by a
child process that is given up after PATIENCE. A copy in run_dir, a tmpfs, spares every further
check the disk: it says the same, or NO_MAINTENANCE. It is made at the first check after a boot, and
whenever a maintenance is declared or ended.
"""

from __future__ import annotations

import time

from kachecks.lean import suppress
from kachecks.state.files import (
    MAINTENANCE,
    NO_MAINTENANCE,
    Disk,
    Files,
    Late,
    StateError,
    path_of,
)
from kachecks.state.maintenance import Maintenance

PATIENCE = 0.2
"""Seconds to read from the disk of state_dir, once after each boot; a healthy disk needs a
millisecond."""

WRITE_PATIENCE = 1.0
"""Seconds to write to the same disk."""


def in_local_time(since: float, until: float, owner: str, reason: str) -> Maintenance:
    """The value; it tells its end also in this host's local time. ``since`` and ``until`` are s
    since the epoch."""
    said = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(until))
    return Maintenance(since, until, said, owner, reason)


class MaintenanceMark:
    """The mark of one pair on this node."""

    def __init__(self, directories: tuple[str, str], name: str, files: Files, disk: Disk) -> None:
        """
        Args:
            directories: run_dir and state_dir.
        """
        run_dir, state_dir = directories
        self._copy = path_of(run_dir, name, MAINTENANCE)
        self._path = path_of(state_dir, name, MAINTENANCE)
        self._files = files
        self._disk = disk

    def current(self, keep_copy: bool = False) -> Maintenance | None:
        """The maintenance in force at this moment, None if there is none.

        A disk that hangs counts as none, and is asked again by the next check. So does a mark that
        is damaged: what nobody can read must not keep a node out.

        Args:
            keep_copy: make the copy in run_dir where there is none.
        """
        with suppress(StateError):
            return self.certain(keep_copy)
        return None

    def certain(self, keep_copy: bool = False) -> Maintenance | None:
        """The same. Raises StateError, Late: the mark cannot be read, or is damaged."""
        path, text = self._copy, self._files.read(self._copy)
        if not text:
            path, text = self._path, self._disk.read(self._path, PATIENCE) or NO_MAINTENANCE
            if keep_copy:
                with suppress(StateError):  # the disk is asked again then
                    self._files.write(self._copy, text)
        if text == NO_MAINTENANCE:
            return None
        mark = _parsed(text)
        if mark is None:
            raise StateError(
                f"{path} is damaged, so the checks take it for none: kachecks maintenance on or off"
                " writes it anew"
            )
        return mark if time.time() < mark.until else None

    def declare(self, mark: Maintenance) -> None:
        """Put it in force. Raises StateError: it could not be written."""
        self._keep(_text(mark))

    def end(self) -> None:
        """End it. Raises StateError: that could not be written."""
        self._keep(NO_MAINTENANCE)

    def _keep(self, text: str) -> None:
        """Write the disk first: a mark that a reboot would forget must not look as if it were in
        force."""
        try:
            self._disk.write(self._path, text, WRITE_PATIENCE)
        except Late as error:
            raise Late(f"{error}, and may still keep it: kachecks maintenance off") from None
        except StateError as error:
            raise StateError(f"{error}; nothing is changed") from None
        self._files.write(self._copy, text)


def _text(mark: Maintenance) -> str:
    return f"{int(mark.since)} {int(mark.until)} {mark.owner} {mark.reason}"


def _parsed(text: str) -> Maintenance | None:
    """None for a damaged file."""
    try:
        since, until, owner, reason = text.split(" ", 3)
        return in_local_time(float(since), float(until), owner, reason)
    except (ValueError, OverflowError, OSError):  # also a time that no clock can show
        return None
