"""How the pair is doing, judged by what was seen of it. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import NamedTuple

from kachecks.check.verdict import (
    CANNOT_TELL,
    NOTHING_FOUND,
    Observation,
    Verdict,
    judge,
    severity_of,
)
from kachecks.commands.status.facts import NO_KEEPALIVED, NodeSeen, ServerSeen, Status
from kachecks.commands.text import span
from kachecks.config.options import Config
from kachecks.mysql.pair import LONGEST_LAG, SERVER_ID, SERVER_UUID, mismatch

FINE, DEGRADED, NOT_SERVING = 0, 1, 2
"""Exit statuses."""


class Summary(NamedTuple):
    """The answer in one line, and what is wrong."""

    status: int
    word: str  # OK, DEGRADED, CANNOT TELL, NOT SERVING, TWO WRITERS, ONE SERVER
    sentence: str
    problems: tuple[str, ...]


_ONE_SERVER = (
    "both sides have one server_id (and UUID): peer in the option file names this very node, or the"
    " servers need a server_id each"
)


LONGEST_SILENCE = 20.0
"""Seconds without a run of the check, as for doctor's CHECK_AT_WORK: keepalived calls it every
second, and ends one that hangs after 10."""

_IN_FAULT = "keepalived is in FAULT although the check passes; if it stays so, reload keepalived"


def summary(status: Status) -> Summary:
    """Who serves, whether the other one could take over, and what is wrong."""
    here, there = status.here, status.there
    problems = _problems(status)
    if _the_same(here, there):
        return Summary(NOT_SERVING, "ONE SERVER", _ONE_SERVER, problems)
    if here.open and there.open:
        both = f"{here.name} and {there.name} are both open"
        return Summary(NOT_SERVING, "TWO WRITERS", both, problems)
    for node, other in ((here, there), (there, here)):
        if not node.open or node.vip is False:
            continue
        if node.vip is None:
            sentence = f"{node.name} is open; whether it has the VIP cannot be seen"
            return Summary(DEGRADED, "DEGRADED", sentence, problems)
        fit = why_unfit(other)
        # Its disks, its marks and its maintenance are seen on that node alone.
        known = "is fit" if other is here else "looks fit from here"
        stands_by = f"{other.name} {fit or f'stands by and {known}{_late(other)}'}"
        bad = bool(fit or problems)
        why = "" if fit else _first(problems)
        sentence = f"{node.name} serves, {stands_by}{why}"
        return Summary(DEGRADED if bad else FINE, "DEGRADED" if bad else "OK", sentence, problems)
    for node in (here, there):
        if node.vip and may_serve(node):
            why = f"whether {node.name}, which has the VIP, serves: {node.trouble}"
            return Summary(NOT_SERVING, "CANNOT TELL", why, problems)
    return Summary(NOT_SERVING, "NOT SERVING", _why_nobody(here, there), problems)


def may_serve(node: NodeSeen) -> bool:
    """It has, or may have, the VIP, and nobody knows whether its server is open."""
    if node.open is not None or node.vip is False:
        return False
    return node.verdict is None or severity_of(node.verdict) == CANNOT_TELL


def lag(node: NodeSeen) -> int | None:
    """Seconds that its server shows to be behind the other node, of the slowest channel; what GTIDs
    disprove is no lag."""
    if node.server is None:
        return None
    shown = [each.lag_seconds for each in node.server.channels if each.lag_seconds is not None]
    behind = max(shown, default=None)
    lacks = node.server.lacks
    return 0 if behind and lacks is not None and not lacks.gtids else behind


def _late(node: NodeSeen) -> str:
    """What keeps it from taking over as planned, though a failover would not ask."""
    behind = lag(node) or 0
    return f", {behind} s behind: too late for a switchover" if behind > LONGEST_LAG else ""


_ROLES = {
    (True, True): "active",
    (True, False): "open without the VIP",
    (True, None): "open",
    (False, True): "holder, closed",
    (False, False): "standby",
    (False, None): "closed",
    (None, True): "holder, not answering",
    (None, False): "not answering",
    (None, None): "unknown",
}
"""By: it is open, it has the VIP."""

_PROMOTING = "holder, being promoted"

ROLES = (*_ROLES.values(), _PROMOTING)


def role(node: NodeSeen) -> str:
    """The role of the node in the pair, in the words of the manual; "unknown" if it is not
    known."""
    return _PROMOTING if node.vip and node.promoting else _ROLES[node.open, node.vip]


def judged(
    server: ServerSeen | None,
    failure: str,
    trouble: str,
    vip: bool | None,
    other: str,
    config: Config,
) -> Verdict:
    """The other node's verdict by the check's own rules, as far as SQL tells.

    It does not cover the other node's disks, marks and view of the network, and of a comparison of
    GTIDs only that it lacks nothing.

    Args:
        server: the other node's, with those channels alone that read from this one.
        failure: as in Observation; "" where there is a server.
        other: what this node is to that one: open, closed, gone.
        config: this node's, with this node's address as the peer's.
    """
    facts, found = None, NOTHING_FOUND
    if server is not None:
        facts = server.facts._replace(channels=server.channels)
        found = found._replace(caught_up=server.lacks is not None and not server.lacks.gtids)
    seen = Observation(bool(vip), False, facts, failure, trouble, peer=other, found=found)
    return judge(seen, config)


def _the_same(here: NodeSeen, there: NodeSeen) -> bool:
    """Both answers came from the same server, or from a copy of it."""
    if here.server is None or there.server is None:
        return False
    found = mismatch(here.server.facts, there.server.facts, there.address)
    return found in (SERVER_ID, SERVER_UUID)


def _first(problems: tuple[str, ...]) -> str:
    """The first problem, as the end of a sentence."""
    if not problems:
        return ""
    more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
    return f"; {problems[0]}{more}"


def why_unfit(node: NodeSeen) -> str:
    """Why it could not take over, "" if it could."""
    if node.server is None and node.verdict is None:
        return "cannot be reached"
    if node.verdict is None:
        return "has no verdict yet"
    if node.vrrp_state == NO_KEEPALIVED:
        return "is not fit: no keepalived runs there"
    if node.verdict.status:
        return f"is not fit: {node.verdict.reason}"
    return f"is not fit: {_IN_FAULT}" if node.vrrp_state == "FAULT" else ""


def _why_nobody(here: NodeSeen, there: NodeSeen) -> str:
    parts = []
    for node in (here, there):
        parts.append(f"{node.name} is {role(node)}")
    if here.vip is False and there.vip is False:
        parts.append("nobody has the VIP")
    return ", ".join(parts)


def _unchecked(age: float | None) -> str:
    """What is wrong where the keepalived that runs does not call the check, else ""."""
    if age is not None and age <= LONGEST_SILENCE:
        return ""
    if age is None:
        said = "has never called check_mysql --fence"
    else:
        said = f"has not called check_mysql --fence for {span(age)}"
    return f"keepalived {said}: kachecks doctor says what to do"


def _of_events(server: ServerSeen) -> list[str]:
    if server.idle_events:
        why = "kachecks doctor --explain IDLE_EVENTS says why"
        return [f"events do not run there: {server.idle_events}: {why}"]
    if server.idle_events_trouble:
        return [f"whether all events run there is not known: {server.idle_events_trouble}"]
    return []


def _problems(status: Status) -> tuple[str, ...]:
    here, there = status.here, status.there
    found = []
    if here.vip and there.vip:
        found.append(f"the VIP is here and another host answers for it too: {there.vip_said}")
    for node in (here, there):
        verdict = node.verdict
        if verdict is not None and verdict.problem:
            found.append(f"{node.name}: {verdict.reason}: {verdict.sentence}")
        elif node.server is None:
            found.append(f"{node.name}: {node.trouble}")
        elif verdict is None:
            found.append(f"{node.name}: {node.verdict_said}")
        if node.open and node.vip is False:
            found.append(f"{node.name} is open without the VIP")
        if node.open and node.server is not None:
            found += [f"{node.name}: {each}" for each in _of_events(node.server)]
    for node, other in ((here, there), (there, here)):
        lacks = None if node.server is None else node.server.lacks
        if node.open and other.open is False and lacks is not None and lacks.transactions:
            found.append(
                f"{node.name} is open, and lacks transactions ({lacks.transactions}) that"
                f" {other.name} has: kachecks rejoin on {other.name} says which"
            )
    if here.vrrp_state == "FAULT" and here.verdict is not None and not here.verdict.status:
        found.append(f"{here.name}: {_IN_FAULT}")
    elif here.vrrp_state in ("FAULT", "INIT"):
        found.append(f"{here.name}: keepalived is {here.vrrp_state}: the VIP cannot come here")
    if here.vrrp_state == NO_KEEPALIVED:
        found.append(f"{here.name}: {here.vrrp_said}: nothing moves the VIP")
    elif status.marks is not None and _unchecked(status.marks.check_age):
        found.append(f"{here.name}: {_unchecked(status.marks.check_age)}")
    if status.marks is not None and status.marks.permit is False:
        found.append(f"{here.name}: the permit to hold the VIP is withdrawn")
    if here.vrrp is not None and (here.vrrp_state == "MASTER") is not here.vip:
        place = "here" if here.vip else "not here"
        found.append(f"{here.name}: keepalived is {here.vrrp_state} and the VIP is {place}")
    return tuple(found)
