"""What there is more and more of, and what a failover takes then: one function for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks import backlog
from benchmarks.crowd import Crowd
from benchmarks.failover_runs import SERVER_OPTIONS
from tests.lab.error import LabError
from tests.lab.faults import catalogue
from tests.lab.observing.observer import Observer, watched
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pairs.suite import SUITES, Suite
from tests.lab.records import evidence, transitions
from tests.lab.servers.flavour import Flavour

_STEADY = 1.0
_TAKEOVER = 300.0
_LINE = "VIP_ADDRESS/VIP_PREFIX dev NODE_INTERFACE"  # of keepalived.conf
_FIRST_VIP = 100


class Point(NamedTuple):
    """One failover with so many of them; seconds."""

    outage: float
    work: float | None
    """What the step took that has to handle them, by the audit log; None: the recipe has none."""
    left: int
    """How many of them were not handled."""
    ended: str | None
    """How, by the audit log, such as "demote: closed"; None: the recipe has none."""


class Growth(NamedTuple):
    """One table."""

    title: str
    what: str
    work: str
    left: str
    sizes: Sequence[int]
    play: Callable[[Flavour, str, int], Point]


def connections(flavour: Flavour, suite: str, count: int) -> Point:
    """Idle clients to cut when the active node is told to go: notify_down."""
    options = {"max_connections": count + 100, **SERVER_OPTIONS[suite]}
    with Pair(flavour, suite, server_options=options) as pair, Crowd(pair, count) as crowd:
        with watched(pair, _STEADY) as observer:
            outage = _fail(pair, observer, "notify_down")
            time.sleep(_STEADY)
            cuts = crowd.leave()
        return _point(outage(), cuts.hanging, pair.a, "demote", "close")


def relay_log(flavour: Flavour, suite: str, count: int) -> Point:
    """Transactions to apply before the standby may open, when mysqld is killed."""
    options = {"max_lag": 86400} if suite == "kachecks" else None
    with Pair(flavour, suite, options, server_options=SERVER_OPTIONS[suite]) as pair:
        backlog.prepare(pair)
        with backlog.held(pair.b) as applier:
            backlog.make(pair, count)
            with watched(pair, _STEADY) as observer:
                outage = _fail(pair, observer, "kill", applier.close)
                left = backlog.not_applied(pair.b, count)
                time.sleep(_STEADY)
        return _point(outage(), left, pair.b, "promote", "drain")


def vips(flavour: Flavour, suite: str, count: int) -> Point:
    """Virtual addresses that move when mysqld is killed."""
    addresses = [VIP.rpartition(".")[0] + f".{_FIRST_VIP + at}" for at in range(count)]
    options = {"vip": ", ".join(addresses)} if suite == "kachecks" else None
    more = SERVER_OPTIONS[suite]
    with Pair(flavour, with_vips(SUITES[suite](), addresses), options, server_options=more) as pair:
        with watched(pair, _STEADY) as observer:
            outage = _fail(pair, observer, "kill")
            time.sleep(_STEADY)
            left = sum(not pair.b.has_vip(address) for address in addresses)
        return _point(outage(), left, pair.b, "promote", None)


def with_vips(suite: Suite, addresses: Sequence[str]) -> Suite:
    """Its keepalived.conf with all of them."""
    lines = "\n        ".join(_LINE.replace("VIP_ADDRESS", address) for address in addresses)
    first, second = (text.replace(_LINE, lines) for text in suite.keepalived_conf)
    return replace(suite, keepalived_conf=(first, second))


GROWTHS = {
    "connections": Growth(
        "Demotion by notify_down: client connections to cut",
        "connections",
        "close",
        "hanging",
        (10, 100, 1000, 5000),
        connections,
    ),
    "relay-log": Growth(
        "Promotion after SIGKILL: transactions to apply",
        "transactions",
        "drain",
        "not applied",
        (0, 1000, 10_000, 100_000),
        relay_log,
    ),
    "vips": Growth(
        "Failover after SIGKILL: virtual addresses",
        "addresses",
        "promotion",
        "not moved",
        (1, 5, 10, 20),
        vips,
    ),
}


def _fail(
    pair: Pair, observer: Observer, fault: str, then: Callable[[], object] = lambda: None
) -> Callable[[], float]:
    """A's fault and B's takeover; the outage can be asked for when the record is whole.

    Raises:
        LabError: B does not take over; a figure of that would be a lie.
    """
    chosen = catalogue.FAULTS[fault]
    mark = observer.mark(chosen.text, fault=True)
    chosen.play(pair)
    then()
    observer.wait_for_write(pair.b.name, after=mark.time, timeout=_TAKEOVER)

    def outage() -> float:
        record = observer.record()
        if evidence.longest_gap(record) > 4 * evidence.LONGEST_GAP:
            raise LabError("the machine was too busy to watch the failover")
        return evidence.outage_of(record, mark).seconds

    return outage


def _point(outage: float, left: int, node: Node, transition: str, step: str | None) -> Point:
    """`step`: whose time is the work's; None: the whole of the last such transition."""
    told = [each for each in transitions.of_nodes([node]) if each.title.startswith(transition)]
    if not told:
        return Point(outage, None, left, None)
    last = told[-1]
    spent = [milliseconds for name, milliseconds in last.steps if step in (None, name)]
    work = (sum(spent) if step else last.milliseconds) / 1000 if spent else None
    return Point(outage, work, left, last.title)
