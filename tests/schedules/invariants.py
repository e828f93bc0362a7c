"""What must always hold (docs/failures.md), looked at after each step that could break it.

Where the policy lets both nodes be open, that is decided here, as narrowly as it can be told from
what was cut, paused and hindered; an excuse is good for a few seconds after its cause has gone.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from kachecks.state.files import FAILING, GAVE_WAY, LEAVING
from kachecks.state.marks import LEAVING_IS_FRESH
from tests.schedules.duties import Duties
from tests.schedules.vrrp import MASTER

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program
    from tests.schedules.server import Server
    from tests.schedules.sessions import SimulatedSession
    from tests.schedules.world import World

JUST = 1.5
"""Seconds for which a look at the other node may be old when a promotion opens."""

FOUND_OUT = 15.0
"""Seconds after a cut for the two nodes to find out that both are open, and to close one."""

HINDERED = 12.0
"""Seconds after which a node whose programs were killed or held up has had its chance again."""

ISOLATED = 5.0
"""Seconds within which a node that is cut off has closed itself (two_clocks)."""

LAST_LOOK = 0.5
"""Seconds that the last look at a server that is not closed may be old when it is killed."""

ISOLATED_LATELY = 1.0
"""Seconds for which a node that was cut off goes on closing itself, by SIGKILL at the end."""

WOKEN = 6.0
"""Seconds after which a host that stood still has one writer again (docs/failures.md, row 26)."""

FENCING = 6.0
"""More of them where commits that hang keep one of the two from closing: fence_timeout."""

AT_ONCE = 0.005
"""Seconds between a look at the VIP and what follows from it, with a CPU of its own."""

AT_LAST = 0.03
"""Seconds between the last look at a peer with prepared XA transactions, and opening, besides those
that it takes to fetch what that look has found."""

LETS_GO = 1.0
"""Seconds within which a holder that yielded to the other one has closed itself, as its hook does:
known to be too late where that one takes a firewall's refusals for its death (docs/failures.md)."""

FRESH = 0.9
"""Seconds that a notify_master has to begin before its node may count as superseded."""

TURNS = 3
"""Times that the VIP may move while nothing happens to the world."""

LONGEST = {"check": 9.8, "notify_stop": 1.2}
LONGEST_HOOK = 90.0


class Watch:
    """Remembers the first thing that went wrong."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scheduler = world.scheduler
        self.violation = ""
        self.duties = Duties(world, self.fail)
        self.asked = self.duties.asked
        self.moves = 0  # of the VIP since the last fault
        self._last_holder: Node | None = None
        self._excuse, self._excused_for, self._excused_until = "", 0.0, 0.0
        self._saw_witness, self._cut_off_at = [0.0, 0.0], [-100.0, -100.0]
        self._committed = [0, 0]
        self._misled = [False, False]
        self._paths = (False, True, True, True)
        self._talked_at = self._silent_since = 0.0
        self._silent_at = self._sql_failed_at = -100.0
        self._listens_since = [0.0, 0.0]
        self._woke_at = [-100.0, -100.0]
        self._halted_at = [-100.0, -100.0]

    def fail(self, text: str) -> None:
        if not self.violation:
            self.violation = f"{self.scheduler.now:.4f}: {text}"
            if self.world.telling:
                self.world.say(f"VIOLATION {text}")
            self.scheduler.stopped = True

    # --- 1: one writer ---

    def look(self) -> None:
        """Something has changed: the network, a server, a host."""
        self.world.links.changed()
        self._note_paths()
        one, other = self.world.nodes
        if not (one.server.can_commit and other.server.can_commit):
            self._excuse = ""
            return
        self._extend()
        if not self._excuse or self.scheduler.now > self._excused_until:
            self.fail(f"1: both servers can commit; was excused by: {self._excuse or 'nothing'}")
        self.scheduler.after(0.5, self.look)

    def _note_paths(self) -> None:
        """What was so until now, and what is so from now on, is so at this moment."""
        now, links, (one, other) = self.scheduler.now, self.world.links, self.world.nodes
        before = self._paths
        silent = not links.talk(one, other)
        sql = links.sql(one, other) and links.sql(other, one)
        sql = sql and not links.rejects(one, other) and not links.rejects(other, one)
        self._paths = (silent, sql, links.witness(one), links.witness(other))
        if silent and not before[0]:
            self._silent_since = now
        if silent or before[0]:
            self._silent_at = now
        if not silent or not before[0]:
            self._talked_at = now
        if not sql or not before[1]:
            self._sql_failed_at = now
        for index in (0, 1):
            sees, saw = self._paths[2 + index], before[2 + index]
            if sees and not saw and self._is_alone(index):
                self._cut_off_at[index] = now
            if sees or saw:
                self._saw_witness[index] = now

    def _is_alone(self, index: int) -> bool:
        return self.scheduler.now - self._saw_witness[index] > 1.0

    def _excuse_opening(self, opened: Node, program: Program) -> None:
        """Why policy lets this node be open beside the other one."""
        now, old = self.scheduler.now, opened.other
        just = JUST + program.stalled
        hindered = now - old.hindered_at < HINDERED
        silent = now - self._silent_at < just
        witness = bool(old.config.witnesses)
        if program.stalled - program.stalled_then > AT_ONCE:
            self._allow(f"{program.name} stood still right before opening", JUST)
        elif old.paused or now - self._woke_at[old.index] < just:
            dead = any(each.disk_takes is not None for each in (opened, old))
            self._allow(f"{old.name} stands still", WOKEN + (FENCING if dead else 0.0))
        elif silent and witness and now - self._saw_witness[opened.index] > just:
            self._allow("", 0.0)  # it could not know, and opened all the same
        elif silent and not witness:
            self._allow("cut off from each other, no witness", FOUND_OUT)
        elif silent and self._saw_witness_later(old):
            self._allow("cut off from each other, both see the witness", FOUND_OUT)
        elif silent and hindered:
            self._allow(f"{old.name} is cut off, and its programs were hindered", FOUND_OUT)
        elif now - self._sql_failed_at < just and hindered:
            self._allow(f"{old.name} cannot be asked, and its programs were hindered", FOUND_OUT)
        elif self.world.links.rejects(opened, old) and 0 < now - old.vip_left < LETS_GO:
            self._allow(f"{old.name} seems dead behind a firewall, and lets go by itself", LETS_GO)
        else:
            self._allow("", 0.0)

    def _saw_witness_later(self, old: Node) -> bool:
        """After it was cut off from the other node, and not so long ago that it must be closed.

        Where the two cuts are one, the two clocks alone must keep the other node from opening.
        """
        last = self._saw_witness[old.index]
        return self.scheduler.now - last < ISOLATED and last > self._silent_since + 0.1

    def _allow(self, why: str, seconds: float) -> None:
        self._excuse, self._excused_for = why, seconds
        self._excused_until = self.scheduler.now + seconds
        if why and self.world.telling and all(each.server.can_commit for each in self.world.nodes):
            self.world.say(f"both can commit, excused: {why}")

    def _extend(self) -> None:
        """What excused it lasts on: nobody can close one of the two yet."""
        one, other = self.world.nodes
        lasts = (
            one.paused
            or other.paused
            or one.server.denies
            or other.server.denies
            or self._sql_failed_at == self.scheduler.now
        )
        if self._excuse and lasts:
            self._excused_until = self.scheduler.now + self._excused_for

    # --- opening and closing ---

    def opening(self, server: Server, session: SimulatedSession) -> None:
        """Right before."""
        if server.open:
            return
        self._note_paths()
        self.duties.opening(server, session)
        now, node, program = self.scheduler.now, server.node, session.program
        stalled = program.stalled - program.stalled_then
        late = node.other.server.just_committed(AT_LAST + node.receiver.delay + program.stalled)
        if session.remote:
            self.fail(f"2: {node.name} is opened by the other node")
        late_look = now - program.looked_at_vip - stalled > AT_ONCE * program.slow
        # A server that stood still does what it was told, although who told it is gone by then.
        if not node.vip and late_look and not program.killed:
            self.fail(f"5: {node.name} opens without the VIP, and has not looked for it")
        healed = now - self._sql_failed_at < AT_LAST + program.stalled  # and all came at once
        if server.applied + late < server.received and not server.applier_errno and not healed:
            self.fail(
                f"4: {node.name} opens and has not applied what it received"
                f" ({server.applied} of {server.received})"
            )
        peer = node.other
        just = JUST + program.stalled
        cut_off = self._paths[0] and now - self._talked_at > just
        if cut_off and node.config.witnesses and now - self._saw_witness[node.index] > just:
            self.fail(f"1: {node.name} opens, and sees neither the peer nor a witness")
        heard = node.receiver.ever_connected or node.receiver.was_level
        cold = not heard and not self._misled[node.index]
        if cold and server.applied < peer.server.own:
            self.fail(
                f"4: {node.name} opens, has not heard of the peer since it started, and lacks"
                f" {peer.server.own - server.applied} of its transactions"
            )
        since = max(
            self._sql_failed_at, self._listens_since[peer.index], self._halted_at[peer.index]
        )
        asked = peer.server.runs and peer.server.listening and not peer.server.denies
        told = asked and now - since > JUST + program.stalled
        if told and server.applied + late < peer.server.own:
            self.fail(
                f"4: {node.name} opens without what the peer could have told"
                f" ({server.applied} of {peer.server.own})"
            )

    def marks_alone(self, node: Node) -> None:
        """Wrongly, where the other node is alive behind a cut; nothing on this one can tell."""
        self._misled[node.index] = self._paths[0] and node.other.server.alive

    def opened(self, server: Server, session: SimulatedSession) -> None:
        self._excuse_opening(server.node, session.program)
        self.look()
        self.duties.moved(f"{server.node.name} opens")

    def closed(self, server: Server, session: SimulatedSession) -> None:
        """One was open, and is closed."""
        node, program = server.node, session.program
        self.duties.moved(f"{node.name} is closed by {program.name}")
        if session.remote or program.name in ("check", "notify_down", "switchover"):
            return
        marks = [float(text) for text in map(node.mark, (LEAVING, FAILING)) if text]
        if marks and node.now() - max(marks) < 3.0:
            return
        looked = program.looked_at_vip
        if node.vip and (looked < program.begun or node.vip_since < looked):
            self.fail(f"5: {program.name} closes {node.name}, which has the VIP")

    def listens(self, node: Node) -> None:
        self._listens_since[node.index] = self.scheduler.now

    def halts(self, node: Node) -> None:
        """Its server does not answer, or answers again."""
        self._halted_at[node.index] = self.scheduler.now

    # --- killing ---

    def kills(self, node: Node, program: Program) -> None:
        """SIGKILL from one of our programs."""
        server = node.server
        self.duties.killed(node, program)
        if not server.ever_open:
            self.fail(f"6: {program.name} on {node.name} kills a mysqld that never was open")
        self._note_paths()
        # The peer counts the seconds, too: that the cut is over by now does not stop what it began.
        lately = self.scheduler.now - self._cut_off_at[node.index] < ISOLATED_LATELY
        isolated = self._is_alone(node.index) or lately
        # Who has no time for another look (notify_stop) goes by what it has met.
        answers = server.denies and self.scheduler.now - server.denies_since > LAST_LOOK
        if answers and server.runs and not server.shutting and not isolated:
            self.fail(f"6: {program.name} on {node.name} kills a mysqld that answers")

    # --- letting the VIP go ---

    def releases(self, node: Node, why: str, stalled: float = 0.0) -> None:
        """keepalived is about to remove the VIP, because this node itself has decided so.

        A program that stood still for longer than its leaving mark holds cannot do better.
        """
        if node.server.can_commit and stalled < LEAVING_IS_FRESH / 2:
            self.fail(f"3: {node.name} lets the VIP go ({why}) while it is open")

    def vip_came(self, node: Node) -> None:
        """keepalived has added it. Two nodes that are cut off from each other do not take turns.

        Nor do two of which neither may open, but there is no service then that could suffer.
        """
        served = any(
            each.server.open or each.server.opened_at > self.duties.fault_at
            for each in self.world.nodes
        )
        if self._paths[0] or not served:
            return
        if self._last_holder is node:  # it has tried again: nobody else had it meanwhile
            return
        self._last_holder = node
        self.moves += 1
        if self.moves > TURNS:
            self.fail(f"the VIP has moved {self.moves} times, the last to {node.name}, by itself")

    def fault(self) -> None:
        """Something was done to the world."""
        self.moves = 0
        self.duties.fault_at = self.scheduler.now

    def woke(self, node: Node) -> None:
        """After a pause."""
        self._woke_at[node.index] = self.scheduler.now
        self.look()

    def gave_way(self, node: Node, why: str, program: Program) -> None:
        """The mark is written. Who stood still may have missed that the VIP left and came back."""
        self.duties.moved(f"{node.name} gives way: {why}")
        age = self.scheduler.now - node.vip_since
        fresh = node.vip and age < FRESH and node.server.opened_at < node.vip_since
        fresh = fresh and program.stalled < age
        if "took over" in why and fresh:
            self.fail(f"{node.name} is superseded {age:.2f} s after the VIP came: too early")

    def program_ended(self, node: Node, program: Program) -> None:
        """7: everything ends."""
        if program.name == "check":
            self.duties.check_ended(node, program)
        took = self.scheduler.now - program.begun - program.stalled
        if took > LONGEST.get(program.name, LONGEST_HOOK) and not program.frozen_once:
            self.fail(f"7: {program.name} on {node.name} took {took:.1f} s")

    def broke(self, node: Node, program: Program, error: Exception) -> None:
        """An exception that no entry point expects."""
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self.world.log.extend("".join(lines).splitlines())
        self.fail(f"{program.name} on {node.name}: {type(error).__name__}: {error}")

    # --- the end ---

    def settled(self) -> str:
        """What is not yet as it must be when nothing is wrong any more; "" when all is."""
        holders = [node for node in self.world.nodes if node.vip]
        if len(holders) != 1:
            return f"the VIP is on {len(holders)} nodes"
        holder = holders[0]
        standby = holder.other
        if holder.keepalived.state != MASTER:
            return f"{holder.name} has the VIP and is {holder.keepalived.state}"
        if not holder.server.open:
            return f"{holder.name} has the VIP and is closed"
        if standby.server.open:
            return f"{standby.name} is open without the VIP"
        mark = standby.mark(GAVE_WAY)
        if standby.keepalived.state != "BACKUP" and ",unheeded" not in mark:
            return f"{standby.name} is {standby.keepalived.state}"
        before, self._committed = self._committed, [node.server.own for node in self.world.nodes]
        for node in self.world.nodes:
            if node.server.applied < before[node.other.index]:
                return f"{node.name} lacks what {node.other.name} had committed at the last look"
        return ""
