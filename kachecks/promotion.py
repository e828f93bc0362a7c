"""Open this node's server for writes, if it is safe: the VIP has come and MySQL must follow.

Reads top to bottom as the manual's list: own session; the peer, closed and counted, under the
lock on both servers; everything received applied; the peer once more; open. Every way out but
the last leaves the server closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from kachecks import positions, queries
from kachecks.demotion import NotClosed, close_writes, own_users
from kachecks.facts import Channel, Facts, channels_from
from kachecks.host import Budget, Host
from kachecks.positions import Position
from kachecks.probe import probe, probe_access
from kachecks.session import (
    DriverError,
    Lost,
    NoAnswer,
    Refused,
    ServerError,
    Session,
    SessionError,
    Unreachable,
)
from kachecks.steps import Outcome, Steps

STATEMENT = 2.0
"""Seconds for one statement; the server ends our sessions after 3 s of silence."""

PEER_CONNECT = 0.6
"""Seconds for the driver to connect to the peer; where nothing answers, a second SYN follows for
0.3 s (session), so a silent peer costs one second."""

PEER_STATEMENT = 1.0
"""Seconds for one statement at the peer."""

STILL_FRESH = 0.5
"""Seconds for which a look at a silent peer need not be repeated right before opening."""

LOCK_PATIENCE = 8.0
"""Seconds to wait for the other node's promotion."""


class Refusal(Exception):
    """This node must not open; the text says why."""


class Interrupted(Refusal):
    """A session ended, and with it our lock: this promotion is over; a new one may begin."""


class PeerChanged(Exception):
    """The peer is not as it was a moment ago: ask it anew, from the beginning."""


class VipGone(Exception):
    """The VIP has left this host: nothing to promote any more."""


class Peer(NamedTuple):
    """The other server, with the session that holds the lock there."""

    session: Session
    facts: Facts


def promote(host: Host, steps: Steps) -> Outcome:
    """Open this node's server, or say why not. The caller holds the pair's lock.

    Raises:
        VipGone: the VIP is not here, or left while this was at work. The server may have been
            opened in that very moment, so the caller demotes.
    """
    promotion = Promotion(host, steps)
    try:
        return promotion.run()
    except Interrupted as interruption:
        return Outcome("promote", "interrupted", str(interruption), done=False, changed=False)
    except Refusal as refusal:
        return Outcome("promote", "refused", str(refusal), done=False, changed=False)
    finally:
        promotion.close()


class Promotion:
    """One promotion: its two sessions, which must both live until the end."""

    def __init__(self, host: Host, steps: Steps) -> None:
        self._host = host
        self._steps = steps
        self._local: Session | None = None
        self._peer: Peer | None = None
        self._last_ping = host.now()
        self._had_to_wait = False
        self._fenced = False
        self._mute_accepted = False
        self._settled_at = host.now()

    def run(self) -> Outcome:
        """The steps in their order."""
        local, facts = self._connect()
        self._steps.done("connect")
        if facts.writable:
            return self._already_open(local, facts)
        while True:
            target, said = self._settle_peer(local, facts)
            self._steps.done("peer")
            self._drain(local, facts, target)
            self._steps.done("drain")
            if self._peer is not None or not self._peer_is_back():
                break
        with _own_server():
            position = positions.executed(local, facts.version, STATEMENT).text
        self._open(local)
        self._steps.done("open")
        why = f"{said}; all that was received is applied"
        return Outcome("promote", "opened", why, done=True, changed=True, position=position)

    def close(self) -> None:
        """End both sessions, and with them their locks."""
        for session in (self._local, self._peer.session if self._peer else None):
            if session is not None:
                session.close()

    def _already_open(self, local: Session, facts: Facts) -> Outcome:
        """A second notify_master, or a server that booted open: it stays so, the peer must not."""
        self._host.mark_open(self._host.server_process(local))
        try:
            _, said = self._settle_peer(local, facts)
        except Refusal as refusal:
            why = f"this server is open already, but {refusal}"
            return Outcome("promote", "already open", why, done=False, changed=False)
        why = f"this server is open already; {said}"
        return Outcome("promote", "already open", why, done=True, changed=self._fenced)

    def _connect(self) -> tuple[Session, Facts]:
        """The one session of this node's server that will also open it."""
        self._vip_must_be_here()
        with _own_server():
            local = self._local = self._host.connect_local(STATEMENT)
            facts = probe(local, STATEMENT)
            local.execute(queries.LET_GO_WHEN_SILENT, STATEMENT)
        return local, facts

    # --- the other node ---

    def _settle_peer(self, local: Session, facts: Facts) -> tuple[Position | None, str]:
        """See to it that the peer does not write: what it has committed, and what it said.

        Raises:
            Refusal: it may be writing, or about to.
        """
        patience = self._host.config.hung_after + self._host.config.fence_timeout
        look_on = Budget(self._host, patience)
        while True:
            self._vip_must_be_here()
            try:
                session = self._host.connect_peer(PEER_CONNECT)
                return self._close_peer(local, facts, session), "peer closed"
            except Unreachable as error:
                said = f"peer silent: {error}"
                break
            except Refused as refusal:
                said = f"peer down: {refusal}"
                if not self._peer_still_connected(local):
                    break
                if look_on.over:
                    raise Refusal(
                        f"{refusal}, but its replication connections to this server are still"
                        f" up after {patience:g} s: it may not have ended"
                    ) from None
            except (NoAnswer, Lost) as error:
                said = f"peer mute: {error}; on_hung_peer = open"
                if look_on.over:
                    if self._host.config.on_hung_peer == "open":
                        self._mute_accepted = True
                        break
                    raise Refusal(
                        f"the peer's host is alive but its server mute ({error});"
                        " on_hung_peer = refuse"
                    ) from None
            except PeerChanged:
                look_on = Budget(self._host, patience)
            except (ServerError, DriverError) as error:
                raise Refusal(f"the peer cannot be asked, or not be closed: {error}") from None
            self._pause(local, 0.05)
        self._lock(local, facts)
        self._settled_at = self._host.now()
        return None, said

    def _close_peer(self, local: Session, facts: Facts, session: Session) -> Position:
        """Close the peer if it is open; then all that it has committed.

        Raises:
            Refusal: it is not our peer, or will not be closed.
            SessionError: the peer's.
        """
        if self._peer is not None:
            self._peer.session.close()
            self._peer = None
        try:
            peer = Peer(session, probe(session, PEER_STATEMENT))
            self._must_be_our_peer(facts, peer.facts)
            session.execute(queries.LET_GO_WHEN_SILENT, PEER_STATEMENT)
            self._peer = peer
            self._lock(local, facts)
            if not probe_access(session, PEER_STATEMENT).closed:
                if self._had_to_wait:
                    raise Refusal("the other node was promoted while this one waited for it")
                self._fence(local, session)
            return positions.executed(session, peer.facts.version, PEER_STATEMENT)
        except BaseException:
            session.close()
            self._peer = None
            raise

    def _fence(self, local: Session, session: Session) -> None:
        budget = Budget(self._host, self._host.config.fence_timeout)
        try:
            closed = close_writes(
                self._host,
                session,
                own_users(self._host),
                budget,
                each_round=lambda: self._keep_alive(local),
            )
        except (NotClosed, NoAnswer) as error:
            self._must_have_closed(error)
            raise PeerChanged from None
        self._fenced = True
        self._steps.done(f"fence peer, {closed.cut} connections cut{closed.remark}")

    def _must_have_closed(self, error: Exception) -> None:
        """The time for fencing is over. A peer that answers and is open is no mute one.

        Raises:
            Refusal: it is open.
            SessionError: it does not answer.
        """
        session = self._host.connect_peer(PEER_CONNECT)
        try:
            if not probe_access(session, PEER_STATEMENT).closed:
                raise Refusal(f"the peer is open and cannot be closed: {error}") from None
        finally:
            session.close()

    def _must_be_our_peer(self, facts: Facts, peer: Facts) -> None:
        if peer.server_id == facts.server_id:
            raise Refusal(f"both servers have server_id {facts.server_id}: give each its own")
        sources = channels_from(facts.channels, self._host.config.peer)
        known = {channel.source_id for channel in sources if channel.source_id}
        if known and peer.identity not in known:
            raise Refusal(
                f"the server at {self._host.config.peer} is {peer.identity}, but this one"
                f" replicates from {', '.join(sorted(known))}: a different cluster's data"
            )

    def _peer_still_connected(self, local: Session) -> bool:
        """Its receiver or ours still has a live connection: its mysqld has not ended.

        A server that shuts down closes its port first and may commit for seconds.
        """
        with _own_server():
            rows = local.query(queries.PROCESSLIST, STATEMENT)
        dumping = [
            (row["Host"] or "").rpartition(":")[2]
            for row in rows
            if (row["Command"] or "").startswith("Binlog Dump")
        ]
        ports = {int(port) for port in dumping if port.isdigit()}  # none over a unix socket
        if ports and ports & self._host.connections_from_peer():
            return True
        return any(channel.receiving for channel in self._channels(local))

    def _peer_is_back(self) -> bool:
        """A last look at a peer that was down or silent: has it come back meanwhile?"""
        if self._host.now() - self._settled_at < STILL_FRESH:
            return False
        try:
            self._host.connect_peer(PEER_CONNECT).close()
        except (Refused, Unreachable):
            return False
        except (NoAnswer, Lost):
            return not self._mute_accepted
        except SessionError:
            return True
        return True

    # --- the lock on both servers ---

    def _lock(self, local: Session, facts: Facts) -> None:
        """Take the lock on this server and, where it answers, on the peer.

        In the order of their server_id, the same on both nodes, so that two promotions never
        wait for each other.

        Raises:
            Refusal: the other node's promotion has not ended within LOCK_PATIENCE seconds.
        """
        budget = Budget(self._host, LOCK_PATIENCE)
        with _own_server():
            local.execute(queries.RELEASE_LOCKS, STATEMENT)
        if self._peer is None:
            with _own_server():
                self._take_lock(local, local, budget)
        elif self._peer.facts.server_id < facts.server_id:
            self._take_lock(local, self._peer.session, budget)
            with _own_server():
                self._take_lock(local, local, budget)
        else:
            with _own_server():
                self._take_lock(local, local, budget)
            self._take_lock(local, self._peer.session, budget)

    def _take_lock(self, local: Session, session: Session, budget: Budget) -> None:
        sql = queries.take_lock(self._host.config.name, 1)
        while session.query(sql, STATEMENT)[0]["taken"] != "1":
            self._had_to_wait = True
            self._vip_must_be_here()
            self._keep_alive(local)
            if budget.over:
                raise Refusal("the other node's promotion has not ended in time")

    # --- what was received ---

    def _drain(self, local: Session, facts: Facts, target: Position | None) -> None:
        """Wait until all that was received, and all of ``target``, is applied.

        Raises:
            Refusal: it cannot be, or there was no progress for drain_timeout.
        """
        config = self._host.config
        patience = Budget(self._host, config.drain_timeout)
        restarted: set[tuple[str, str]] = set()
        before: object = None
        pause = 0.002
        while True:
            channels = self._channels(local)
            if self._give_up_on(channels):
                return
            left = self._left_to_apply(local, facts, channels, target)
            if not left:
                return
            self._restart_threads(local, facts, channels, restarted)
            progress = self._progress(local, facts, channels)
            if progress != before:
                before, patience = progress, Budget(self._host, config.drain_timeout)
            if patience.over:
                if config.on_drain_timeout == "open":
                    return
                raise Refusal(f"no progress for {config.drain_timeout:g} s in applying {left}")
            self._pause(local, pause)
            pause = min(pause * 2, 0.05)

    def _progress(self, local: Session, facts: Facts, channels: tuple[Channel, ...]) -> object:
        """Something that changes whenever a transaction is received or applied."""
        with _own_server():
            executed = positions.executed(local, facts.version, STATEMENT)
        marks = [(each.received_gtid, each.received_file, each.applied_file) for each in channels]
        return executed, marks

    def _channels(self, local: Session) -> tuple[Channel, ...]:
        with _own_server():
            channels = probe(local, STATEMENT).channels
        return channels_from(channels, self._host.config.peer)

    def _give_up_on(self, channels: tuple[Channel, ...]) -> bool:
        """Replication is broken: never skipped or forced unless the operator has said so.

        Raises:
            Refusal: on_broken_replica = refuse.
        """
        broken = "" if channels else "this server does not replicate from the peer"
        for channel in channels:
            if not channel.applier and channel.applier_errno:
                broken = (
                    f"the applier has stopped with error {channel.applier_errno}:"
                    f" {channel.applier_error}"
                )
        if broken and self._host.config.on_broken_replica == "refuse":
            raise Refusal(f"{broken}; on_broken_replica = refuse")
        return bool(broken)

    def _left_to_apply(
        self,
        local: Session,
        facts: Facts,
        channels: tuple[Channel, ...],
        target: Position | None,
    ) -> str:
        with _own_server():
            for channel in channels:
                left = positions.unapplied(
                    local, facts.version, channel, facts.server_id, STATEMENT
                )
                if left:
                    return left
            if target is None:
                return ""
            left = positions.missing(local, facts.version, target, channels, STATEMENT)
        lost = positions.lost_of(facts.identity, left)
        if lost:
            raise Refusal(
                f"the peer has transactions of this server that it no longer has: {lost};"
                " it was rebuilt, or has lost data"
            )
        return left

    def _restart_threads(
        self,
        local: Session,
        facts: Facts,
        channels: tuple[Channel, ...],
        restarted: set[tuple[str, str]],
    ) -> None:
        """Start a stopped applier; reconnect a receiver now rather than in connect_retry seconds.

        Each once. MariaDB with GTID throws its relay log away when a thread is started while
        both stand still: only where the peer is there to send it again.

        Raises:
            Refusal: what was received would be lost.
        """
        for channel in channels:
            thread = "receiver" if channel.applier else "applier"
            if (thread, channel.name) in restarted:
                continue
            with _own_server():
                if not channel.applier and channel.receiver == "No" and facts.version.mariadb:
                    if self._peer is None and channel.gtid:
                        raise Refusal(
                            "both replication threads are stopped and the peer is not there:"
                            " MariaDB would throw away what was received; START SLAVE by hand"
                        )
                    local.execute(queries.start_replication(facts.version, channel.name), STATEMENT)
                elif not channel.applier:
                    local.execute(queries.start_applier(facts.version, channel.name), STATEMENT)
                elif self._peer is not None and not channel.receiving:
                    local.execute(queries.stop_receiver(facts.version, channel.name), STATEMENT)
                    local.execute(queries.start_receiver(facts.version, channel.name), STATEMENT)
                else:
                    continue
            restarted.add((thread, channel.name))

    # --- the end ---

    def _open(self, local: Session) -> None:
        """Open, with the VIP looked for before and after.

        The mark comes first: if this process dies in between, the next demotion still knows
        which mysqld may be open.
        """
        self._ping(local)
        process = self._host.server_process(local)
        self._host.mark_open(process)
        self._vip_must_be_here()
        with _own_server():
            local.execute(queries.OPEN_WRITES, STATEMENT)
            self._vip_must_be_here()
            if self._host.take_events_note(process):
                local.execute(queries.SWITCH_ON_EVENTS, STATEMENT)

    def _pause(self, local: Session, seconds: float) -> None:
        self._vip_must_be_here()
        self._keep_alive(local)
        self._host.sleep(seconds)

    def _vip_must_be_here(self) -> None:
        if not self._host.vip_here():
            raise VipGone

    def _keep_alive(self, local: Session) -> None:
        if self._host.now() - self._last_ping > 0.5:
            self._ping(local)

    def _ping(self, local: Session) -> None:
        """Both sessions must be alive: with one of them, a lock is gone. Raises Interrupted."""
        self._last_ping = self._host.now()
        with _own_server():
            local.query(queries.PING, STATEMENT)
        if self._peer is not None:
            try:
                self._peer.session.query(queries.PING, PEER_STATEMENT)
            except SessionError as error:
                raise Interrupted(f"the peer stopped answering: {error}") from None


@contextmanager
def _own_server() -> Iterator[None]:
    """Trouble with this node's own server ends the promotion, and is never taken for the peer's."""
    try:
        yield
    except SessionError as error:
        raise Interrupted(f"this node's own server: {error}") from None
