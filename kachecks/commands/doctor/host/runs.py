"""doctor on the check as it was run: it gives a verdict, passes, and can fail. Rules, pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.check.verdict import RULES
from kachecks.commands.doctor.host.facts import HostFacts, Run
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table, not_checked

_WELL, _CANNOT_TELL, _IN_MAINTENANCE = "OK", "UNKNOWN", "MAINTENANCE"
"""Reasons of the check."""

_STOPPED = next(rule.status for rule in RULES if rule.reason == "MYSQLD_DOWN")
"""Its exit status for a server that is not there."""


def _not_run(facts: HostFacts) -> Iterator[Found]:
    """For each rule on the run."""
    if facts.setup and facts.setup.check and facts.passing is None:
        where = facts.setup.check.command.where
        yield not_checked(facts.not_run or "the check was not run", where=where)


def _runs(facts: HostFacts) -> Iterator[Found]:
    run = facts.passing
    if run is None:
        yield from _not_run(facts)
    elif run.status is None:
        yield _about(facts, run, run.error)
    elif run.status < 0:
        yield _about(facts, run, f"it was ended by signal {-run.status}")
    elif not run.reason:
        yield _about(facts, run, f"exit {run.status}, and it said: {run.said or 'nothing'}")
    elif run.reason == _CANNOT_TELL:
        yield _about(facts, run, f"exit {run.status}: {run.said}")


def _about(facts: HostFacts, run: Run, what: str) -> Found:
    assert facts.setup and facts.setup.check
    return Found(
        f"`{run.command}`, run as {run.user} the way keepalived does: {what}",
        facts.setup.check.command.where,
        cure=f"run `{run.command}` by hand as {run.user}, with -v, and mend what it says",
    )


def _passes(facts: HostFacts) -> Iterator[Found]:
    run = facts.passing
    if run is None:
        yield from _not_run(facts)
    elif run.reason not in ("", _WELL, _CANNOT_TELL, _IN_MAINTENANCE):
        kept = ", which keeps the VIP here for want of a better node" if run.status == 0 else ""
        yield _about(facts, run, f"exit {run.status}{kept}: {run.said}")


def _maintained(facts: HostFacts) -> Iterator[Found]:
    run = facts.passing
    if run and run.reason == _IN_MAINTENANCE:
        assert facts.setup and facts.setup.check
        yield Found(
            f"the check answers {run.said}",
            facts.setup.check.command.where,
            cure=f"kachecks maintenance off --defaults-file={facts.config.path}",
        )


def _fails(facts: HostFacts) -> Iterator[Found]:
    run = facts.failing
    if run is None:
        yield from _not_run(facts)
        return
    if run.status is None or run.status < 0 or run.status == _STOPPED:
        return  # what cannot be run is told by CHECK_RUNS
    if run.status == 0:
        said = "exit 0, though the server that it was given does not exist"
    else:
        said = f"exit {run.status} instead of {_STOPPED} with a server that does not exist"
    yield _about(facts, run, f"{said}: {run.said or 'it said nothing'}")


TABLE: Table[HostFacts] = (
    (
        Rule(
            "CHECK_RUNS",
            FAILURE,
            "the check, run once as keepalived runs it (user, environment, /), gives a verdict",
            "a check that cannot run, or cannot tell, leaves a node that never takes over; and"
            " nothing of it is seen, as keepalived throws its output away.",
            "run it by hand as that user, and mend what it says",
        ),
        _runs,
    ),
    (
        Rule(
            "CHECK_PASSES",
            FAILURE,
            "the check passes now",
            "this node may not hold the VIP while it fails.",
            "mend what the check names; check_mysql --explain tells its reasons",
        ),
        _passes,
    ),
    (
        Rule(
            "CHECK_FAILS",
            FAILURE,
            "the check, given a server that does not exist, fails with its MYSQLD_DOWN status",
            "a wrapper or an old check that always answers 0 holds the VIP whatever MySQL does.",
            "let keepalived run check_mysql itself",
        ),
        _fails,
    ),
    (
        Rule(
            "MAINTENANCE",
            WARNING,
            "this node is not in maintenance",
            "it does not take over while it is.",
            "kachecks maintenance off",
        ),
        _maintained,
    ),
)
