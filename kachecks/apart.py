"""Work that touches a disk, done in a child that nobody waits for longer than a moment.

A read or write on a dead disk cannot be ended, not even by SIGKILL: whoever waits for it hangs
with it. Neither a check nor a hook may.
"""

from __future__ import annotations

import os
import select
import time

from kachecks.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TEXT = 4000
"""Bytes; less than a pipe holds, so that the child never waits for its reader."""


class Answer(NamedTuple):
    """What came back."""

    text: str | None  # None: the work has not ended in time, or failed
    pid: int  # of the child
    ended: bool


def apart(work: Callable[[], str], patience: float) -> Answer:
    """Run ``work`` in a child and wait ``patience`` seconds at most for its text.

    Nothing that goes wrong in the child is raised here. Raises OSError: no child can be made.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # All others are the parent's: held here, a lock or a pipe would outlive it.
            os.closerange(0, writer)
            os.closerange(writer + 1, 1024)
            os.write(writer, b"." + work().encode("utf-8", "replace")[:LONGEST_TEXT])
        except BaseException:  # noqa: BLE001, S110 - nothing may escape from this child
            pass
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return _wait_for(child, reader, time.monotonic() + patience)
    finally:
        os.close(reader)


def _wait_for(child: int, reader: int, until: float) -> Answer:
    said = b""
    while select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        more = os.read(reader, LONGEST_TEXT + 1)
        if not more:  # the pipe ends when the child does
            os.waitpid(child, 0)
            text = said[1:].decode("utf-8", "replace") if said else None
            return Answer(text, child, ended=True)
        said += more
    return Answer(None, child, ended=False)
