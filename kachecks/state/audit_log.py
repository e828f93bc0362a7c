"""The audit log of one pair on this node: one JSON object per line, on a disk that may hang."""

from __future__ import annotations

import json
import os

from kachecks.children import LONGEST_TEXT, in_child
from kachecks.lean import shown, suppress
from kachecks.state.files import AUDIT_LOG, Disk, StateError, path_of
from kachecks.state.transition import Transition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PATIENCE = 0.3
"""Seconds for the disk; a healthy one needs a millisecond."""

TAIL = 256 << 10
"""Bytes read from the end of the log: a record with long GTID sets takes some thousands."""


APPEND_PATIENCE = 0.2
"""Seconds for a record to be written: a healthy disk needs one or two milliseconds, and on a dead
one nothing is worth waiting for."""


def append(disk: Disk, path: str, record: dict[str, object]) -> None:
    """Add a record, its texts in full and in ASCII: what a terminal would obey is escaped. Nothing
    is raised if it cannot be written, since syslog has it as well."""
    with suppress(StateError):
        disk.append(path, json.dumps(record), APPEND_PATIENCE)


class NoHistory(Exception):
    """The audit log cannot be read; one sentence."""


class History:
    """The audit log of one pair, to look at again and again."""

    def __init__(self, state_dir: str, name: str) -> None:
        self._path = path_of(state_dir, name, AUDIT_LOG)
        self._stuck = 0  # pid of the child that still hangs in the last look

    def last_transitions(self, count: int = 3) -> tuple[Transition, ...]:
        """The latest first; empty where there is no log yet. Lines that are no records are skipped.

        Raises:
            NoHistory: no permission, or a disk that does not answer.
        """
        if self._is_stuck():
            raise self._no_history("its disk still does not answer")
        try:
            text, pid, ended = in_child(lambda: _fitting(self._path, count), PATIENCE)
        except OSError as error:
            raise self._no_history(error.strerror) from None
        self._stuck = 0 if ended else pid
        if text is None:
            raise self._no_history(f"its disk has not answered in {PATIENCE:g} s")
        answer = json.loads(text)
        if isinstance(answer, str):
            raise self._no_history(answer)
        return tuple(Transition(*fields) for fields in answer)

    def _is_stuck(self) -> bool:
        """The child of the last look still hangs, so no second one is started beside it."""
        try:
            return bool(self._stuck) and os.waitpid(self._stuck, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            return False

    def _no_history(self, why: str | None) -> NoHistory:
        return NoHistory(f"{self._path} cannot be read: {why}")


def _fitting(path: str, count: int) -> str:
    """As JSON, with texts as long as fit into what `apart` carries; a string for an error."""
    try:
        found = _tail(path, count)
    except OSError as error:
        return json.dumps(error.strerror or str(error))
    for length in (1000, 300, 100, 30):
        text = json.dumps([_shortened(each, length) for each in found], ensure_ascii=False)
        if len(text.encode("utf-8", "replace")) < LONGEST_TEXT:
            return text
    return "[]"


def _tail(path: str, count: int) -> list[Transition]:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = file.read(TAIL).split(b"\n")
    except FileNotFoundError:
        return []
    found: list[Transition] = []
    for record in _records(reversed(lines)):
        found.append(_transition(record))
        if len(found) == count:
            break
    return found


def _records(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The lines that are whole records of transitions: the first line of the tail may be cut off,
    and a full disk leaves half a record in the middle."""
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("transition") and record.get("time"):
            yield record


def _transition(record: dict[str, Any]) -> Transition:
    def text(key: str) -> str:
        return str(record.get(key) or "")

    took = record.get("milliseconds")
    return Transition(
        time=text("time"),
        transition=text("transition"),
        outcome=text("outcome"),
        why=text("why"),
        cause=text("cause"),
        milliseconds=float(took) if isinstance(took, (int, float)) else None,
    )


def _shortened(transition: Transition, length: int) -> Transition:
    """Its texts, as people may see them."""
    return Transition(
        time=shown(transition.time, length),
        transition=shown(transition.transition, length),
        outcome=shown(transition.outcome, length),
        why=shown(transition.why, length),
        cause=shown(transition.cause, length),
        milliseconds=transition.milliseconds,
    )
