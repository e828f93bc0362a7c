"""One failover on a fresh pair, seen by a client that writes through the virtual IP."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from tests.lab.error import LabError
from tests.lab.faults import catalogue
from tests.lab.faults.catalogue import Fault
from tests.lab.faults.starving import starving
from tests.lab.observing.observer import watched
from tests.lab.observing.verify import rows_by_node, rows_of
from tests.lab.pairs.pair import WITNESS, Pair
from tests.lab.pairs.suite import SUITES as SUITES_BY_NAME
from tests.lab.pairs.suite import VRRP3_OPTIONS, vrrp3
from tests.lab.records import evidence, transitions
from tests.lab.records.record import Record
from tests.lab.records.transitions import Transition
from tests.lab.servers.flavour import Flavour

SUITES = ("kachecks", "recipe")
SERVER_OPTIONS: dict[str, dict[str, object]] = {
    "kachecks": {},
    # The default, equal settings, as the articles' servers have them.
    "recipe": {"auto_increment_increment": 1, "auto_increment_offset": 1},
}

_STEADY = 1.5
_TAKEOVER, _SETTLED, _CAUGHT_UP = 30.0, 10.0, 10.0
_DRAWN = 5.5
"""Seconds after the fault that the client goes on at least, for the picture's sake."""
_ATTEMPTS = 3
_AT_WORK = 3.0
"""Seconds with little CPU before the fault; the client goes on writing."""

SWITCHOVER = "switchover"
VRRP3, VRRP3_WITNESS = "poweroff-vrrp3", "poweroff-vrrp3-witness"
OURS_ALONE = frozenset({SWITCHOVER, VRRP3, VRRP3_WITNESS})


def _switch_over(pair: Pair) -> None:
    pair.a.run(["/opt/kachecks/bin/kachecks", "switchover"])


FAULTS: dict[str, Fault] = {
    **{
        name: catalogue.FAULTS[name]
        for name in ("kill", "sigstop", "poweroff", "stop", "keepalived-stop")
    },
    SWITCHOVER: Fault("kachecks switchover on A", _switch_over, "A stands by", lambda _pair: None),
    VRRP3: replace(catalogue.FAULTS["poweroff"], text="power-off of A, VRRPv3"),
    VRRP3_WITNESS: replace(catalogue.FAULTS["poweroff"], text="power-off of A, VRRPv3, witness"),
}


def plays(suite: str, fault: str) -> bool:
    """The recipe has no switchover (who uses it stops keepalived), no witness, and no VRRPv3."""
    return fault not in OURS_ALONE or suite == "kachecks"


class Run(NamedTuple):
    """What one failover was like; seconds and counts. None: it never came, or nobody can tell."""

    outage: float
    """The longest time between two acknowledged writes around the fault."""
    takeover: float | None
    """From the fault to the first write that B acknowledged."""
    missing: int | None
    """Acknowledged writes that B lacked when it had taken over, A being gone."""
    lost: int | None
    """Acknowledged writes that the active node lacks in the end, A being back."""
    differing: int | None
    """Rows that only one of the two has in the end."""
    two_writers: float
    two_vips: float
    watched: float
    """Seconds from the first look to the last."""
    proven: bool
    """The watchers looked often enough."""


class Story(NamedTuple):
    """A run with what there is to draw of it."""

    run: Run
    record: Record
    transitions: list[Transition]


def play(flavour: Flavour, suite: str, fault: str, cpu: float = 0.0) -> Story:
    """Once; again where the machine was too busy to watch it.

    Args:
        cpu: the share of one that each node has; 0: all that there is.

    Raises LabError: no pair at all.
    """
    for _ in range(_ATTEMPTS - 1):
        story = _play(flavour, suite, fault, cpu)
        if story.run.proven:
            return story
    return _play(flavour, suite, fault, cpu)


def _pair(flavour: Flavour, suite: str, fault: str) -> Pair:
    if fault in (VRRP3, VRRP3_WITNESS):
        witness = {"witness": WITNESS} if fault == VRRP3_WITNESS else {}
        return Pair(flavour, vrrp3(SUITES_BY_NAME[suite]()), {**witness, **VRRP3_OPTIONS})
    return Pair(flavour, suite, server_options=SERVER_OPTIONS[suite])


@contextlib.contextmanager
def _narrow(pair: Pair, cpu: float) -> Iterator[None]:
    """Both nodes have this share of a CPU, and are at work with it."""
    with contextlib.ExitStack() as until:
        for node in pair.nodes if cpu else ():
            until.enter_context(starving(node, cpu=cpu))
        if cpu:
            time.sleep(_AT_WORK)
        yield


def _play(flavour: Flavour, suite: str, name: str, cpu: float) -> Story:
    fault = FAULTS[name]
    with _pair(flavour, suite, name) as pair:
        with watched(pair, _STEADY) as observer:
            with _narrow(pair, cpu):
                mark = observer.mark(fault.text, fault=True)
                fault.play(pair)
                with contextlib.suppress(LabError):
                    observer.wait_for_write(pair.b.name, after=mark.time, timeout=_TAKEOVER)
            time.sleep(_STEADY)
            writes = observer.record().writes  # before the rows: what is acknowledged is in them
            had = rows_of(pair.b)
            missing = None if had is None else len(evidence.lost(writes, had))
            told = transitions.of_nodes(pair.nodes)
            observer.mark(fault.repair_text)
            fault.repair(pair)
            pair.give_time_to_return(pair.a, _SETTLED)
            time.sleep(max(0.0, mark.time + _DRAWN - time.monotonic()))
            observer.stop_writing()
            with contextlib.suppress(LabError):
                pair.wait_replication_caught_up(_CAUGHT_UP)
        record = observer.record()
        rows = list(rows_by_node(pair).values())
    first = evidence.first_write(record, pair.b.name, mark.time)
    run = Run(
        outage=evidence.outage_of(record, mark).seconds,
        takeover=first.end - mark.time if first else None,
        missing=missing,
        lost=len(evidence.lost(record.writes, rows[0])) if rows else None,
        differing=len(evidence.differing(*rows)) if len(rows) == 2 else None,
        two_writers=evidence.both_open(record),
        two_vips=evidence.both_holding(record),
        watched=record.end - record.start,
        proven=evidence.longest_gap(record) <= evidence.LONGEST_GAP,
    )
    return Story(run, record, told)
