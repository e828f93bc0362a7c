"""The programs of the suite, as keepalived or an operator starts them on a node."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kachecks.check.one_run import Run, run_check
from kachecks.check.watch import watch
from kachecks.commands.switchover import handing_over, preflight
from kachecks.config.options import LONGEST_RUN
from kachecks.hooks import notify_down
from kachecks.hooks.notify_backup import stop_patience
from kachecks.keepalived.process import KeepalivedError
from kachecks.state.files import StateError
from kachecks.transitions import reconcile
from tests.schedules.outside import node_of

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program

    Body = Callable[[Node, Program], object]
else:
    Body = Any

UNUSABLE = 3
UNKNOWN = 30


class End:
    """kachecks.check.program._End: the check ends in time, whatever it is at."""

    def __init__(self, node: Node, program: Program) -> None:
        self._node, self._program = node, program
        self.status: int | None = None  # None: not judged yet
        seconds = node.config.hung_after + node.config.fence_timeout + 3.0
        node.scheduler.after(min(seconds, LONGEST_RUN), self._leave)

    def _leave(self) -> None:
        program, status = self._program, self.status
        if program.frozen:
            self._node.scheduler.after(0.5, self._leave)
        elif not program.done:
            program.exit(status if status is not None else 0 if self._node.vip else UNKNOWN)


def check(node: Node, program: Program) -> object:
    """check_mysql --fence: its exit status."""
    here = node_of(node, program)
    run = Run(here, act=True)
    end = End(node, program)
    try:
        judged = run.look()
        end.status = judged.verdict.status_if_open
        verdict = run.act_on(judged)
    finally:
        run.close()
    if not verdict.status and run.answered and watch(here, run.process).look_again:
        verdict = run_check(here, act=True)
    program.verdict = verdict  # type: ignore[attr-defined]
    if node.world.telling:
        node.say(f"{verdict.reason} {verdict.status}: {verdict.sentence}", program)
    return verdict.status


def notify_master(node: Node, program: Program) -> object:
    """Also what a check starts."""
    return _reconcile(node, program, "notify_master", node.config.fence_timeout)


def notify_backup(node: Node, program: Program) -> object:
    """Also notify_fault."""
    return _reconcile(node, program, "notify_backup", node.config.fence_timeout)


def notify_stop(node: Node, program: Program) -> object:
    patience = stop_patience(node_of(node, program))
    return _reconcile(node, program, "notify_backup", patience)


def _reconcile(node: Node, program: Program, cause: str, patience: float) -> object:
    here = node_of(node, program)
    try:
        outcome = reconcile.reconcile(here, cause, patience)
    except StateError:
        return UNUSABLE
    if node.world.telling:
        node.say(f"{outcome.transition}: {outcome.outcome}: {outcome.why}", program)
    return outcome.outcome


def switchover(node: Node, program: Program) -> object:
    """kachecks switchover; what it ends with, "refused" also where it does not begin."""
    here = node_of(node, program)
    try:
        if preflight.objections(preflight.look_at_both(here), node.config):
            return "refused"
        outcome = handing_over.hand_over(here, 3.0)
    except StateError:
        return UNUSABLE
    if node.world.telling:
        node.say(f"{outcome.outcome}: {outcome.why}", program)
    return outcome.outcome


def leave(keep_keepalived: bool = False, drop_vip: bool = False, force: bool = False) -> Body:
    """notify_down with these options."""

    def body(node: Node, program: Program) -> object:
        here = node_of(node, program)
        options = argparse.Namespace(
            broken=[],
            keep_keepalived=keep_keepalived, drop_vip=drop_vip, force=force,
            verbose=True, dry_run=False,
        )  # fmt: skip
        try:
            return notify_down.leave(here, options)
        except (StateError, KeepalivedError):
            return UNUSABLE

    return body
