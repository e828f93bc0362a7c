"""The programs of the suite, as keepalived or an operator starts them on a node."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kachecks.check.one_run import Run, run_check
from kachecks.check.watch import watch
from kachecks.commands.switchover import handing_over, preflight
from kachecks.hooks import notify_down
from kachecks.hooks.notify_backup import STOP_PATIENCE
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


def check(node: Node, program: Program) -> object:
    """check_mysql --fence: its exit status."""
    here = node_of(node, program)
    run = Run(here, act=True)
    try:
        verdict = run.act_on(run.look())
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
    return _reconcile(node, program, "notify_backup", STOP_PATIENCE)


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
            keep_keepalived=keep_keepalived, drop_vip=drop_vip, force=force,
            verbose=True, dry_run=False,
        )  # fmt: skip
        try:
            return notify_down.leave(here, options)
        except (StateError, KeepalivedError):
            return UNUSABLE

    return body
