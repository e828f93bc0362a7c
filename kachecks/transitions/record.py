"""The record of a transition: its named steps with their times, and how it ended."""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.node import Node


class Outcome(NamedTuple):
    """How a transition ended."""

    transition: str  # promote, demote, leave
    outcome: str  # a stable word: opened, closed, killed, dead, refused, ...
    why: str  # one sentence
    done: bool  # it ended as intended
    changed: bool  # something was changed, so it is worth a line in the audit log
    position: str = ""  # GTIDs of this server at the handover


class Steps:
    """Named steps and their milliseconds, in order."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._begun = self._last = node.clock.now()
        self._steps: list[tuple[str, float]] = []

    def done(self, name: str) -> None:
        """The step of this name has just ended."""
        now = self._node.clock.now()
        self._steps.append((name, round((now - self._last) * 1000, 1)))
        self._last = now
        self._node.telling.progress(f"  {name}: {self._steps[-1][1]:g} ms")

    def record(self, outcome: Outcome, cause: str) -> None:
        """Tell syslog, the audit log and the alert program, if anything happened."""
        self._node.telling.progress(f"{outcome.transition}: {outcome.outcome}: {outcome.why}")
        if outcome.done and not outcome.changed:
            return
        entry: dict[str, object] = {
            "transition": outcome.transition,
            "outcome": outcome.outcome,
            "why": outcome.why,
            "cause": cause,
            "milliseconds": round((self._node.clock.now() - self._begun) * 1000, 1),
            "steps": self._steps,
        }
        if outcome.position:
            entry["position"] = outcome.position
        self._node.telling.record(entry, problem=not outcome.done)
