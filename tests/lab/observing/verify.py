"""The checks above the failure matrix, against a live pair and the record of a scenario."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tests.lab.error import LabError, NotProvenError
from tests.lab.observing.sampler import Watched
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pictures.figures import figures, table
from tests.lab.pictures.timeline import picture
from tests.lab.records import evidence
from tests.lab.records.record import Record, Row
from tests.lab.servers.accounts import SAMPLER_PASSWORD, SAMPLER_USER
from tests.lab.servers.wire import Connection, WireError

NOBODY = ""
ATTEMPTS = 3
"""Times that a scenario is played when the machine is too busy to watch it."""

Played = TypeVar("Played")


def proven(play: Callable[[], Played]) -> Played:
    """Play a scenario, and again where its run proved nothing.

    Raises NotProvenError: it was so each time.
    """
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(NotProvenError):
            return play()
    return play()


_NO_SUCH_TABLE = 1146


@dataclass(frozen=True)
class Expect:
    """How a scenario should have ended; the defaults are the checks above the failure matrix."""

    holder: str | None = None
    """The node that must have the virtual IP and be open; None: either; NOBODY: neither."""
    same_rows: bool = True
    lost: int = 0
    """How many acknowledged writes may be missing on the active node."""
    both_open: float = 0.0
    """Seconds with two writable servers that are allowed."""
    audit: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per node what its audit log must tell, in this order, such as "promote: opened"."""
    audit_can_be_written: bool = True
    """Else an opening that was seen may be missing in it."""
    within: float = 15.0
    """Seconds that the pair has to settle, and again to catch up."""
    longest_gap: float = evidence.LONGEST_GAP


def verify(pair: Pair, record: Record, expect: Expect = Expect()) -> None:
    """Hold the pair and the record against `expect`; call it when the client has ended.

    Raises:
        AssertionError: everything that is not as expected, the figures, and the picture.
    """
    unproven = _unproven(record, expect)
    problems = [
        *_not_settled(pair, expect),
        *_wrong_rows(pair, record, expect),
        *_two_writers(record, expect),
        *_not_told(pair, record, expect),
    ]
    if problems or unproven:
        listed = "\n".join(f"* {problem}" for problem in problems + unproven)
        seen = "\n\n".join(
            [table(figures(record, rows_by_node(pair))), picture(record, after=20.0)]
        )
        kind = AssertionError if problems else NotProvenError
        raise kind(f"\n{listed}\n\n{seen}")


def rows_by_node(pair: Pair) -> dict[str, list[Row]]:
    """What each answering node holds, the one with the virtual IP first."""
    found = {}
    for node in sorted(pair.nodes, key=lambda node: not node.has_vip(VIP)):
        rows = rows_of(node)
        if rows is not None:
            found[node.name] = rows
    return found


def rows_of(node: Watched) -> list[Row] | None:
    """The rows that the client wrote, as this node has them; None where it does not answer."""
    try:
        session = Connection(str(node.socket_path), SAMPLER_USER, SAMPLER_PASSWORD, timeout=2)
        answer = session.query("SELECT id, token, server FROM app.writes", 10)
    except LabError:
        return None
    except WireError as error:
        return [] if error.errno == _NO_SUCH_TABLE else None
    session.close()
    return [Row(*(int(value or 0) for value in row)) for row in answer.rows]


def _not_settled(pair: Pair, expect: Expect) -> list[str]:
    """Exactly one node has the virtual IP and is open."""
    until = time.monotonic() + expect.within
    while True:
        holders = [node.name for node in pair.nodes if node.has_vip(VIP)]
        open_ones = [node.name for node in pair.nodes if pair.is_open(node)]
        if expect.holder is None:
            settled = len(holders) == 1 and holders == open_ones
        else:
            settled = holders == open_ones == ([expect.holder] if expect.holder else [])
        if settled:
            return []
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    wanted = {None: "both on the same one node", NOBODY: "neither anywhere"}.get(
        expect.holder, f"both on {_names([expect.holder or ''])}"
    )
    return [
        f"{expect.within:g} s after the scenario the virtual IP is on {_names(holders)},"
        f" open for writes: {_names(open_ones)}; expected {wanted}"
    ]


def _wrong_rows(pair: Pair, record: Record, expect: Expect) -> list[str]:
    """Both hold the same rows once caught up; what was acknowledged is on the active one."""
    until = time.monotonic() + expect.within
    while True:
        rows = rows_by_node(pair)
        contents = list(rows.values())
        same = len(rows) == len(pair.nodes) and not evidence.differing(*contents)
        if same or not expect.same_rows or time.monotonic() > until:
            break
        time.sleep(0.1)
    problems = []
    if expect.same_rows and len(rows) < len(pair.nodes):
        problems.append(f"only {_names(list(rows))} can be asked for its rows")
    elif expect.same_rows and not same:
        differ = evidence.differing(*contents)
        problems.append(
            f"{len(differ):,} rows are on one node only, {expect.within:g} s after the"
            f" scenario: {differ[0]} for one; replication: {_replication(pair)}"
        )
    if contents:
        missing = evidence.lost(record.writes, contents[0])
        if len(missing) > expect.lost:
            problems.append(
                f"{len(missing):,} acknowledged writes are not on {_names(list(rows)[:1])}"
                f" (allowed: {expect.lost}): {missing[0]} for one"
            )
    return problems


def _two_writers(record: Record, expect: Expect) -> list[str]:
    """At no sampled instant were both open, and the sampler looked often enough to say so."""
    problems = []
    seconds = evidence.both_open(record)
    if seconds > expect.both_open:
        problems.append(
            f"both servers were writable for {seconds * 1000:.0f} ms"
            f" (allowed: {expect.both_open * 1000:.0f} ms)"
        )
    return problems


def _unproven(record: Record, expect: Expect) -> list[str]:
    gap = evidence.longest_gap(record)
    if gap <= expect.longest_gap:
        return []
    return [
        f"the sampler did not look for {gap * 1000:.0f} ms: nothing it says is proof"
        " (machine overloaded?)"
    ]


def _not_told(pair: Pair, record: Record, expect: Expect) -> list[str]:
    """The audit log tells what happened: each opening that was seen, and what is expected."""
    problems = []
    for node in pair.nodes if pair.suite.name == "kachecks" else ():
        told = [f"{entry['transition']}: {entry['outcome']}" for entry in node.audit()]
        wanted = list(expect.audit.get(node.name, ()))
        opened = expect.audit_can_be_written and node.name in evidence.opened(record)
        if not wanted and opened:
            wanted = ["promote: opened"]
        missing = evidence.missing_from(told, wanted)
        if missing is not None:
            problems.append(
                f"the audit log of {_names([node.name])} does not tell {missing!r} where it should:"
                f" {'; '.join(told) or 'it is empty'}"
            )
    return problems


def _replication(pair: Pair) -> str:
    said = []
    for node in pair.nodes:
        try:
            row = node.sql(pair.flavour.show_replication)[0]
        except Exception as error:  # noqa: BLE001  this is about to be an AssertionError
            said.append(f"{_names([node.name])} cannot be asked ({error})")
            continue
        row = {name.replace("Slave_", "Replica_"): value for name, value in row.items()}
        threads = f"{row['Replica_IO_Running']}/{row['Replica_SQL_Running']}"
        trouble = row["Last_SQL_Error"] or row["Last_IO_Error"]
        said.append(f"{_names([node.name])} {threads} {trouble}".strip())
    return "; ".join(said)


def _names(names: list[str]) -> str:
    return " and ".join(name.upper() for name in names) or "nobody"
