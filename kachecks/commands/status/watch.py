"""``kachecks status --watch``: the screen once a second, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from kachecks.commands.status import terminal

Looked = TypeVar("Looked")


def watch(
    look: Callable[[], Looked],
    draw: Callable[[Looked, terminal.Window, terminal.Painter], list[str]],
    seconds: float,
) -> None:
    """Look and draw every so many seconds; draw at once when the window changes its size.

    Returns when told to end, or when nobody reads what is drawn.
    """
    paint = terminal.painter(sys.stdout)
    with _Bell() as bell, terminal.Screen(terminal.has_cursor(sys.stdout)) as screen:
        while not bell.over:
            begun = time.monotonic()
            seen = look()
            while not bell.over:
                window = terminal.window()
                try:
                    screen.draw(draw(seen, window, paint), window.height)
                except OSError:
                    return
                if not bell.rings_within(begun + seconds - time.monotonic()):
                    break


class _Bell:
    """Waits for signals. Their handler does nothing but ring this bell."""

    _ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

    def __init__(self) -> None:
        self.over = False
        self._before = {}
        for number in (*self._ENDS, signal.SIGWINCH):
            self._before[number] = signal.signal(number, self._ring)
        self._ear, self._clapper = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._clapper, False)
        signal.set_wakeup_fd(self._clapper, warn_on_full_buffer=False)

    def __enter__(self) -> _Bell:
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._ear)
        os.close(self._clapper)

    def rings_within(self, seconds: float) -> bool:
        """A signal has come by then, or since the last time this was asked."""
        heard = select.select([self._ear], [], [], max(seconds, 0.0))[0]
        if heard:
            os.read(self._ear, 1000)
        return bool(heard)

    def _ring(self, number: int, _frame: FrameType | None) -> None:
        self.over = self.over or number in self._ENDS
