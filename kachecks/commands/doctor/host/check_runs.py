"""doctor on the runs of the check: does it give a verdict, does it pass, can it fail?

Rules over facts, pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shlex import quote

from kachecks.check.verdict import RULES
from kachecks.commands.doctor.host.facts import CheckRun, HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Finder, Found, Table, not_checked, row

_WELL, _CANNOT_TELL, _IN_MAINTENANCE = "OK", "UNKNOWN", "MAINTENANCE"
"""Reasons of the check."""

_STOPPED = next(rule.status for rule in RULES if rule.reason == "MYSQLD_DOWN")
"""Its exit status for a server that is not there."""


def _run(
    which: Callable[[HostFacts], CheckRun | None], wrong: Callable[[CheckRun], str]
) -> Finder[HostFacts]:
    """What a run of the check must not have shown: ``wrong`` says it, "" where all is well."""

    def finder(facts: HostFacts) -> Iterator[Found]:
        ours, run = facts.setup.check if facts.setup else None, which(facts)
        if ours is None:
            return
        if run is None:
            yield not_checked(facts.not_run or "the check was not run", ours.command.where)
            return
        said = wrong(run)
        if said:
            yield Found(
                f"`{run.command}`, run as {run.user} the way keepalived does: {said}",
                ours.command.where,
                f"run `{run.command}` by hand as {run.user}, with -v, and mend what it says",
            )

    return finder


def _no_verdict(run: CheckRun) -> str:
    if run.status is None:
        return run.error
    if run.status < 0:
        return f"it was ended by signal {-run.status}"
    if not run.reason:
        return f"exit {run.status}, and it said: {run.said or 'nothing'}"
    return f"exit {run.status}: {run.said}" if run.reason == _CANNOT_TELL else ""


def _does_not_pass(run: CheckRun) -> str:
    if run.reason in ("", _WELL, _CANNOT_TELL, _IN_MAINTENANCE):
        return ""
    kept = ", which keeps the VIP here for lack of a better node" if run.status == 0 else ""
    return f"exit {run.status}{kept}: {run.said}"


def _does_not_fail(run: CheckRun) -> str:
    if run.status is None or run.status < 0 or run.status == _STOPPED:
        return ""  # what cannot be run is told by CHECK_RUNS
    said = f"exit {run.status} instead of {_STOPPED} with a server that does not exist"
    if run.status == 0:
        said = "exit 0, though the server that it was given does not exist"
    return f"{said}: {run.said or 'it said nothing'}"


def _maintained(facts: HostFacts) -> Iterator[Found]:
    run, setup = facts.passing, facts.setup
    if run and setup and setup.check and run.reason == _IN_MAINTENANCE:
        yield Found(
            f"the check answers {run.said}",
            setup.check.command.where,
            f"kachecks maintenance off --defaults-file={quote(facts.config.path)}",
        )


TABLE: Table[HostFacts] = (
    row("CHECK_RUNS", FAILURE, _run(lambda facts: facts.passing, _no_verdict),
        "the check, run once as keepalived runs it (user, environment, /), gives a verdict",
        "a node whose check cannot run, or cannot tell, never takes over. Nobody sees that, as"
        " keepalived throws the output of the check away.",
        "run it by hand as that user, and mend what it says"),
    row("CHECK_PASSES", FAILURE, _run(lambda facts: facts.passing, _does_not_pass),
        "the check passes now",
        "this node may not hold the VIP while it fails.",
        "mend what the check names; check_mysql --explain tells its reasons"),
    row("CHECK_FAILS", FAILURE, _run(lambda facts: facts.failing, _does_not_fail),
        "the check, given a server that does not exist, fails with its MYSQLD_DOWN status",
        "with a wrapper or an old check that always answers 0, the VIP stays here whatever MySQL"
        " does.",
        "let keepalived run check_mysql itself"),
    row("MAINTENANCE", WARNING, _maintained,
        "this node is not in maintenance",
        "while it is, it does not take over.",
        "kachecks maintenance off"),
)  # fmt: skip
