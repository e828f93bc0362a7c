"""One look at this node: the VIP, its server, and whether a promotion is at work."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.check.verdict import Observation
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql.errors import MUTE, REFUSING, UNKNOWN, Lost, SessionError
from kachecks.mysql.facts import Facts
from kachecks.mysql.probe import must_not_be_stuck, probe_identity, probe_replication
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.marks import Look


class Asked(NamedTuple):
    """What has come of asking this node's server."""

    session: Session | None
    facts: Facts | None = None  # None: it could not be asked
    failure: str = ""  # one of the words of mysql.errors, where it could not be asked all
    detail: str = ""  # the same in words
    status_waits: bool = False  # it has said who it is, and not how it replicates


ASK_AGAIN = 1.0
"""Seconds of hung_after, a third of it at most, that are kept for a second question to a server
that is open and does not tell how it replicates."""


def observe(node: Node, last: Look | None) -> tuple[Observation, Session | None]:
    """What is seen within hung_after seconds, and the session by which the server was asked.

    Args:
        last: the last closer look.
    """
    config = node.config
    here = node.network.vip_here()
    missing = "" if here or len(config.vips) < 2 else missing_vips(node)
    asked = _ask(node, here or bool(missing), last is not None and last.wrong)
    facts, failure, detail = asked.facts, asked.failure, asked.detail
    but = node.cut_off_server() if failure == REFUSING else ""
    if but:
        failure, detail = UNKNOWN, f"{detail}, {but}"
    promoting = (
        here
        and (facts is None or not facts.writable)
        and node.lock.purpose_of_holder() == "promote"
    )
    if missing and (facts is None or facts.writable):
        here = True  # it serves by the others, and is not closed for an address in an option file
    seen = Observation(here, promoting, facts, failure, detail)
    return seen._replace(vips_missing=missing, status_waits=asked.status_waits), asked.session


OVERSLEPT = 0.1
"""A time-out that comes so many seconds too late is this process's own: it was stopped, or had no
CPU, and nothing is known of the server."""

WIDE_AWAKE = 1.0
"""Seconds for a server to answer after that. One that works needs a few milliseconds."""


def _ask(node: Node, vip_here: bool, was_wrong: bool) -> Asked:
    """Ask this node's server who it is, whether it is open, and how it replicates."""
    begun, seconds = node.clock.now(), node.config.hung_after
    asked = _ask_within(node, vip_here, was_wrong, seconds)
    overslept = node.clock.now() - begun > seconds + OVERSLEPT
    if not overslept or not (asked.failure == MUTE or asked.status_waits):
        return asked
    if asked.session is not None:
        asked.session.close()
    return _ask_within(node, vip_here, was_wrong, WIDE_AWAKE)


def _ask_within(node: Node, vip_here: bool, was_wrong: bool, hung_after: float) -> Asked:
    budget = Budget(node.clock, hung_after)
    while True:
        session: Session | None = None
        identity: Facts | None = None
        try:
            session = node.servers.connect_local(budget.left())
            identity = probe_identity(session, budget.left())
            seconds = budget.left()
            if vip_here and identity.writable:
                seconds = max(seconds - min(ASK_AGAIN, hung_after / 3), 0.0)
            if was_wrong:
                must_not_be_stuck(session, seconds)
            facts = probe_replication(session, identity, seconds)
            return Asked(session, node.of_the_peer(facts))
        except SessionError as error:
            from kachecks.check.unanswered import unanswered

            asked = unanswered(node, session, identity, error, budget, vip_here)
            if budget.over or not isinstance(error, Lost):
                return asked
        node.clock.sleep(0.05)


BETWEEN_TWO_VIPS = 0.3
"""Seconds between two looks at several VIPs: keepalived adds and removes them one after another,
within milliseconds."""


def missing_vips(node: Node) -> str:
    """The VIPs that are not here, "" unless others are, at two looks. Raises OSError."""
    missing = node.network.vips_missing()
    if not 0 < len(missing) < len(node.config.vips):
        return ""
    node.clock.sleep(BETWEEN_TWO_VIPS)
    missing = node.network.vips_missing()
    return ", ".join(missing) if len(missing) < len(node.config.vips) else ""


def is_due(
    node: Node, session: Session, facts: Facts, last: Look | None, peer_answers: bool | None
) -> bool:
    """A closer look is due: the last one is peer_check seconds old, or found something.

    It is also due when a peer that was off answers a ping, while this server says that it is late
    (only GTIDs can disprove that), and as long as this closed server has not been seen up to date
    with the peer since it started.
    """
    if (
        last is None
        or last.wrong
        or (last.off_since and peer_answers)
        or node.clock.now() - last.at >= node.config.peer_check
    ):
        return True
    if not facts.channels_known:
        return True
    if any((channel.lag_seconds or 0) > node.config.max_lag for channel in facts.channels):
        return True
    return not facts.writable and not node.marks.had_contact(node.servers.process_of(session))


def notice_peer(node: Node, facts: Facts, last: Look | None) -> None:
    """Remove the alone mark if replication from the peer is connected, so that it must be alive.
    Raises StateError.

    If the peer has just vanished, the server notices only after replica_net_timeout. The next
    closer look sets the mark again.
    """
    if last is None or last.alone is False:
        return
    lives = any(each.receiving for each in facts.channels)
    if lives and node.served_alone.unmark():
        node.marks.remember_look(last._replace(alone=False))


PEER_PATIENCE = 0.25
"""Seconds for the peer's host to answer one of three pings. Only then is it silent, and whoever is
promoted later counts from there."""

LAST_ATTEMPT = 0.3
"""Seconds for asking once more where isolation_timeout has already passed within this run."""

WITHOUT_WITNESS = 60.0
"""Seconds for which an open node goes on without an answer of anybody, if its peer has long been
off. A router restarts in less. Whoever repairs the other node meanwhile, and opens it by hand, can
rely on this one being closed after that."""

ASK_THE_LINK = 0.09
"""Seconds of isolation_timeout, half of it at most, for the peer to answer ARP where nobody has
answered a ping: three probes of 30 ms."""

SLOW = 0.5
"""Seconds after which an answer of the network is no longer fresh."""


class Isolation:
    """What one run of the check knows of the network."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._addresses = [node.config.peer, *node.config.witnesses]
        self._last_answer = node.clock.now()
        self.holds_out = False
        """Nobody answers, and this node goes on all the same."""
        self.peer_answered: bool | None = None
        """The peer's host has answered the last ping; None: it was not asked."""

    def sentence(self) -> str:
        """Says that nobody has answered for isolation_timeout seconds; "" if somebody has.

        Raises OSError: this account may not ping.
        """
        if not self._node.config.witnesses:
            return ""
        network, peer = self._node.network, self._node.config.peer
        timeout = self._node.config.isolation_timeout
        left = self._last_answer + timeout - self._node.clock.now()
        patience = max(left, LAST_ATTEMPT)
        ask_the_link = min(ASK_THE_LINK, patience / 2)
        if network.answers(self._addresses, patience - ask_the_link):
            return self._heard()
        # Ping may be filtered between the nodes, and then the witness alone would decide.
        with suppress(OSError):  # without CAP_NET_RAW the pings alone decide, as behind a router
            if network.peer_is_neighbour() and network.peer_on_link():
                return self._heard(peer_answered=True)
        self.holds_out = self._peer_is_off() and self._node.marks.cut_off_for() < WITHOUT_WITNESS
        if self.holds_out:
            return ""
        names = ", ".join(self._node.config.witnesses)
        return f"neither the peer {peer} nor a witness ({names}) has answered for {timeout:g} s"

    def _heard(self, peer_answered: bool = False) -> str:
        """Somebody has answered just now; "" as in ``sentence``."""
        network, peer = self._node.network, self._node.config.peer
        self._last_answer = self._node.clock.now()
        self.peer_answered = peer_answered or network.answers([peer], PEER_PATIENCE)
        return ""

    def _peer_is_off(self) -> bool:
        """The peer has been off for so long that it will not open when it is back.

        Until it has been up to date with this node again, it is a cold start or stale. So closing
        this node, which serves alone, would help nobody.
        """
        node, config = self._node, self._node.config
        last = node.marks.last_look()
        if last is None or not last.off_since:
            return False
        if (config.cold_start, config.on_stale_replica) != ("refuse", "refuse"):
            return False
        outdated = config.max_lag + config.hung_after + config.fence_timeout
        return node.clock.now() - last.off_since > outdated + 2 * config.peer_check

    @property
    def stale(self) -> bool:
        """The last answer is so old that it is worth asking again."""
        return self._node.clock.now() - self._last_answer > SLOW
