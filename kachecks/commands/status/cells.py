"""The cells of the screen: words for every fact, and a style for how bad it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kachecks.commands.status.facts import NO_KEEPALIVED, Lacks, NodeSeen, ServerSeen, Status
from kachecks.commands.status.judgement import role
from kachecks.commands.text import count, span
from kachecks.mysql.facts import Channel

PLAIN, GOOD, WARN, BAD = "plain", "good", "warn", "bad"
FAINT, TITLE = "faint", "title"


class Cell(NamedTuple):
    """Text of one or more lines, and its style. The words say everything; the style only repeats
    it."""

    text: str
    style: str = PLAIN


class Row(NamedTuple):
    """A label, and a cell for each node."""

    label: str
    here: Cell
    there: Cell


def rows(status: Status, room: bool) -> Iterator[Row]:
    """The table, from top to bottom.

    Args:
        room: there is room for long sentences and full GTIDs.
    """
    nodes, now = (status.here, status.there), status.time

    def row(label: str, *cells: Cell) -> Row:
        return Row(label, *cells)

    yield row("", *(Cell(_title(node, which), TITLE) for node, which in zip(nodes, _WHICH)))
    yield row("role", *(_role(node) for node in nodes))
    yield row("VIP", *(_vip(node, room) for node in nodes))
    yield row("VRRP", *(_vrrp(node, now, room) for node in nodes))
    yield row("writes", *(_writes(node) for node in nodes))
    yield row("server", *(_server(node, room) for node in nodes))
    yield row("receives", *(_replication(node.server, room) for node in nodes))
    yield row("lacks", *(_lacks(node.server, room) for node in nodes))
    if room:
        yield row("has", *(_position(node.server) for node in nodes))
    yield row("verdict", *(_verdict(node, ok, room) for node, ok in zip(nodes, _OK)))
    yield row("marks", _marks(status), Cell("(kachecks status there)", FAINT))


_WHICH = ("this node", "other node")
_OK = ("OK, may hold the VIP", "OK, as far as SQL tells")


def _title(node: NodeSeen, which: str) -> str:
    address = f" {node.address}" if node.address not in ("", node.name) else ""
    return f"{node.name}{address} ({which})"


def _role(node: NodeSeen) -> Cell:
    word = role(node)
    styles = {"active": GOOD, "standby": GOOD, "open without the VIP": BAD}
    return Cell(word, styles.get(word, WARN))


def _vip(node: NodeSeen, room: bool) -> Cell:
    word = {True: "here", False: "no", None: "unknown"}[node.vip]
    said = f": {node.vip_said}" if room or node.vip is None else ""
    return Cell(f"{word}{said}", WARN if node.vip is None else PLAIN)


def _vrrp(node: NodeSeen, now: float, room: bool) -> Cell:
    vrrp = node.vrrp
    if vrrp is None:
        if node.vrrp_state == NO_KEEPALIVED:
            return Cell(node.vrrp_said, BAD)
        if not node.vrrp_state:
            return Cell(f"unknown: {node.vrrp_said}", FAINT)
        return Cell(f"{node.vrrp_state}: {node.vrrp_said}")
    text = f"{vrrp.state} for {span(now - vrrp.since)}, prio {vrrp.priority}"
    if room:
        text += f" (base {vrrp.base_priority}), instance {vrrp.instance}"
    return Cell(text, PLAIN if vrrp.state in ("MASTER", "BACKUP") else WARN)


def _writes(node: NodeSeen) -> Cell:
    if node.server is None:
        return Cell("unknown", WARN)
    facts, prepared = node.server.facts, _prepared(node.server)
    if facts.writable:
        style = GOOD if node.vip else BAD if node.vip is False else WARN
        return Cell(f"OPEN{prepared}", style)
    if facts.closed:
        return Cell(f"closed{prepared}", WARN if node.vip else PLAIN)
    return Cell(f"closed, but not to privileged accounts{prepared}", WARN)


def _prepared(server: ServerSeen) -> str:
    if server.prepared is None:
        return ", XA unknown"
    return f", {count(server.prepared, 'XA transaction')} prepared" if server.prepared else ""


def _server(node: NodeSeen, room: bool) -> Cell:
    server = node.server
    if server is None:
        return Cell(node.trouble, BAD)
    up = "" if server.uptime is None else f", up {span(server.uptime)}"
    identity = f", server_id {server.facts.server_id}" if room else ""
    return Cell(f"{server.facts.version}{up}{identity}")


def _replication(server: ServerSeen | None, room: bool) -> Cell:
    if server is None:
        return _UNKNOWN
    if not server.channels:
        return Cell("nothing: no replication channel", BAD)
    cells = [_channel(channel, server.lacks, room) for channel in server.channels]
    worst = next((bad for bad in (BAD, WARN) if bad in {cell.style for cell in cells}), PLAIN)
    return Cell("\n".join(cell.text for cell in cells), worst)


_UNKNOWN = Cell("unknown", FAINT)


def _channel(channel: Channel, lacks: Lacks | None, room: bool) -> Cell:
    name = f"{channel.label}: " if channel.name else ""
    source = f" from {channel.source_host} port {channel.source_port}" if room else ""
    behind = "lag unknown"
    if channel.lag_seconds is not None:
        behind = f"{channel.lag_seconds} s behind"
        if lacks is not None and not lacks.gtids:
            behind = "0 s behind"  # what GTIDs disprove is no lag
    if lacks is not None and lacks.transactions is not None:
        behind += f", {count(lacks.transactions, 'transaction')}"
    if channel.receiving and channel.applier:
        return Cell(f"{name}{'receiving' + source + ', ' if room else 'yes, '}{behind}")
    parts = []
    if not channel.receiving:
        state = "stopped" if channel.receiver == "No" else channel.receiver.lower()
        parts.append(
            f"receiver{source} {state}{_error(channel.receiver_errno, channel.receiver_error)}"
        )
    if not channel.applier:
        parts.append(f"applier stopped{_error(channel.applier_errno, channel.applier_error)}")
    return Cell(f"{name}{'; '.join([*parts, behind])}", WARN if channel.applier else BAD)


def _error(errno: int, text: str) -> str:
    return f" with error {errno}: {text}" if errno else ""


def _lacks(server: ServerSeen | None, room: bool) -> Cell:
    """What this server lacks of the other node's transactions."""
    if server is None or server.lacks is None:
        return _UNKNOWN
    gtids, transactions = server.lacks
    if not gtids:
        return Cell("nothing the other node has")
    if transactions is None:
        return Cell(spaced(gtids), WARN)
    return Cell(f"{count(transactions, 'transaction')}{': ' + spaced(gtids) if room else ''}", WARN)


def _position(server: ServerSeen | None) -> Cell:
    return (
        _UNKNOWN if server is None or not server.position else Cell(spaced(server.position), FAINT)
    )


def _verdict(node: NodeSeen, ok: str, room: bool) -> Cell:
    verdict = node.verdict
    if verdict is None:
        return Cell(f"none: {node.verdict_said}", WARN)
    basis = f" ({node.verdict_said})" if room else ""
    if not verdict.problem:
        return Cell(f"OK: {verdict.sentence}{basis}" if room else ok, GOOD)
    status = f"exit {verdict.status}" if verdict.status else "kept, exit 0"
    said = verdict.sentence
    if node.trouble and said.startswith(node.trouble) and not room:
        said = f"see server{said[len(node.trouble) :]}"
    text = f"{verdict.reason} ({status}): {said}{basis}"
    return Cell(text, BAD if verdict.status else WARN)


def _marks(status: Status) -> Cell:
    marks, now = status.marks, status.time
    if marks is None:
        return Cell(f"unknown: {status.marks_said}", FAINT)
    found = []
    if marks.maintenance is not None:
        found.append(f"{marks.maintenance.sentence}, {span(marks.maintenance.until - now)} left")
    if marks.gave_way:
        found.append(f"gave way {span(marks.gave_way_ago)} ago: {marks.gave_way}")
    if marks.permit is False:
        found.append("permit withdrawn")
    if marks.leaving:
        found.append("leaving")
    if marks.at_work:
        found.append(f"at work: {marks.at_work}")
    return Cell("\n".join(found), WARN) if found else Cell("none", FAINT)


def spaced(gtids: str) -> str:
    """The GTIDs with blanks between them, so that lines can wrap there."""
    return gtids.replace(" ", "").replace(",", ", ")
