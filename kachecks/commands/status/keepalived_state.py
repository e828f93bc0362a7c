"""Asks keepalived for its state only when that may have changed.

Each answer costs a line in keepalived's log ("Printing VRRP as json for process ... on signal",
2.2.7), so that ``status --watch``, left running for a week, would write 600,000 of them.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import NoReturn

from kachecks.keepalived import ask_state
from kachecks.keepalived.process import Keepalived, KeepalivedError, NotFound, find
from kachecks.keepalived.vrrp_state import Vrrp
from kachecks.network import interfaces
from kachecks.node import Node

SETTLES = 3.0
"""Seconds after a change for which it is asked at each look: keepalived acts on a check when that
has ended, on two of them (``rise``) where it was in FAULT."""


def must_run() -> NoReturn:
    """In place of a question, for monitoring: by the clock, each time by a new process.

    Raises:
        NotFound: no keepalived is running.
        KeepalivedError: one is, and is not asked; or what was found is not certainly ours.
    """
    if find() is None:
        raise NotFound("no keepalived is running here")
    raise KeepalivedError("not asked, as each answer is a line in keepalived's log")


class KeepalivedState:
    """The state of this node's keepalived, asked for again and again."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._found: Keepalived | None = None
        self._signs: tuple[object, ...] = ()
        self._changed = 0.0
        self._answer: Vrrp | KeepalivedError | None = None

    def ask(self) -> Vrrp:
        """The state as keepalived has told it, now or when something last changed.

        Raises KeepalivedError: as in ask_state.
        """
        now, signs = time.monotonic(), self._signs_now()
        if signs != self._signs:
            self._signs, self._changed = signs, now
        if self._answer is None or now - self._changed < SETTLES:
            self._answer = self._asked()
        if isinstance(self._answer, KeepalivedError):
            raise self._answer
        return self._answer

    def _asked(self) -> Vrrp | KeepalivedError:
        try:
            return ask_state.ask_keepalived(self._node.config.vips)
        except KeepalivedError as error:
            return error

    def _signs_now(self) -> tuple[object, ...]:
        """What keepalived's state hangs on, or shows in, without asking it."""
        node = self._node
        if self._found is None or not self._found.process.is_running():
            self._found = None
            with suppress(KeepalivedError):
                self._found = find()
        process = None if self._found is None else self._found.process
        return (
            process,
            node.network.vip_here(),
            node.marks.last_verdict(),
            node.marks.read_permit(),
            self._carrier(),
        )

    def _carrier(self) -> str:
        """Whether the link is up, as the kernel has it; "" where that cannot be told."""
        config = self._node.config
        with suppress(OSError):
            interface = config.interface or interfaces.towards(config.peer)
            with open(f"/sys/class/net/{interface}/operstate", encoding="ascii") as file:
                return file.read()
        return ""
