"""The VIP has come: make this member the one that writes, as far as its engine knows such a one.

With Group Replication this member pulls the role of the primary to itself, once. That cannot be
taken back: neither KILL nor the end of its session stops a switch under way, which comes when the
last transaction on the old primary has ended or the time-out has passed (MySQL 9.7). So it is begun
only while the VIP is here, with a time-out, with all ONLINE, and when the group has just answered:
in the first seconds after a cut all still look ONLINE, and a switch asked for then comes true when
the cut has healed (seen).
"""

from __future__ import annotations

from kachecks.bounded import Budget, GivenUp, within
from kachecks.cluster.facts import RECOVERING, Group
from kachecks.cluster.probe import NoEngine, has_quorum, probe
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import cluster_queries, queries
from kachecks.mysql.errors import NoAnswer, SessionError
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import Refusal, VipGone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from kachecks.cluster.facts import Galera, Member

PAUSE = 0.05
"""Seconds between two looks."""

PATIENCE = 5.0
"""Seconds for what only an end of something under way can mend: a member that joins, a switch that
somebody else has begun."""

HOLDER_LEAVES = 1.0
"""Seconds for another holder to lose the VIP; keepalived removes it when it hears the new one."""

SETTLES = 1.0
"""Seconds for what this member says of the group to follow what the group has done."""

LOOK = 1.0
"""Seconds for one look at this member, and for the group to answer it."""


class Wait(NamedTuple):
    """What is waited for, and how long that may take."""

    why: str
    seconds: float


DONE, PULL = Wait("it is the writer", 0.0), Wait("another member is the writer", 0.0)


def next_step(member: Group, pulled: bool) -> Wait:
    """What a member of Group Replication with the VIP does now. Pure.

    Args:
        pulled: this member has been made the primary since the VIP came; it never pulls twice.
    """
    if member.is_writer:
        return DONE
    for sentence in (member.outside, member.no_quorum):
        if sentence:
            return Wait(sentence, member.settles_within)
    if not member.not_writer:
        return Wait(
            "it is the primary, and still applies what it has received", member.settles_within
        )
    if member.primary is None:
        return Wait(member.not_writer, member.settles_within)
    if pulled:
        return Wait(f"this member was made the primary, and now {member.not_writer}", SETTLES)
    if member.all_online:
        return PULL
    joining = [each.name for each in member.members if each.state == RECOVERING]
    if joining:
        return Wait(
            f"{member.not_writer}, and {joining[0]} joins: until it has, nothing can be changed",
            PATIENCE,
        )
    return Wait(f"{member.not_writer}, and not all members are ONLINE", member.settles_within)


class Arrival:
    """One arrival of the VIP at this member."""

    def __init__(self, node: Node, steps: Steps) -> None:
        self._node = node
        self._steps = steps
        self._session: Session | None = None
        self._waits: dict[float, Budget] = {}  # for so long, since it was first found so
        self._pulled = False
        self._letting_go: Budget | None = None  # for another holder of the VIP
        self._holder: Callable[[], str] = node.network.ask_for_holder()

    def run(self) -> Outcome:
        """Raises Refusal: this member is not to have the VIP; VipGone, OSError, StateError."""
        try:
            while True:
                self.must_be_wanted()
                outcome = self._look_and_act()
                if outcome is not None:
                    return outcome
                self._node.clock.sleep(PAUSE)
        finally:
            self._end_session()

    def must_be_wanted(self) -> None:
        """Raises VipGone."""
        if not self._node.network.vip_here() or self._node.marks.is_leaving():
            raise VipGone

    def _look_and_act(self) -> Outcome | None:
        try:
            session, member = self._look()
        except SessionError as error:
            self._end_session()
            self._wait_for(
                Wait(f"this server cannot be asked: {error}", self._node.config.hung_after)
            )
            return None
        if isinstance(member, NoEngine):
            raise Refusal(member.said)
        if isinstance(member, Group):
            return self._act(member)
        return self._open(session, member)

    def _look(self) -> tuple[Session, Member | NoEngine]:
        if self._session is None:
            self._session = self._node.servers.connect_local(LOOK)
        return self._session, probe(self._session, Budget(self._node.clock, LOOK))

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _act(self, member: Group) -> Outcome | None:
        step = next_step(member, self._pulled)
        if step is DONE:
            return self._done(self._pulled, member.said)
        if step is not PULL:
            self._wait_for(step)
        elif self._holder_is_leaving():
            pass
        elif has_quorum(self._node.servers.connect_local, LOOK):
            self._pull(member)
        else:
            self._wait_for(Wait("the group does not answer this member", member.settles_within))
        return None

    def _holder_is_leaving(self) -> bool:
        """Another host answers for the VIP, and may be about to lose it.

        One that goes on for HOLDER_LEAVES has lost its keepalived, or cannot hear this one: the
        engine closes it when this member becomes the primary, and the check of who has lost that
        role gives the VIP away. Where the link cannot be asked, nobody is waited for.
        """
        if self._letting_go is None:
            self._letting_go = Budget(self._node.clock, HOLDER_LEAVES)
        try:
            found = bool(self._holder())
        except OSError as error:
            self._node.telling.progress(f"  who else has the VIP cannot be told: {error}")
            return False
        self._holder = self._node.network.holder_elsewhere
        return found and not self._letting_go.over

    def _pull(self, member: Group) -> None:
        self._steps.done("find the writer")
        timeout = round(self._node.config.fence_timeout)
        statement = cluster_queries.set_as_primary(member.id, timeout)
        patience = member.settles_within + timeout + PATIENCE
        self._node.telling.progress(f"  {member.not_writer}; this member becomes it")
        try:
            session = self._node.servers.connect_local(LOOK)
            try:
                self._pulled = True
                within(
                    patience, session.execute, statement, patience, meanwhile=self.must_be_wanted
                )
                self._steps.done("become the primary")
            finally:
                session.close()
        except (GivenUp, NoAnswer):  # it may still come
            raise Refusal(f"the group has not answered for {patience:g} s") from None
        except SessionError as error:  # refused, or the next look sees what has come of it
            self._pulled = False
            self._wait_for(Wait(f"this member cannot be made the primary: {error}", PATIENCE))

    def _open(self, session: Session, member: Galera) -> Outcome | None:
        for sentence in (member.no_quorum, member.outside):
            if sentence:
                self._wait_for(Wait(sentence, member.settles_within))
                return None
        if not member.read_only or self._node.config.writers != "one":
            return self._done(False, member.said)
        try:
            session.execute(queries.OPEN_WRITES, LOOK)
        except SessionError as error:
            raise Refusal(f"this member cannot be opened: {error}") from None
        self._steps.done("open writes")
        return self._done(True, member._replace(read_only=False).said)

    def _done(self, changed: bool, said: str) -> Outcome:
        if self._session is not None:
            with suppress(SessionError, StateError):  # it serves all the same
                self._node.marks.mark_open(self._node.servers.process_of(self._session))
        word = "opened" if changed else "already open"
        return Outcome("promote", word, said, done=True, changed=changed)

    def _wait_for(self, step: Wait) -> None:
        """Raises Refusal: it has lasted for too long."""
        budget = self._waits.setdefault(step.seconds, Budget(self._node.clock, step.seconds))
        if budget.over:
            raise Refusal(step.why)
