"""What monitoring is told of a look at the pair: how bad it is, what was not seen, the figures.
Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.check.verdict import CANNOT_TELL, CRITICAL, FINE, WARNING, severity_of
from kachecks.commands.status.facts import NodeSeen, Status
from kachecks.commands.status.judgement import FINE as ALL_IS_WELL
from kachecks.commands.status.judgement import NOT_SERVING, Summary, may_serve, why_unfit

STATES = {FINE: 0, WARNING: 1, CRITICAL: 2, CANNOT_TELL: 3}
"""The words of monitoring as the Monitoring Plugins' exit statuses."""

_THE_WORST_FIRST = (CRITICAL, CANNOT_TELL, WARNING, FINE)


def severity(status: Status, told: Summary) -> str:
    """How bad it is: the worst of the pair as a whole and of both verdicts."""
    found = {_of_the_pair(status, told)}
    for node in (status.here, status.there):
        if node.verdict is not None:
            found.add(severity_of(node.verdict))
    return next(word for word in _THE_WORST_FIRST if word in found)


def _of_the_pair(status: Status, told: Summary) -> str:
    if told.status == ALL_IS_WELL:
        return FINE
    if told.status != NOT_SERVING:
        return WARNING
    return CANNOT_TELL if may_serve(status.here) or may_serve(status.there) else CRITICAL


def unseen(status: Status) -> Iterator[str]:
    """What the look could not see, and why: a phrase each."""
    if status.there.vip is None:
        yield f"whether {status.there.name} has the VIP: {status.there.vip_said}"
    if not status.here.vrrp_state:
        yield f"the state of keepalived: {status.here.vrrp_said}"
    if status.disks_said:
        yield f"the disks of mysqld: {status.disks_said}"
    if status.marks_said:
        yield f"the marks, maintenance among them: {status.marks_said}"
    if status.transitions_said:
        yield f"the last transitions: {status.transitions_said}"


def fit(node: NodeSeen) -> bool | None:
    """Nothing that is seen keeps it from holding the VIP; None: its check has not come to an
    end."""
    return None if node.verdict is None and node.server is not None else not why_unfit(node)


def missing(node: NodeSeen) -> int | None:
    """Transactions that the other node has committed and this one has not applied."""
    lacks = None if node.server is None else node.server.lacks
    return None if lacks is None else lacks.transactions
