"""One run of the check on one node: look, judge, close the server before the VIP may leave, finish
what a hook has left undone.

Without ``act`` nothing is changed, ever. The healthy path runs every second on every node, so what
only a failure needs is imported where it is needed.
"""

from __future__ import annotations

from kachecks.check.look import Isolation, is_due, notice_peer, observe
from kachecks.check.verdict import Observation, Verdict, judge, needs_peer
from kachecks.lean import NamedTuple
from kachecks.mysql.errors import ABSENT, MUTE, OPEN, UNKNOWN, SessionError
from kachecks.mysql.facts import Facts
from kachecks.mysql.probe import probe_access
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.files import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.mysqld_process import Process

ISOLATED_PATIENCE = 1.0
"""Seconds to close a node that is cut off, since the other one opens after a fixed time
(two_clocks)."""

GIVES_WAY = frozenset({"WRITES_STALLED", "DISK_FULL", "FILESYSTEM_READ_ONLY", "TWO_WRITERS"})
"""Reasons for which a holder whose server is alive gives way: it then stays unfit until it may
return."""


class Judged(NamedTuple):
    """What a run has seen, and its verdict before anything was done about it."""

    seen: Observation
    verdict: Verdict


def run_check(node: Node, act: bool, stalled: str = "") -> Verdict:
    """Look, judge, and do what the verdict demands; the verdict that results.

    Args:
        act: whether to close, set marks and promote (--fence).
        stalled: why no disk may be touched, such as an earlier run that hangs; "" if it may.

    Raises OSError: the kernel's address tables cannot be read.
    """
    run = Run(node, act)
    try:
        return run.act_on(run.look(stalled))
    finally:
        run.close()


class Run:
    """One run: its session with the server, and what went wrong on the way."""

    def __init__(self, node: Node, act: bool) -> None:
        self._node = node
        self._act = act
        self._session: Session | None = None
        self._trouble = ""
        self.answered = False
        """This node's server has answered; only told with ``act``."""
        self.process: Process | None = None
        """The mysqld that has answered; None where it is not known."""

    def close(self) -> None:
        """End the session with the server."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def look(self, stalled: str = "") -> Judged:
        """Look and judge. Raises OSError."""
        seen, verdict = self._look_and_judge(stalled)
        if verdict.status and not seen.vip_here and self._node.network.vip_here():
            self.close()  # the VIP came while this run judged a standby
            seen, verdict = self._look_and_judge(stalled)
        return Judged(seen, verdict)

    def act_on(self, judged: Judged) -> Verdict:
        """Do what the verdict demands, which may change the verdict. Without ``act`` nothing is
        done."""
        node, (seen, verdict) = self._node, judged
        if not self._act:
            return verdict
        if not verdict.status and not self._trouble:
            verdict = self._finish_promotion(seen, verdict)
        try:
            verdict = self._fence(seen, verdict)
        except Exception as error:  # noqa: BLE001 - what was seen still counts
            sentence = f"{verdict.sentence}; unexpected {type(error).__name__}: {error}"
            verdict = verdict._replace(status=verdict.status_if_open, sentence=sentence)
        if seen.holder and verdict.status and verdict.reason in GIVES_WAY:
            why = f"{verdict.reason}: {verdict.sentence}"
            self._attempt(lambda: node.marks.mark_gave_way(why))
        return verdict

    def _look_and_judge(self, stalled: str) -> tuple[Observation, Verdict]:
        seen = self._look(stalled)
        if self._act:
            self._attempt(lambda: self._keep_marks(seen))
        verdict = judge(seen, self._node.config)
        if self._trouble and verdict.reason == "OK":  # this node could neither fence nor promote
            unknown = seen._replace(facts=None, failure=UNKNOWN, detail=self._trouble)
            verdict = judge(unknown, self._node.config)
        return seen, verdict

    def _look(self, stalled: str) -> Observation:
        """Look at everything that the rules need, cheapest first."""
        node = self._node
        isolation = Isolation(node)
        isolated = self._isolated(isolation)
        if isolated:  # the two clocks run, so closing comes first
            return Observation(node.network.vip_here(), False, None, isolated=isolated)
        seen, self._session = observe(node)
        seen = seen._replace(
            gave_way=self._gave_way(seen), maintenance=node.current_maintenance(keep_copy=self._act)
        )
        if self._session is not None and seen.facts is not None:
            seen = self._look_closer(self._session, seen, seen.facts, stalled)
        if needs_peer(seen, node.config):
            from kachecks.transitions.giving_way import ask_peer

            seen = seen._replace(peer=ask_peer(node))
        if isolation.stale:
            seen = seen._replace(isolated=self._isolated(isolation))
        return seen

    def _isolated(self, isolation: Isolation) -> str:
        try:
            return isolation.sentence()
        except OSError as error:
            self._trouble = f"the witness cannot be asked: {error}"
            return ""

    def _gave_way(self, seen: Observation) -> str:
        """Why this node gave way and is therefore unfit; "" when it did not, or may return.

        Finding out whether it may return takes seconds, so that is done only when the server is
        closed and the VIP is gone.
        """
        node = self._node
        mark = node.marks.gave_way()
        if mark is None:
            if self._act and not node.marks.is_leaving():  # a switchover may just have withdrawn it
                self._attempt(node.marks.grant_permit)
            return ""
        if seen.vip_here or seen.facts is None or seen.facts.writable:
            return mark.why
        from kachecks.transitions.giving_way import may_return

        try:
            returns = may_return(node)
        except OSError as error:
            return f"{mark.why}; whether it may return cannot be told: {error}"
        if not returns:
            return mark.why
        if self._act:
            self._attempt(node.marks.unmark_gave_way)
            self._attempt(node.marks.grant_permit)
        return ""

    def _look_closer(
        self, session: Session, seen: Observation, facts: Facts, stalled: str
    ) -> Observation:
        node = self._node
        if self._act and not stalled and not is_due(node, session, facts):
            return seen
        from kachecks.check import deep_look

        holder = seen.vip_here and facts.writable
        try:
            found = deep_look.look_closer(node, session, facts, seen.vip_here, stalled)
            if self._act:
                deep_look.remember(node, found, holder)
            elsewhere = (
                bool(found.degraded) and not holder and bool(node.network.holder_elsewhere())
            )
        except (StateError, OSError) as error:
            self._trouble = str(error)
            return seen
        return seen._replace(found=found, peer=found.peer, vip_elsewhere=elsewhere)

    def _keep_marks(self, seen: Observation) -> None:
        """Remember which mysqld answered, whether it was open, whether it is up to date."""
        node, session, facts = self._node, self._session, seen.facts
        if session is None or facts is None:
            return
        process = self.process = node.servers.process_of(session)
        self.answered = True
        if node.marks.remember_server(process, seen.found.up_to_date):
            node.served_alone.unmark()
        if not seen.found.peer:  # not asked in this run; its answer would say more
            notice_peer(node, facts)
        if facts.writable:
            node.marks.mark_open(process)
            self._tell_of_opening(seen.vip_here)
        elif facts.closed and node.marks.open_mark() is not None and node.lock.try_to_take("check"):
            try:  # under the lock: no promotion may be about to open it
                if probe_access(session, 1.0).closed:
                    node.marks.unmark_open()
            except SessionError:
                pass
            finally:
                node.lock.release()

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

    def _finish_promotion(self, seen: Observation, verdict: Verdict) -> Verdict:
        """See to a holder that stays closed with no hook at work: it was superseded, or a promotion
        was cut short."""
        node = self._node
        closed_holder = seen.vip_here and seen.facts is not None and not seen.facts.writable
        if not closed_holder or seen.promoting:
            return verdict
        from kachecks.transitions.giving_way import ask_peer, stays_closed

        if not stays_closed(node):
            return verdict
        if ask_peer(node) != OPEN:
            node.keepalived.start_notify_master()
            return verdict
        why = "the VIP is here, but this server is closed and the peer is open: it took over"
        self._attempt(lambda: node.marks.mark_gave_way(why))
        return judge(seen._replace(gave_way=why), node.config)

    def _fence(self, seen: Observation, verdict: Verdict) -> Verdict:
        """Close this server before keepalived learns that the VIP must go, or after the VIP has
        gone.

        A node that never opened has nothing to close, and nothing to kill. A server that is alive
        and could not be closed keeps the VIP, since the other node could only open beside it.
        """
        node = self._node
        if verdict.status:
            # No promotion may open it between this verdict and the moment when the VIP leaves. A
            # standby is marked too: the VIP may come at this very moment, and then either the
            # promotion sees this mark or this check sees the VIP.
            self._attempt(node.marks.mark_failing)
            seen = seen._replace(vip_here=node.network.vip_here())
        leaves = verdict.status != 0 and seen.vip_here
        promoting = leaves and node.lock.purpose_of_holder() == "promote"
        closed = seen.facts is not None and seen.facts.closed
        was_open = node.marks.open_mark() is not None or (seen.facts is not None and not closed)
        nothing_to_close = not was_open or (closed and node.marks.open_mark() is None)
        if (nothing_to_close and not promoting) or (not verdict.status and seen.vip_here):
            node.marks.forget_trouble()
            return verdict
        from kachecks.check.self_fencing import close_for

        patience = ISOLATED_PATIENCE if verdict.reason == "ISOLATED" else node.config.fence_timeout
        outcome = close_for(
            node, verdict, seen.detail if seen.failure in (MUTE, ABSENT) else "", patience
        )
        if leaves:
            self._attempt(node.marks.mark_failing)
        still_holds = seen._replace(vip_here=node.network.vip_here()).holder
        if verdict.status and outcome and outcome.outcome == "not closed" and still_holds:
            node.marks.unmark_failing()
            sentence = f"{verdict.sentence}; kept, because {outcome.why}"
            return verdict._replace(status=0, sentence=sentence)
        return verdict

    def _attempt(self, work: Callable[[], object]) -> None:
        """Do it, and go on if that fails: without the run directory there are no marks, and the
        verdict says so."""
        try:
            work()
        except StateError as error:
            self._trouble = str(error)
