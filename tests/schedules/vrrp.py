"""keepalived of one node: VRRP, its checks, its hooks, as keepalived 2.2 to 2.4 do it.

From its sources and from experiments: the VIP is removed first and the hook started then, hooks
are not waited for, a check that is killed has failed, one success is enough at the start and two
after a failure, nopreempt, and of two masters the one with the lower priority yields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kachecks.state.files import PERMIT
from kachecks.state.marks import LEAVING_IS_FRESH
from tests.schedules import programs

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program

STOPPED, FAULT, BACKUP, MASTER = "STOPPED", "FAULT", "BACKUP", "MASTER"
RISE = 2
CHECK_TIMEOUT = 10.0
STOP_PATIENCE = 1.0
"""Seconds that keepalived gives notify_stop and everything else before it ends."""


class Keepalived:
    """One VRRP instance."""

    def __init__(self, node: Node, priority: int, advert_int: float) -> None:
        self.node, self.priority = node, priority
        self.scheduler = node.scheduler
        self.state = STOPPED
        self.set_advert_int(advert_int)
        self.hooks: list[Program] = []
        self.check: Program | None = None
        self.life = 0  # another number after each start and stop: old events die
        self._timer = 0
        self._good = False
        self._successes = 0
        self._check_begun = 0.0
        self.deferred: list[tuple[object, tuple[object, ...]]] = []

    def set_advert_int(self, seconds: float) -> None:
        """Between two adverts. VRRP version 3 below a second, where the skew shrinks with it."""
        self.advert_int = seconds
        self.skew = (256 - self.priority) / 256 * min(1.0, seconds)

    @property
    def running(self) -> bool:
        return self.state != STOPPED

    # --- start and end ---

    def start(self) -> None:
        """As a service: a VIP that was left is removed; nothing is held before the first check."""
        if self.running or not self.node.powered:
            return
        self.life += 1
        self.node.say("keepalived starts")
        self.node.remove_vip()
        self.state = FAULT
        self._good, self._successes = False, RISE - 1
        if not self.node.mark(PERMIT):
            self.node.set_mark(PERMIT, "1\n")
        self._after(0.01, self._begin_check)

    def join(self, state: str) -> None:
        """As if it had been in that state for a while."""
        random = self.scheduler.random.random
        self.life += 1
        self.state, self._good, self._successes = state, True, RISE
        self._timer += 1
        if state == MASTER:
            self._after(self.advert_int * random(), self._send, self._timer)
        else:
            self._wait_for_master(3 * self.advert_int + self.skew)
        self._after(random(), self._begin_check)

    def stop(self) -> None:
        """SIGTERM."""
        if not self.running:
            return
        self.node.say("keepalived stops")
        was_master = self.state == MASTER
        self._end_life()
        if was_master:
            self.node.world.send_advert(self.node, 0)
        self.node.remove_vip()
        last = self._hook("notify_stop", programs.notify_stop, quick=True)
        for hook in self.hooks:
            self.scheduler.after(STOP_PATIENCE, self._kill_hook, hook)
        self.scheduler.after(STOP_PATIENCE, self._kill_hook, last)

    def die(self) -> None:
        """SIGKILL to all its processes: the VIP stays, its scripts get SIGTERM."""
        if not self.running:
            return
        self.node.say("keepalived is killed")
        self._end_life()
        for hook in self.hooks:
            self.scheduler.after(0.0, self._kill_hook, hook)

    def reload(self) -> None:
        """Running checks are killed, without a result."""
        if self.running and self.check is not None:
            self.node.say("keepalived reloads")
            check, self.check = self.check, None
            self.node.hindered()
            check.kill()
            self._after(0.05, self._begin_check)

    def power_off(self) -> None:
        """Gone with its host, and so are its children."""
        self.deferred = []
        self._end_life()

    def _end_life(self) -> None:
        self.life += 1
        self.state = STOPPED
        self.node.hindered()
        check, self.check = self.check, None
        if check is not None:
            self.scheduler.after(0.0, check.kill)

    def _kill_hook(self, hook: Program) -> None:
        if not hook.done:
            self.node.say("killed", hook)
            hook.kill()

    # --- events of a living keepalived, held up while it is stopped ---

    def _after(self, seconds: float, act, *arguments) -> None:  # type: ignore[no-untyped-def]
        self.scheduler.after(seconds, self._event, self.life, act, arguments)

    def _event(self, life: int, act, arguments) -> None:  # type: ignore[no-untyped-def]
        if life != self.life:
            return
        if self.node.paused:
            self.deferred.append((act, arguments))
        else:
            act(*arguments)

    def thaw(self) -> None:
        deferred, self.deferred = self.deferred, []
        for act, arguments in deferred:
            self._after(0.0, act, *arguments)

    # --- checks ---

    def _begin_check(self) -> None:
        self._check_begun = self.scheduler.now
        delay = 0.02 + 0.03 * self.scheduler.random.random()
        self.check = self.node.spawn("check", programs.check, delay, self._check_ended)
        self._after(CHECK_TIMEOUT, self._check_too_long, self.check)

    def _check_too_long(self, check: Program) -> None:
        if self.check is check and not check.done:
            check.kill()

    def _check_ended(self, check: Program) -> None:
        if self.check is not check:
            return
        self.check = None
        failed = check.killed or check.result != 0
        self._after(0.0, self._judged, failed, check)
        next_start = max(self._check_begun + 1.0, self.scheduler.now)
        self._after(next_start - self.scheduler.now, self._begin_check)

    def _judged(self, failed: bool, check: Program) -> None:
        if failed:
            self._successes = 0
            self._good = False
            if self.state == MASTER and not check.killed:
                why = "its check has failed"
                stalled = LEAVING_IS_FRESH if check.frozen_once else check.stalled
                self.node.world.watch.releases(self.node, why, stalled)
        else:
            self._successes += 1
            if self._successes >= RISE:
                self._good = True
        self.consider()

    def consider(self) -> None:
        """The check, the permit or the carrier has changed."""
        if not self.running or self.node.paused:
            return
        cuts = self.node.world.links.cuts[self.node.index]
        fit = self._good and self.node.permit_granted and cuts.carrier
        if not fit and self.state != FAULT:
            was_master = self.state == MASTER
            if was_master and not self.node.permit_granted:
                self.node.world.watch.releases(self.node, "without a permit")
            self._enter(FAULT)
            if was_master:
                self.node.world.send_advert(self.node, 0)
                self.node.remove_vip()
            self._hook("notify_fault", programs.notify_backup)
        elif fit and self.state == FAULT:
            self._enter(BACKUP)
            self._hook("notify_backup", programs.notify_backup)
            self._wait_for_master(3 * self.advert_int + self.skew)

    # --- VRRP ---

    def _enter(self, state: str) -> None:
        self.state = state
        self._timer += 1
        self.node.say(f"keepalived: {state}")
        self.node.world.watch.duties.moved(f"{self.node.name} becomes {state}")

    def _wait_for_master(self, seconds: float) -> None:
        self._timer += 1
        self._after(seconds, self._master_is_down, self._timer)

    def _master_is_down(self, timer: int) -> None:
        if timer != self._timer or self.state != BACKUP:
            return
        self._enter(MASTER)
        self._send(self._timer)
        self.node.add_vip()
        self._hook("notify_master", programs.notify_master)

    def _send(self, timer: int) -> None:
        if timer != self._timer or self.state != MASTER:
            return
        self.node.world.send_advert(self.node, self.priority)
        self._after(self.advert_int, self._send, timer)

    def hear(self, priority: int) -> None:
        """An advert of the other node."""
        if not self.running or self.node.paused:
            return
        if self.state == BACKUP:
            self._wait_for_master(self.skew if priority == 0 else 3 * self.advert_int + self.skew)
        elif self.state == MASTER and priority > self.priority:
            self._enter(BACKUP)
            self.node.remove_vip()
            self._hook("notify_backup", programs.notify_backup)
            self._wait_for_master(3 * self.advert_int + self.skew)
        elif self.state == MASTER:
            self.node.world.send_advert(self.node, self.priority)

    def vip_was_removed(self) -> None:
        """By hand: it becomes BACKUP, with priority 0."""
        if self.state == MASTER:
            self._enter(BACKUP)
            self.node.world.send_advert(self.node, 0)
            self._hook("notify_backup", programs.notify_backup)
            self._wait_for_master(3 * self.advert_int + self.skew)

    def _hook(self, name: str, body: programs.Body, quick: bool = False) -> Program:
        """fork and exec, with the random delay of a busy machine; not waited for."""
        random = self.scheduler.random.random
        delay = 0.02 + 0.05 * random()
        if not quick and random() < self.node.world.late_hooks:
            delay = 0.01 + 1.5 * random()
        hook = self.node.spawn(name, body, delay, lambda _hook: None)
        self.hooks = [each for each in self.hooks if not each.done]
        self.hooks.append(hook)
        return hook
