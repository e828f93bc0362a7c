"""One run of the check on a member of a cluster: look, judge, leave the marks that hooks and later
runs go by.

Without ``act`` nothing is changed, ever. Nothing is closed or killed here with it either.
"""

from __future__ import annotations

from kachecks.check.look import missing_vips
from kachecks.cluster.asking import Asked, ask_member
from kachecks.cluster.closer_look import degraded_before, is_due, look_closer, remember
from kachecks.cluster.facts import Group
from kachecks.cluster.giving_way import may_return
from kachecks.cluster.probe import has_quorum
from kachecks.cluster.verdict import Findings, MemberVerdict, Observation, judge, needs_link
from kachecks.lean import NamedTuple
from kachecks.mysql.errors import UNKNOWN, SessionError
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.state.marks import Unopened
from kachecks.state.trusted_view import TrustedView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.mysqld_process import Process
    from kachecks.state.signs import Sign

GIVES_WAY = frozenset({"WRITES_STALLED", "DISK_FULL", "FILESYSTEM_READ_ONLY", "NOT_WRITER"})
"""Reasons that a node no longer has once the VIP has left: a holder that fails for one of them
stays unfit until it may return."""

QUORUM_PATIENCE = 0.5
"""Seconds for the group to answer; a healthy one takes 1.3 ms."""


class Judged(NamedTuple):
    """What a run has seen, and its verdict."""

    seen: Observation
    verdict: MemberVerdict


class Run:
    """One run: its session with the server, and what went wrong on the way."""

    def __init__(self, node: Node, act: bool) -> None:
        self._node = node
        self._act = act
        self._session: Session | None = None
        self._trouble = ""
        directory, name = node.config.run_dir, node.config.name
        self._trusted = TrustedView(directory, name, node.files, node.clock)
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
        judged = self._look(hanging)
        if judged.verdict.status and not judged.seen.vip_here and self._node.network.vip_here():
            self.close()  # the VIP came while this run judged a standby
            judged = self._look(hanging)
        return judged

    def act_on(self, judged: Judged) -> MemberVerdict:
        """Leave the marks that go with the verdict."""
        seen, verdict = judged
        if not self._act:
            return verdict
        if verdict.status:
            self._attempt(self._node.marks.mark_failing)  # nothing may make it the writer now
        elif seen.vip_here and seen.member is not None and seen.member.is_writer:
            self._attempt(lambda: self._node.marks.mark_open(self.process))
        if not seen.vip_here:
            self._attempt(self._node.marks.unmark_open)
        if seen.vip_here and verdict.status and verdict.reason in GIVES_WAY:
            why = f"{verdict.reason}: {verdict.sentence}"
            self._attempt(lambda: self._node.marks.mark_gave_way(why))
        return verdict

    def _look(self, hanging: Sign | None) -> Judged:
        node = self._node
        here = node.network.vip_here()
        missing = "" if here or len(node.config.vips) < 2 else missing_vips(node)
        asked = ask_member(node)
        self._session = asked.session
        seen = Observation(
            vip_here=here or bool(missing),
            member=asked.member,
            failure=asked.failure,
            detail=asked.detail,
            no_engine=asked.no_engine,
            vips_missing=missing,
        )
        try:
            seen = self._look_further(seen, asked, hanging)
        except Exception as error:  # noqa: BLE001 - what was seen still counts
            self._trouble = _told(error)
        verdict = judge(seen, node.config)
        if self._trouble and not verdict.status:  # this node could leave no marks
            seen = seen._replace(failure=UNKNOWN, detail=self._trouble)
            verdict = judge(seen, node.config)
        return Judged(seen, verdict)

    def _look_further(self, seen: Observation, asked: Asked, hanging: Sign | None) -> Observation:
        """At the marks, the hooks, the disks, the group, the link."""
        node = self._node
        if self._act:
            self._attempt(lambda: node.files.must_be_roots(node.config.run_dir))
            self._attempt(lambda: self._remember_server(asked))
        seen = seen._replace(
            gave_way=self._gave_way(seen),
            maintenance=node.current_maintenance(keep_copy=self._act),
            stale=self._stale(seen),
        )
        seen = self._judged_as_writer(seen)
        if asked.session is not None and seen.member is not None:
            seen = self._look_closer(asked.session, seen, hanging)
        if needs_link(seen, node.config):
            seen = seen._replace(vip_elsewhere=bool(node.network.holder_elsewhere()))
        return seen

    def _remember_server(self, asked: Asked) -> None:
        """So that its death is told from the loss of its socket, and can be watched for."""
        if asked.session is None:
            return
        node = self._node
        self.answered = True
        process = node.servers.process_of(asked.session)
        self.process = process if process is not None and process.known else None
        node.marks.remember_server(process, sockets=node.servers.sockets_of(asked.session))

    def _gave_way(self, seen: Observation) -> str:
        """Why this node gave way and is therefore unfit; "" when it did not, or may return."""
        marks, mark = self._node.marks, self._node.marks.gave_way()
        if mark is None:
            if self._act and not marks.is_leaving():  # a switchover may just have withdrawn it
                self._attempt(marks.grant_permit)
            return ""
        try:
            returns = may_return(self._node, seen.vip_here)
        except OSError as error:
            return f"{mark.why}; whether it may return cannot be told: {error}"
        if not returns:
            return mark.why
        if self._act:
            self._attempt(marks.unmark_gave_way)
            self._attempt(marks.grant_permit)
        return ""

    def _stale(self, seen: Observation) -> str:
        """Why this member's view of the group may be one from before a cut."""
        if not isinstance(seen.member, Group) or not seen.member.view:
            return ""
        view = seen.member.view
        if seen.member.no_quorum:
            if self._act:
                self._attempt(lambda: self._trusted.note_cut(view))
            return ""
        connect = self._node.servers.connect_local
        if self._trusted.trusts(view) or has_quorum(connect, QUORUM_PATIENCE):
            if self._act:
                self._attempt(lambda: self._trusted.note(view))
            return ""
        return (
            "this member was cut off or stopped, or has just been asked for the first time, and the"
            f" group does not answer it within {QUORUM_PATIENCE:g} s: the others may have gone on"
            " without it"
        )

    def _judged_as_writer(self, seen: Observation) -> Observation:
        """Whether it should be the writer and is not, for how long, and who is at work on that."""
        marks, member = self._node.marks, seen.member
        wrong = member is not None and (member.closed or (seen.vip_here and member.not_writer))
        if not wrong:
            if self._act:
                marks.forget_unopened()
            return seen
        at_work = self._node.lock.purpose_of_holder()
        since = marks.unopened()
        if since is None and self._act:
            since = Unopened(self._node.clock.now())
            self._attempt(lambda: marks.note_unopened(Unopened(self._node.clock.now())))
        left_alone = not at_work and not marks.is_leaving()
        return seen._replace(
            pulling=bool(at_work),
            unfit_for=0.0 if since is None else self._node.clock.now() - since.since,
            superseded=seen.vip_here and left_alone and marks.open_mark() is not None,
        )

    def _look_closer(
        self, session: Session, seen: Observation, hanging: Sign | None
    ) -> Observation:
        node, last = self._node, self._node.marks.last_look()
        assert seen.member is not None
        if self._act and hanging is None and not is_due(node, last):
            return seen
        found = Findings()
        try:
            found = look_closer(node, session, seen.member, seen.vip_here, hanging)
            if self._act:
                remember(node, found, seen.vip_here)
        except (
            SessionError,
            OSError,
            StateError,
        ) as error:  # what the server has said still counts
            self._trouble = _told(error)
        return seen._replace(found=found, takes_turns=degraded_before(last))

    def _attempt(self, work: Callable[[], object]) -> None:
        """Do it, and go on if that fails: without the run directory there are no marks, and the
        verdict says so."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the verdict must come
            self._trouble = _told(error)


def _told(error: Exception) -> str:
    known = isinstance(error, (StateError, OSError, SessionError))
    return str(error) if known else f"unexpected {type(error).__name__}: {error}"
