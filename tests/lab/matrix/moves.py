"""What must be seen of the VIP when the nodes do not hear each other."""

from __future__ import annotations

from tests.lab.matrix.scenario import Scenario
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.records import handover
from tests.lab.records.record import Mark, Record

TWO_CHECKS = 3.0
"""Seconds from being fenced until the VIP is gone: two checks, 1 s apart, and what each takes."""

GIVEN_BACK = 3.0
"""Seconds for which a node whose promotion is refused may have the VIP: the promotion takes up to
2 (a connection, three probes); then the hook's own start, and a machine with much to do."""

SECOND_TRY = 16.0
"""Seconds after giving way by when a node that wrongly thinks itself fit has the VIP again: 10 s
of grace, two good checks, VRRP's timer of 3.6 s at most."""

QUIET = 4.0
"""Seconds after healing in which nothing may move: VRRP's timer, and two checks."""


def must_give_up(scenario: Scenario, mark: Mark) -> float:
    """A, once fenced, lets go of the VIP within two checks; the moment it was seen gone."""
    a = scenario.a
    scenario.wait_until(lambda: not a.has_vip(VIP), 10, "A to give the VIP up")
    record = scenario.observer.wait_for(
        "A without the VIP", lambda record: handover.left(record, a.name, mark.time) is not None
    )
    closed = handover.closed_by(record, a.name, mark.time)
    gone = handover.left(record, a.name, mark.time)
    assert closed is not None, "A was never closed"
    assert gone is not None
    scenario.note(f"VIP gone from A {gone - closed:.2f} s after its fencing")
    assert gone - closed <= TWO_CHECKS, f"A kept the VIP for {gone - closed:.2f} s"
    a.wait_for_syslog("GAVE_WAY")
    return gone


def must_give_back(scenario: Scenario, mark: Mark) -> float:
    """B takes the VIP, finds that it may not open, and lets go; the moment it was seen gone."""
    b = scenario.b
    record = scenario.observer.wait_for(
        "B to take the VIP and give it back",
        lambda record: _gone(record, b.name, mark) is not None,
    )
    taken, gone = handover.came(record, b.name, mark.time), _gone(record, b.name, mark)
    assert taken is not None
    assert gone is not None
    scenario.note(f"B had the VIP for {gone - taken:.2f} s")
    assert gone - taken <= GIVEN_BACK, f"B kept the VIP for {gone - taken:.2f} s"
    assert handover.opened_by(scenario.record(), b.name, mark.time) is None, "B opened"
    scenario.wait_until(b.audit, 5, "the audit log of B")
    assert b.audit()[-1]["outcome"] in ("refused", "closed"), b.audit()
    return gone


def _gone(record: Record, node: str, since: Mark) -> float | None:
    """When a node that the VIP came to was first seen without it again."""
    taken = handover.came(record, node, since.time)
    return None if taken is None else handover.left(record, node, taken)


def must_have_fenced(node: Node) -> None:
    def told() -> bool:
        steps = [name for entry in node.audit() for name, _ in entry["steps"]]
        return any(name.startswith("fence peer") for name in steps)

    node.wait(told, 5, "the audit log to tell of a fencing")  # it is written after the opening
