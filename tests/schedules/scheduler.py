"""Virtual time, and programs that take turns in it.

A program is a greenlet that runs real code of kachecks. Whatever it asks of the world is a point
where it may be stalled, killed or overtaken; between two points nothing else happens. Time passes
only when nobody has anything to do at this moment, so nothing sleeps, and one seed always gives
one schedule.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from greenlet import getcurrent, greenlet

CPU = 0.02
"""Seconds up to which a point is work of the CPU, here or in the server; longer ones are waits."""


class Killed(BaseException):
    """SIGKILL, or the end of the world: no handler in real code takes it for its own."""


class Scheduler:
    """What happens when, in order of time, and of being asked for where the time is the same."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)  # noqa: S311 - must be replayable, not secret
        self.stopped = False
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._end = 0.0
        self.hub = getcurrent()

    def at(self, when: float, act: Callable[..., None], *arguments: Any) -> None:
        """Call ``act`` at that time, not before now."""
        self._count += 1
        heappush(self._events, (max(when, self.now), self._count, act, arguments))

    def after(self, seconds: float, act: Callable[..., None], *arguments: Any) -> None:
        """Call ``act`` in so many seconds."""
        self._count += 1
        heappush(self._events, (self.now + seconds, self._count, act, arguments))

    def run(self, until: float) -> None:
        """Let time pass; ends early when ``stopped`` is set."""
        self._end = until
        events = self._events
        while events and not self.stopped:
            if events[0][0] > until:
                break
            self.now, _, act, arguments = heappop(events)
            act(*arguments)
        if not self.stopped:
            self.now = max(self.now, until)

    def pass_time(self, seconds: float) -> bool:
        """Without a switch, where nothing else is to happen meanwhile; False where there is."""
        target = self.now + seconds
        if target > self._end or (self._events and self._events[0][0] <= target):
            return False
        self.now = target
        return True


class Program:
    """One running process of ours."""

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        body: Callable[[Program], object],
        ended: Callable[[Program], None],
    ) -> None:
        """``body`` runs from ``start`` on; ``ended`` is called however it comes to its end."""
        self.scheduler = scheduler
        self.name = name
        self.result: object = None
        self.killed = False
        self.status: int | None = None  # with which it has ended itself, whatever was under way
        self.done = False
        self.begun = scheduler.now
        self.stalled = 0.0  # seconds in all
        self.points = 0
        self.trouble_at = 0  # at this point ...
        self.stall = 0.0  # ... it stands still for so long; 0: it is killed, or ...
        self.trouble: Callable[[], None] | None = None  # ... this happens to the world
        self.slow = 1.0  # so many times as long as on a quiet host takes what needs its CPU
        self.looked_at_vip = -100.0  # and how long it had been stalled then
        self.stalled_then = 0.0
        self.frozen_once = False
        self.frozen = False
        self._missed = False
        self._ticket = 0
        self._woken = False
        self._body, self._ended = body, ended
        self._greenlet: greenlet | None = greenlet(self._run, parent=scheduler.hub)

    def _run(self) -> None:
        try:
            self.result = self._body(self)
        except Killed:
            self.killed, self.result = self.status is None, self.status
        finally:
            self.done = True
            self._ended(self)

    # --- from outside ---

    def start(self) -> None:
        """Begin or go on; an event."""
        self._resume(self._ticket)

    def kill(self) -> None:
        """SIGKILL, from an event: it does nothing more. Its own handlers are played, in vain."""
        if self.done:
            return
        self.killed = True
        if self._greenlet is None or not self._greenlet:
            self.done = True
            self._ended(self)
            return
        self._greenlet.throw(Killed())

    def exit(self, status: int) -> None:
        """_exit(2), from an event: as a kill, but with that status."""
        if not self.done:
            self.status = status
            self.kill()

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = self.frozen_once = True

    def thaw(self) -> None:
        """SIGCONT."""
        self.frozen = False
        if self._missed:
            self._missed = False
            self.scheduler.after(0.0, self._resume, self._ticket)

    def wake(self, ticket: int) -> None:
        """End a wait, if it still lasts."""
        if ticket == self._ticket and not self.done:
            self._ticket += 1
            self._woken = True
            self.scheduler.after(0.0, self._resume, self._ticket)

    def _resume(self, ticket: int) -> None:
        if ticket != self._ticket or self.done or self._greenlet is None:
            return
        if self.frozen:
            self._missed = True
            return
        self._ticket += 1
        self._greenlet.switch()

    # --- from within ---

    def point(self, seconds: float) -> None:
        """So much time passes for this program, and anything may happen to it."""
        if self.killed:
            raise Killed
        self.points += 1
        if self.slow != 1.0 and seconds < CPU:
            seconds *= self.slow
        if self.points == self.trouble_at:
            if self.trouble is not None:
                self.scheduler.after(0.0, self.trouble)
            elif self.stall:
                self.stalled += self.stall
                seconds += self.stall
            else:
                self.killed = True
                raise Killed
        if self.scheduler.pass_time(seconds):
            return
        self.scheduler.after(seconds, self._resume, self._ticket)
        self.scheduler.hub.switch()
        if self.killed:
            raise Killed

    def ticket(self) -> int:
        """For somebody who is to end the next wait."""
        return self._ticket

    def wait(self, seconds: float) -> bool:
        """True when woken, False after ``seconds``."""
        if self.killed:
            raise Killed
        self._woken = False
        self.scheduler.after(seconds, self._resume, self._ticket)
        self.scheduler.hub.switch()
        if self.killed:
            raise Killed
        return self._woken
