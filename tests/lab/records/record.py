"""What the observers saw: frozen values and nothing that acts.

All times are CLOCK_MONOTONIC seconds, one clock for every process of the lab. `node` is a node's
name; a value nobody could see is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

OPEN, CLOSED, DOWN = "open", "closed", "down"
NO_QUORUM = "no quorum"
"""Of a member of a cluster, by its own word: it takes no writes, or must not."""

HUNG_AFTER = 0.04
"""Seconds without an answer after which a server counts as hung."""


@dataclass(frozen=True)
class Write:
    """One attempt of the client to write a row through the virtual IP."""

    start: float
    end: float
    token: int | None
    """The row's unique value; None when no INSERT was sent. Sent and failed: it may be there."""
    id: int | None = None
    """The auto-increment value, for an acknowledged row."""
    node: str | None = None
    errno: int | None = None
    error: str | None = None

    @property
    def acknowledged(self) -> bool:
        return self.id is not None


@dataclass(frozen=True)
class Access:
    """One question to a server whether ordinary clients may write.

    The state held at one instant between `asked` and `answered`; a long span is a server that
    hung. None: the server is alive and would not say.
    """

    node: str
    asked: float
    answered: float
    state: str | None


@dataclass(frozen=True)
class Holding:
    """The nodes that had the virtual IP on an interface when both were looked at."""

    time: float
    nodes: frozenset[str]


@dataclass(frozen=True)
class Replicating:
    """Whether both replication threads of a node ran; `why` has the applier's error, if any."""

    node: str
    time: float
    running: bool | None
    errno: int = 0
    why: str = ""


@dataclass(frozen=True)
class Mark:
    """Something the scenario did; a fault is what outages are counted from."""

    time: float
    text: str
    fault: bool = False


@dataclass(frozen=True)
class Record:
    """Everything seen from `start` to `end`, each part in the order of time."""

    nodes: tuple[str, ...]
    start: float
    end: float
    writes: tuple[Write, ...] = ()
    access: tuple[Access, ...] = ()
    holding: tuple[Holding, ...] = ()
    replicating: tuple[Replicating, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def written_until(self) -> float:
        """When the client ended: what is not acknowledged later is no outage."""
        return self.writes[-1].end if self.writes else self.end

    @property
    def faults(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.marks if mark.fault)


@dataclass(frozen=True)
class Row:
    """A row of the table that the client writes to."""

    id: int
    token: int
    server: int


def parse_writes(lines: Iterable[str], names: dict[int, str]) -> list[Write]:
    """The writer's lines as values; `names` maps server_id to a node's name.

    A line cut short, as the last one may be while the writer runs, is left out.
    """
    writes = []
    for line in lines:
        if not line.endswith("\n"):
            continue
        start, end, token, number, server, errno, error = json.loads(line)
        node = None if server is None else names.get(server, f"server {server}")
        writes.append(Write(start, end, token, number, node, errno, error))
    return writes
