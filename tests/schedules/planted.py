"""Bugs to plant in the real code, to prove that the schedules find them.

(a) to (v) are the mistakes that are easy to make, each seen in earlier drafts or in other suites.
The words after them take one rule of the design away; what the schedules never need is to be
proposed for removal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from kachecks.check import (
    deep_look,
    lateness,
    look,
    one_run,
    stalled,
    unanswered,
    unopened,
    verdict,
)
from kachecks.mysql import positions, queries, stopping
from kachecks.mysql.probe import probe, probe_access
from kachecks.state.files import Lock
from kachecks.state.marks import Marks
from kachecks.transitions import (
    closing,
    demotion,
    giving_way,
    orderly_stop,
    peer,
    peer_search,
    promotion,
    reconcile,
)
from kachecks.transitions import sessions as promotion_sessions
from kachecks.transitions.presence import must_see_a_witness
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import PEER_STATEMENT, STATEMENT, Sessions, own_server
from kachecks.transitions.waiting_for_lock import lock_to_demote
from tests.schedules import programs
from tests.schedules.outside import SimulatedNetwork, node_of


def _open_without_a_second_look(sessions: Any) -> None:
    node, local = sessions.node, sessions.local
    sessions.ping()
    node.marks.mark_open(node.servers.process_of(local))
    with own_server():
        local.execute(queries.OPEN_WRITES, STATEMENT)
        sessions.must_go_on()


def _backup_by_name(node: Any, program: Any) -> object:
    here = node_of(node, program)
    lock_to_demote(here, node.config.fence_timeout)
    try:
        return reconcile.demotion(here, Steps(here), "x", node.config.fence_timeout).outcome
    finally:
        here.lock.release()


def _close_peer_late(sessions: Any, session: Any, _half_closed: bool) -> Any:
    """Its target is what the peer had committed before it was closed."""
    sessions.forget_peer()
    fenced = False
    try:
        facts = probe(session, PEER_STATEMENT)
        target = positions.executed(session, PEER_STATEMENT)
        session.execute(queries.LET_GO_WHEN_SILENT, PEER_STATEMENT)
        sessions.peer = promotion_sessions.Peer(session, facts)
        sessions.lock()
        if not probe_access(session, PEER_STATEMENT).closed:
            if sessions.had_to_wait:
                raise Refusal("promoted meanwhile")
            must_see_a_witness(sessions, "the peer is open")
            peer._fence(sessions, session)
            fenced = True
    except BaseException:
        session.close()
        sessions.peer = None
        raise
    return peer_search.Settled("peer closed", target, sessions.node.clock.now(), fenced=fenced)


def _silent_without_witness(search: Any, error: Exception) -> Any:
    if search._sessions.node.config.witnesses:
        left = search._grace_ends - search._sessions.node.clock.now()
        if left > peer_search.STILL_FRESH:
            return None
        search._sessions.pause(max(left, 0.0))
    return search._gone(f"peer silent: {error}")


def _kill_anything(real: Any) -> Any:
    def last_resort(node: Any, *arguments: Any, **named: Any) -> Any:
        if node.marks.open_mark() is None:
            node.marks.mark_open(node.marks.last_server())
        return real(node, *arguments, **named)

    return last_resort


def _stalled_by_age(_before: Any, seen: Any, progress: Any, now: float) -> Any:
    """One look at the age of a statement, or at a disk."""
    old = [each for each in seen if now - each.began >= stalled.STALLED_AFTER]
    return stalled.Stall(old[0].what if old else "", signs=stalled.Signs(seen, progress))


def _wait_for_end(stop: Any, budget: Any) -> Any:
    if stop._node.servers.wait_for_end(stop._process, budget.left()):
        return orderly_stop.ENDED
    return orderly_stop.Stopped(False, "it has not ended")


def _end_by_its_error(_sessions: Any, error: Exception) -> None:
    raise error


def _first_that_fits(seen: Any, config: Any) -> Any:
    role = "holder" if seen.holder else "standby"
    for rule in sorted(verdict.RULES, key=lambda rule: rule.status):
        sentence = rule.fits(seen, config)
        if sentence:
            effect = rule.holder if seen.holder else rule.standby
            status = rule.status if effect.failing(seen, config) else 0
            return verdict.Verdict(rule.reason, status, sentence, role)
    return verdict.Verdict("OK", 0, "", role)


def _hung(node: Any, session: Any, _identity: Any, error: Any, *_: Any) -> Any:
    return unanswered._failed(look.Asked(session), error, node.config)


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _no(*_: Any, **__: Any) -> bool:
    return False


BUGS: dict[str, tuple[str, list[tuple[Any, str, Any]]]] = {
    "a": (
        "no second look at the VIP before opening",
        [(promotion, "_open", _open_without_a_second_look)],
    ),
    "b": ("no lock on the servers", [(Sessions, "lock", _nothing)]),
    "c": (
        "opening on a silent peer without a look at the witness",
        [(peer_search.Search, "_silent", _silent_without_witness)],
    ),
    "d": (
        "notify_backup acts on its name instead of the VIP",
        [(programs, "notify_backup", _backup_by_name)],
    ),
    "e": (
        "draining to a target read before the peer was closed",
        [(peer, "_close_peer", _close_peer_late)],
    ),
    "f": ("no leaving mark", [(Marks, "is_leaving", _no)]),
    "g": (
        "killing without the open mark",
        [(demotion, "_last_resort", _kill_anything(demotion._last_resort))],
    ),
    "h": (
        "a gave_way mark that clears at once",
        [(giving_way, "may_return", lambda *_: "at once")],
    ),
    "i": ("superseded after one look instead of a second one", [(giving_way, "CLOSED_FOR", 0.0)]),
    "j": (
        "opening as soon as the peer refuses",
        [(peer_search, "still_connected", _no), (peer_search, "is_holder", _no)],
    ),
    "k": (
        "writes that count as stalled by the age of a statement",
        [(deep_look.stalled, "judged", _stalled_by_age)],
    ),
    "l": (
        "a standby that was seen to be late, and forgets it when the peer is gone",
        [
            (promotion, "_must_not_be_stale", _nothing),
            (lateness, "unasked", lambda *seen: seen[-1]),
        ],
    ),
    "m": (
        "peer_grace that counts from the start of the promotion",
        [(Sessions, "heard_nothing", lambda _: -1000.0)],
    ),
    "n": ("a firewall's refusal that counts as death", [(peer_search, "is_holder", _no)]),
    "o": (
        "an opening that ends with the server's error, and is tried again for ever",
        [
            (promotion, "_open_after_all", _end_by_its_error),
            (reconcile, "_may_be_open", lambda node, _: node.marks.open_mark() is not None),
            (unopened, "MOST_PROMOTIONS", 1000),
            (verdict, "NOT_OPEN_AFTER", 1000.0),
        ],
    ),
    "p": (
        "the first rule that fits instead of the worst",
        [(one_run, "judge", _first_that_fits), (unopened, "judge", _first_that_fits)],
    ),
    "q": (
        "a server that does not tell how it replicates, and counts as hung",
        [(unanswered, "unanswered", _hung)],
    ),
    "r": (
        "looks that each leave a session waiting",
        [(look, "must_not_be_stuck", _nothing), (deep_look, "must_not_be_stuck", _nothing)],
    ),
    "s": (
        "a server that shuts down, and is killed when fence_timeout is over",
        [(orderly_stop.OrderlyStop, "wait", _wait_for_end)],
    ),
    "t": (
        "a server that shuts down, and is cut off before the peer has its last commits",
        [(stopping.Sessions, "all_sent", lambda *_: True)],
    ),
    "u": (
        "a server that shuts down, and counts as finished while a client commits",
        [(stopping.Sessions, "may_commit", False)],
    ),
    "v": (
        "a closing that ends where nobody tells who is connected",
        [(closing.Closing, "_cut", lambda closes, *given: closes._cutter.cut(*given))],
    ),
}

RULES: dict[str, tuple[str, list[tuple[Any, str, Any]]]] = {
    "flock": ("the lock of the hooks", [(Lock, "try_to_take", lambda *_: True)]),
    "wait_timeout": (
        "sessions that let go when silent",
        [(queries, "LET_GO_WHEN_SILENT", queries.PING)],
    ),
    "cold_start": ("the rule on cold starts", [(promotion, "_must_not_be_cold", _nothing)]),
    "peer_is_back": ("a last look at a silent peer", [(promotion, "peer_is_back", _no)]),
    "had_to_wait": ("giving way to a promotion one has waited for", []),
    "isolation": (
        "an isolated holder closes itself",
        [(look.Isolation, "sentence", lambda _: "")],
    ),
    "witness": ("a witness before fencing", [(peer, "must_see_a_witness", _nothing)]),
    "permit": ("the withdrawn permit", [(Marks, "withdraw_permit", _nothing)]),
    "hold": ("10 s before a node that gave way returns by itself", [(giving_way, "HOLD", 0.0)]),
    "redirect": ("announcing the new holder", [(giving_way, "redirect_clients", _nothing)]),
    "hears": ("adverts of the peer", [(SimulatedNetwork, "hears_peer", _no)]),
    "holder": ("who answers for the VIP", [(SimulatedNetwork, "holder_elsewhere", lambda _: "")]),
    "on_link": ("who answers ARP", [(SimulatedNetwork, "peer_on_link", _no)]),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The real code, with this bug in it."""
    changes = {**BUGS, **RULES}[name][1]
    patches = [mock.patch.object(where, what, value) for where, what, value in changes]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()
