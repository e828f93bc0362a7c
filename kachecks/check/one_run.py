"""One run of the check on one node: look, judge, close the server before the VIP may leave, finish
what a hook has left undone.

Without ``act`` nothing is changed, ever. The healthy path runs every second on every node, so what
only a failure needs is imported where it is needed.
"""

from __future__ import annotations

from kachecks.check.look import Isolation, is_due, notice_peer, observe
from kachecks.check.verdict import Observation, Verdict, judge, needs_peer
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql.errors import ANSWERED, UNKNOWN, SessionError
from kachecks.mysql.facts import Facts, channels_by_identity
from kachecks.mysql.probe import probe_access
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.state.marks import Look, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.mysqld_process import Process
    from kachecks.state.signs import Sign

ISOLATED_PATIENCE = 1.0
"""Seconds to close a node that is cut off, since the other one opens after a fixed time
(two_clocks)."""

GIVES_WAY = frozenset(
    {"WRITES_STALLED", "DISK_FULL", "FILESYSTEM_READ_ONLY", "TWO_WRITERS", "UNABLE_TO_SERVE"}
)
"""Reasons for which a holder whose server is alive gives way: it then stays unfit until it may
return."""


class Judged(NamedTuple):
    """What a run has seen, and its verdict before anything was done about it."""

    seen: Observation
    verdict: Verdict


def run_check(node: Node, act: bool, hanging: Sign | None = None) -> Verdict:
    """Look, judge, and do what the verdict demands; the verdict that results.

    Args:
        act: whether to close, set marks and promote (--fence).
        hanging: an earlier run that hangs in the kernel, so no disk may be touched.

    Raises OSError: the kernel's address tables cannot be read.
    """
    run = Run(node, act)
    try:
        return run.act_on(run.look(hanging))
    finally:
        run.close()


class Run:
    """One run: its session with the server, and what went wrong on the way."""

    def __init__(self, node: Node, act: bool) -> None:
        self._node = node
        self._act = act
        self._session: Session | None = None
        self._trouble = ""
        self._not_a_pair = ""  # this server belongs to a cluster
        self._isolation = Isolation(node)
        self._last: Look | None = None  # the last closer look, this run's own included
        self.answered = False
        """This node's server has answered; only told with ``act``."""
        self.process: Process | None = None
        """The mysqld that has answered; None where it is not known."""

    def close(self) -> None:
        """End the session with the server."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def look(self, hanging: Sign | None = None) -> Judged:
        """Look and judge. Raises OSError."""
        seen, verdict = self._look_and_judge(hanging)
        if verdict.status and not seen.vip_here and self._node.network.vip_here():
            self.close()  # the VIP came while this run judged a standby
            seen, verdict = self._look_and_judge(hanging)
        return Judged(seen, verdict)

    def act_on(self, judged: Judged) -> Verdict:
        """Do what the verdict demands, which may change the verdict. Without ``act`` nothing is
        done."""
        node, (seen, verdict) = self._node, judged
        if not self._act:
            return verdict
        try:
            if seen.unopened and not verdict.status and not self._trouble:
                from kachecks.check.unopened import finish_promotion

                verdict = finish_promotion(node, seen, verdict)
            verdict = self._fence(seen, verdict)
        except Exception as error:  # noqa: BLE001 - what was seen still counts
            sentence = f"{verdict.sentence}; {_told(error)}"
            verdict = verdict._replace(status=verdict.status_if_open, sentence=sentence)
        if seen.holder and verdict.status and verdict.reason in GIVES_WAY:
            why = f"{verdict.reason}: {verdict.sentence}"
            self._attempt(lambda: node.marks.mark_gave_way(why))
        return verdict

    def _look_and_judge(self, hanging: Sign | None) -> tuple[Observation, Verdict]:
        seen = self._look(hanging)
        if self._act:
            self._attempt(lambda: self._node.files.must_be_roots(self._node.config.run_dir))
            self._attempt(lambda: self._keep_marks(seen))
            self._attempt(lambda: self._note_silence(seen))
            self._attempt(lambda: self._note_loss(seen))
            if seen.status_waits:
                self._attempt(self._node.marks.look_again)
        if seen.unopened:
            known = self._node.marks.unopened()
            since = 0.0 if known is None else self._node.clock.now() - known.since
            seen = seen._replace(unopened_for=since)
        verdict = judge(seen, self._node.config)
        if self._trouble and not verdict.status:  # this node could neither fence nor promote
            unknown = seen._replace(failure=UNKNOWN, detail=self._trouble)
            verdict = judge(unknown, self._node.config)
        if self._not_a_pair:  # nothing of what was seen means what it means of one of a pair
            seen = Observation(seen.vip_here, False, None, UNKNOWN, self._not_a_pair)
            verdict = judge(seen, self._node.config)
        return seen, verdict

    def _look(self, hanging: Sign | None) -> Observation:
        """Look at everything that the rules need, cheapest first."""
        node = self._node
        isolation = self._isolation = Isolation(node)
        isolated = self._isolated(isolation)
        if isolated:  # the two clocks run, so closing comes first
            return Observation(node.network.vip_here(), False, None, isolated=isolated)
        self._last = node.marks.last_look()
        seen, self._session = observe(node, self._last)
        try:
            seen = self._look_further(seen, hanging)
        except Exception as error:
            if not self._act:
                raise
            self._trouble = _told(error)
        if isolation.stale:
            seen = seen._replace(isolated=self._isolated(isolation))
        return seen

    def _look_further(self, seen: Observation, hanging: Sign | None) -> Observation:
        """At the marks, the disks, the peer."""
        node = self._node
        seen = seen._replace(
            gave_way=self._gave_way(seen), maintenance=node.current_maintenance(keep_copy=self._act)
        )
        if self._closing_comes_first(seen):
            return seen
        if self._session is not None and seen.facts is not None:
            seen = self._look_closer(self._session, seen, seen.facts, hanging)
        if needs_peer(seen, node.config):
            from kachecks.transitions.giving_way import ask_peer

            seen = seen._replace(peer=ask_peer(node))
        return seen

    def _closing_comes_first(self, seen: Observation) -> bool:
        """This server may be open, and the VIP is elsewhere: whatever the peer says, and however
        long it takes, changes nothing in that. The next run looks closer."""
        if not self._act or seen.vip_here or seen.facts is None or seen.facts.closed:
            return False
        if self._last is None or self._last.wrong:
            self._trouble = "found open without the VIP, and not looked at closely yet"
        return True

    def _isolated(self, isolation: Isolation) -> str:
        try:
            return isolation.sentence()
        except OSError as error:
            self._trouble = f"the witness cannot be asked: {error}"
            return ""

    def _gave_way(self, seen: Observation) -> str:
        """Why this node gave way and is therefore unfit; "" when it did not, or may return.

        Finding out whether it may return takes seconds, so that is done only when the server is
        closed.
        """
        node = self._node
        mark = node.marks.gave_way()
        if mark is None:
            if self._act and not node.marks.is_leaving():  # a switchover may just have withdrawn it
                self._attempt(node.marks.grant_permit)
            return ""
        if seen.facts is None or seen.facts.writable:
            return mark.why
        from kachecks.transitions.giving_way import ADVERTS_HEARD, may_return

        try:
            returns = may_return(node, seen.vip_here)
        except OSError as error:
            return f"{mark.why}; whether it may return cannot be told: {error}"
        if not returns:
            return mark.why
        if self._act:
            if returns == ADVERTS_HEARD:
                self._attempt(node.marks.note_heard)
            self._attempt(node.marks.unmark_gave_way)
            self._attempt(node.marks.grant_permit)
        return ""

    def _look_closer(
        self, session: Session, seen: Observation, facts: Facts, hanging: Sign | None
    ) -> Observation:
        node = self._node
        if (
            self._act
            and hanging is None
            and not is_due(node, session, facts, self._last, self._isolation.peer_answered)
        ):
            return seen
        from kachecks.check import deep_look

        holder = seen.vip_here and facts.writable
        try:
            found = deep_look.look_closer(node, session, facts, seen.vip_here, hanging)
            if self._act:
                deep_look.remember(node, found, holder)
                self._last = node.marks.last_look()
                if node.marks.semi_sync_noted():
                    from kachecks.transitions.semi_sync import finish_closing

                    finish_closing(node, session)
                if found.identity:
                    node.marks.note_peer(found.identity)
            if found.identity:
                channels = channels_by_identity(facts.channels, found.identity)
                seen = seen._replace(facts=facts._replace(channels=channels))
            elsewhere = (
                bool(found.degraded) and not holder and bool(node.network.holder_elsewhere())
            )
        except Exception as error:  # noqa: BLE001 - what this server has said still counts
            self._trouble = _told(error)
            return seen
        return seen._replace(found=found, peer=found.peer, vip_elsewhere=elsewhere)

    def _keep_marks(self, seen: Observation) -> None:
        """Remember which mysqld answered, whether it was open, whether it is up to date."""
        node, session, facts = self._node, self._session, seen.facts
        if not seen.vip_here or (facts is not None and facts.writable):
            node.marks.forget_unopened()
        if session is None or facts is None:
            return
        process = node.servers.process_of(session)
        self.process = process if process is not None and process.known else None
        self.answered = True
        if seen.unopened and node.marks.unopened() is None:
            node.marks.note_unopened(Unopened(node.clock.now()))
        socket, bound = node.servers.sockets_of(session)
        # One that replicates from nobody may be another server, found at a default socket before
        # ours has started: then the others are tried again.
        ours = facts.channels or not facts.channels_known
        sockets = (socket if ours else "", bound)
        if node.marks.remember_server(process, seen.found.up_to_date, sockets):
            node.served_alone.unmark()
        if not seen.found.peer:  # not asked in this run; its answer would say more
            notice_peer(node, facts, self._last)
        if facts.writable:
            node.marks.mark_open(process, lambda: self._must_be_of_a_pair(session, facts))
            self._tell_of_opening(seen.vip_here)
        elif facts.closed and node.marks.open_mark() is not None and node.lock.try_to_take("check"):
            try:  # under the lock: no promotion may be about to open it
                if probe_access(session, 1.0).closed:
                    node.marks.unmark_open()
            except SessionError:
                pass
            finally:
                node.lock.release()

    def _must_be_of_a_pair(self, session: Session, facts: Facts) -> None:
        """Without the open mark it is never killed, and asked again at the next check. Raises
        StateError: it belongs to a cluster."""
        from kachecks.mysql.ability import why_not_a_pair

        with suppress(SessionError):  # what cannot be told is one of a pair
            self._not_a_pair = why_not_a_pair(session, facts.group_member, 1.0)
        if self._not_a_pair:
            raise StateError(self._not_a_pair)

    def _note_silence(self, seen: Observation) -> None:
        """Remember since when nothing of the peer's host answers, for whoever is promoted."""
        answered = self._isolation.peer_answered
        if seen.isolated or answered or seen.found.peer in ANSWERED:
            self._node.marks.end_peer_silence()
        elif answered is False:
            self._node.marks.note_peer_silent()
        if self._isolation.holds_out:
            self._node.marks.note_cut_off()
        elif answered is not None:  # if not by the peer, then by a witness
            self._node.marks.end_cut_off()

    def _note_loss(self, seen: Observation) -> None:
        """Remember since when this standby has lost a source that goes on serving: its mysqld has
        not died, whatever refuses connections to it."""
        marks, facts = self._node.marks, seen.facts
        if facts is None or not facts.channels:
            return
        if facts.writable or any(channel.receiving for channel in facts.channels):
            marks.end_loss()
        elif not seen.vip_here and marks.lost_since() is None:
            with suppress(OSError):  # who has the VIP cannot be told
                if self._node.network.holder_elsewhere():
                    marks.note_lost()

    def _tell_of_opening(self, vip_here: bool) -> None:
        """Record an opening that nobody has recorded: its hook was killed, or it was not kachecks
        that opened."""
        node = self._node
        if not vip_here or node.marks.opening_told() or node.lock.purpose_of_holder():
            return
        from kachecks.transitions.record import Outcome, Steps

        why = "found open with the VIP here; whoever opened it has left no word"
        outcome = Outcome("promote", "opened", why, done=True, changed=True)
        Steps(node).record(outcome, "check_mysql")
        node.marks.note_opening_told()

    def _fence(self, seen: Observation, verdict: Verdict) -> Verdict:
        """Close this server before keepalived learns that the VIP must go, or after the VIP has
        gone.

        A node that never opened has nothing to close, and nothing to kill; one whose marks cannot
        be used may have been open. A server that is alive and could not be closed or ended keeps
        the VIP, since the other node could only open beside it; but not on a node that is cut off,
        as its peer opens by the clock.
        """
        node = self._node
        if verdict.status:
            # No promotion may open it between this verdict and the moment when the VIP leaves. A
            # standby is marked too: the VIP may come at this very moment, and then either the
            # promotion sees this mark or this check sees the VIP.
            self._attempt(node.marks.mark_failing)
            seen = self._look_again_for_vip(seen)
        leaves = verdict.status != 0 and seen.vip_here
        promoting = leaves and node.lock.purpose_of_holder() == "promote"
        closed = seen.facts is not None and seen.facts.closed
        marked = node.marks.open_mark() is not None
        was_open = marked or (seen.facts is not None and not closed)
        was_open = was_open or (leaves and not closed and bool(self._trouble))
        nothing_to_close = not was_open or (closed and not marked)
        if (nothing_to_close and not promoting) or (not verdict.status and seen.vip_here):
            node.marks.forget_trouble()
            return verdict
        from kachecks.check.self_fencing import close_for, give_way_where_nobody_serves

        served = marked and node.marks.opening_told()
        mute = seen.detail if verdict.reason == "MYSQLD_HUNG" else ""
        patience = ISOLATED_PATIENCE if verdict.reason == "ISOLATED" else node.config.fence_timeout
        outcome = close_for(node, verdict, mute, patience)
        if leaves:
            self._attempt(node.marks.mark_failing)
        if not verdict.status and served and outcome and outcome.done and outcome.changed:
            return give_way_where_nobody_serves(node, seen, verdict)
        seen = self._look_again_for_vip(seen)
        if outcome is None or outcome.done:
            return verdict
        if not verdict.status and not seen.vip_here:  # no other look has been taken in this run
            return judge(seen._replace(failure=UNKNOWN, detail=outcome.why), node.config)
        kept = outcome.outcome == "not closed" and verdict.reason != "ISOLATED"
        if verdict.status and kept and seen.holder:
            node.marks.unmark_failing()
            sentence = f"{verdict.sentence}; kept, because {outcome.why}"
            return verdict._replace(status=0, sentence=sentence)
        return verdict

    def _look_again_for_vip(self, seen: Observation) -> Observation:
        some_are_here = bool(seen.vips_missing) and seen.vip_here
        return seen._replace(vip_here=some_are_here or self._node.network.vip_here())

    def _attempt(self, work: Callable[[], object]) -> None:
        """Do it, and go on if that fails: without the run directory there are no marks, and the
        verdict says so."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a server may have to be closed all the same
            self._trouble = _told(error)


def _told(error: Exception) -> str:
    known = isinstance(error, (StateError, OSError))
    return str(error) if known else f"unexpected {type(error).__name__}: {error}"
