"""One look at this node: the VIP, its server, and whether a promotion is at work."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.check.verdict import Observation
from kachecks.config.options import Config
from kachecks.mysql.errors import (
    ABSENT,
    CANNOT_LOG_IN,
    MUTE,
    NOT_ALLOWED,
    Lost,
    ServerError,
    SessionError,
    word_for,
)
from kachecks.mysql.facts import Facts, channels_by_address
from kachecks.mysql.probe import probe
from kachecks.mysql.session import Session
from kachecks.node import Node


def observe(node: Node) -> tuple[Observation, Session | None]:
    """What is seen within hung_after seconds, and the session by which the server was asked."""
    config = node.config
    here = node.network.vip_here()
    budget = Budget(node.clock, config.hung_after)
    session: Session | None = None
    facts: Facts | None = None
    failure = detail = ""
    while True:
        try:
            session = node.servers.connect_local(budget.left())
            facts = probe(session, budget.left())
            failure = detail = ""
            break
        except SessionError as error:
            failure, detail = word_for(error), f"{error}{_cure(error, config)}"
            if budget.over or not isinstance(error, Lost):
                break
        node.clock.sleep(0.05)
    promoting = (
        here
        and (facts is None or not facts.writable)
        and node.lock.purpose_of_holder() == "promote"
    )
    return Observation(here, promoting, facts, failure, detail), session


def _cure(error: SessionError, config: Config) -> str:
    if word_for(error) in (MUTE, ABSENT):
        return f" (hung_after = {config.hung_after:g} s)"
    if isinstance(error, ServerError) and error.errno in CANNOT_LOG_IN | NOT_ALLOWED:
        return f"; check [client] in {config.path} and the grants in keepalived-snippets"
    return ""


def is_due(node: Node, session: Session, facts: Facts) -> bool:
    """A closer look is due: the last one is peer_check seconds old, or found something.

    It is also due as long as this closed server has not been seen up to date with the peer since it
    started.
    """
    last = node.marks.last_look()
    if last is None or last.wrong or node.clock.now() - last.at >= node.config.peer_check:
        return True
    return not facts.writable and not node.marks.had_contact(node.servers.process_of(session))


def notice_peer(node: Node, facts: Facts) -> None:
    """Remove the alone mark if replication from the peer is connected, so that it must be alive.
    Raises StateError.

    If the peer has just vanished, the server notices only after replica_net_timeout. The next
    closer look sets the mark again.
    """
    last = node.marks.last_look()
    if last is None or last.alone is False:
        return
    lives = any(each.receiving for each in channels_by_address(facts.channels, node.config.peer))
    if lives and node.served_alone.unmark():
        node.marks.remember_look(last._replace(alone=False))


LAST_ATTEMPT = 0.3
"""Seconds for one more ping where isolation_timeout has already passed within this run."""

SLOW = 0.5
"""Seconds after which an answer of the network is no longer fresh."""


class Isolation:
    """What one run of the check knows of the network."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._addresses = [node.config.peer, *node.config.witnesses]
        self._last_answer = node.clock.now()

    def sentence(self) -> str:
        """Says that nobody has answered for isolation_timeout seconds; "" if somebody has.

        Raises OSError: this account may not ping.
        """
        if not self._node.config.witnesses:
            return ""
        timeout = self._node.config.isolation_timeout
        left = self._last_answer + timeout - self._node.clock.now()
        if self._node.network.answers(self._addresses, max(left, LAST_ATTEMPT)):
            self._last_answer = self._node.clock.now()
            return ""
        names = ", ".join(self._node.config.witnesses)
        return (
            f"neither the peer {self._node.config.peer} nor a witness ({names}) has answered for"
            f" {timeout:g} s"
        )

    @property
    def stale(self) -> bool:
        """The last answer is so old that it is worth asking again."""
        return self._node.clock.now() - self._last_answer > SLOW
