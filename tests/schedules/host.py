"""kachecks.node.Host of one program on one node: every method that the real one has.

Each is a point where the program may be stalled, killed or overtaken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import Unreachable
from kachecks.mysqld_process import Process
from kachecks.state.marks import LEAVING_IS_FRESH, NO_PROCESS, GaveWay, Look
from tests.schedules.sessions import SimulatedSession

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program

FILE = 0.00003
"""Seconds for a look at a small file of /run."""


class SimulatedNetwork:
    """kachecks.network.link.Network, in the simulated one."""

    def __init__(self, node: Node, program: Program) -> None:
        self._node, self._program = node, program

    def answers(self, addresses: Sequence[str], seconds: float) -> bool:
        node, links = self._node, self._node.world.links
        program = self._program
        until = program.scheduler.now + seconds
        peer = node.other.address
        while True:
            for each in addresses:
                reached = links.echo(node, node.other) if each == peer else links.witness(node)
                if reached:
                    program.point(0.0005)
                    return True
            if program.scheduler.now >= until:
                program.point(0.0)
                return False
            program.point(min(0.1, until - program.scheduler.now + 1e-9))

    def holder_elsewhere(self) -> str:
        node = self._node
        if node.other.vip and node.world.links.arp(node, node.other):
            self._program.point(0.001)
            return node.other.address
        self._program.point(0.09)
        return ""

    def peer_on_link(self) -> bool:
        node = self._node
        if node.world.links.arp(node, node.other):
            self._program.point(0.001)
            return True
        self._program.point(0.09)
        return False

    def peer_has_no_vrrp(self) -> bool:
        self._program.point(0.001)
        other, links = self._node.other, self._node.world.links
        return other.powered and not other.keepalived.running and links.echo(self._node, other)

    def hears_peer(self) -> bool:
        program, node = self._program, self._node
        program.point(0.0001)
        ticket = program.ticket()
        node.listeners.append(lambda: program.wake(ticket))
        return program.wait(2.2 * node.config.advert_int)

    def announce(self, mac: str) -> None:
        self._program.point(0.001)
        for node in self._node.world.nodes:
            if node.address == mac:
                self._node.world.vip_claimed(node)


class SimulatedHost:
    """One program's view of its node."""

    talks = False

    def __init__(self, node: Node, program: Program) -> None:
        self.config = node.config
        self.network = SimulatedNetwork(node, program)
        self._node, self._program = node, program

    # --- clock ---

    def now(self) -> float:
        return self._node.now()

    def sleep(self, seconds: float) -> None:
        self._program.point(max(seconds, 0.0) + 0.00005)

    # --- the virtual address ---

    def vip_here(self) -> bool:
        self._program.point(0.0001)
        self._program.looked_at_vip = self._program.scheduler.now
        self._program.stalled_then = self._program.stalled
        return self._node.vip

    # --- servers ---

    def connect_local(self, timeout: float) -> Any:
        return SimulatedSession(self._node, self._program, self._node.server, timeout)

    def connect_peer(self, timeout: float) -> Any:
        return SimulatedSession(self._node, self._program, self._node.other.server, timeout)

    def connect_vip(self, timeout: float) -> Any:
        other = self._node.other
        if self._node.vip or not other.vip:
            self._program.point(timeout)
            raise Unreachable("nobody has the VIP, or this node itself")
        return SimulatedSession(self._node, self._program, other.server, timeout)

    def connections_from_peer(self) -> set[int]:
        self._program.point(0.002)
        return self._node.other.receiver.established_at_source()

    # --- processes ---

    def server_process(self, session: Any) -> Process | None:
        self._program.point(FILE)
        server = self._node.server
        return server.process if server.alive and session.server_pid() == server.pid else None

    def alive(self, process: Process) -> bool:
        self._program.point(FILE)
        return self._lives(process)

    def _lives(self, process: Process) -> bool:
        server = self._node.server
        return server.alive and server.process == process

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        program = self._program
        program.point(FILE)
        if not self._lives(process):
            return True
        ticket = program.ticket()
        self._node.at_death(lambda: program.wake(ticket))
        program.wait(max(seconds, 0.0))
        return not self._lives(process)

    def watch(self, process: Process, seconds: float) -> bool | None:
        return self.wait_for_end(process, seconds)

    def seconds_running(self) -> float:
        return self._program.scheduler.now - self._program.begun

    def parent_running(self) -> float:
        return float("inf")

    def kill(self, process: Process) -> bool:
        self._program.point(FILE)
        if not self._lives(process):
            return False
        node = self._node
        node.say(f"SIGKILL to mysqld {process.pid}", self._program)
        node.world.watch.kills(node, self._program)
        node.scheduler.after(0.002, node.world.kill_mysqld, node, process.pid)
        return True

    def look_at_disks(self, process: Process, directories: tuple[str, ...]) -> Disks:  # noqa: ARG002
        self._program.point(0.002)
        return Disks(full=f"{directories[0]} has 1 MiB left" if self._node.disk_is_full else "")

    def start_promotion(self) -> None:
        self._program.point(0.005)
        self._node.say("starts a promotion", self._program)
        self._node.world.start_promotion(self._node)

    # --- keepalived ---

    def find_keepalived(self) -> bool:
        self._program.point(0.005)
        return self._node.keepalived.running

    def stop_keepalived(self) -> str:
        self._program.point(0.005)
        keepalived = self._node.keepalived
        if not keepalived.running:
            return "no keepalived is running here"
        self._node.scheduler.after(0.005, self._node.world.notify_down_stops, self._node)
        return "stopped keepalived"

    def drop_vip(self) -> str:
        self._program.point(0.005)
        if self._node.keepalived.running:
            raise KeepalivedError("a living keepalived still owns it")
        self._node.remove_vip()
        return "removed the VIP"

    # --- the lock ---

    def try_lock(self, purpose: str) -> bool:
        self._program.point(FILE)
        node = self._node
        if node.lock_holder not in (None, self._program):
            return False
        node.lock_holder, node.lock_purpose = self._program, purpose
        return True

    def unlock(self) -> None:
        self._program.point(FILE)
        if self._node.lock_holder is self._program:
            self._node.lock_holder, self._node.lock_purpose = None, ""

    def lock_purpose(self) -> str:
        self._program.point(FILE)
        return self._node.lock_purpose if self._node.lock_holder is not None else ""

    # --- marks ---

    def _read(self, name: str) -> Any:
        self._program.point(FILE)
        return self._node.marks.get(name)

    def _write(self, name: str, value: object) -> None:
        self._program.point(FILE)
        self._node.marks[name] = value

    def _remove(self, name: str) -> None:
        self._program.point(FILE)
        self._node.marks.pop(name, None)

    def open_mark(self) -> Process | None:
        return self._read("open")  # type: ignore[no-any-return]

    def mark_open(self, process: Process | None) -> None:
        if process is not None:
            self._write("open", process)

    def unmark_open(self) -> None:
        self._remove("open")

    def opening_told(self) -> bool:
        self._program.point(FILE)
        return self._node.marks.get("told") == self._node.marks.get("open")

    def note_opening_told(self) -> None:
        self._write("told", self._node.marks.get("open"))

    def last_server(self) -> Process | None:
        known = self._read("mysqld")
        return None if known is None else known[0]

    def remember_server(self, process: Process | None, contact: bool = False) -> bool:
        known = process if process is not None else NO_PROCESS
        before = self._read("mysqld")
        if contact and before != (known, True):
            self._node.say("contact with the peer", self._program)
            self._write("mysqld", (known, True))
            return True
        if process is not None and (before is None or before[0] != known):
            self._write("mysqld", (known, False))
        return False

    def had_contact(self, process: Process | None) -> bool:
        known = process if process is not None else NO_PROCESS
        return bool(self._read("mysqld") == (known, True))

    def note_events_off(self, process: Process | None) -> None:
        if process is not None:
            self._write("events", process)

    def take_events_note(self, process: Process | None) -> bool:
        noted = self._read("events")
        self._remove("events")
        return noted is not None and noted == process

    def maintenance(self, keep_copy: bool = False) -> None:
        """Never declared here."""

    def gave_way(self) -> GaveWay | None:
        return self._read("gave_way")  # type: ignore[no-any-return]

    def mark_gave_way(self, why: str) -> None:
        self._node.say(f"gives way: {why}", self._program)
        self._write("gave_way", GaveWay(self.now(), why))
        self._node.world.watch.gave_way(self._node, why)

    def unmark_gave_way(self) -> None:
        self._node.say("may return", self._program)
        self._remove("gave_way")

    def mark_leaving(self) -> None:
        self._write("leaving", self.now())

    def unmark_leaving(self) -> None:
        self._remove("leaving")

    def is_leaving(self) -> bool:
        at = self._read("leaving")
        return at is not None and self.now() - at < LEAVING_IS_FRESH

    def withdraw_permit(self) -> None:
        self._write("permit", "0")
        self._permit_changed()

    def grant_permit(self) -> None:
        if self._read("permit") != "1":
            self._write("permit", "1")
            self._permit_changed()

    def read_permit(self) -> bool | None:
        text = self._read("permit")
        return None if text is None else text == "1"

    def _permit_changed(self) -> None:
        """keepalived reads it a moment later, whatever it says then."""
        node, stalled = self._node, self._program.stalled
        node.scheduler.after(0.01, node.world.permit_changed, node, stalled)

    def last_look(self) -> Look | None:
        return self._read("look")  # type: ignore[no-any-return]

    def remember_look(self, look: Look) -> None:
        self._write("look", look)

    def _is_news(self, name: str, text: str) -> bool:
        if self._read(name) == text:
            return False
        self._node.marks[name] = text
        return True

    def verdict_changed(self, verdict: str) -> bool:
        return self._is_news("verdict", verdict)

    def verdict_age(self) -> float:
        return float("inf")

    def last_verdict(self) -> str:
        return self._read("verdict") or ""

    def trouble_changed(self, why: str) -> bool:
        return self._is_news("trouble", why)

    def forget_trouble(self) -> None:
        self._remove("trouble")

    def refusal_changed(self, why: str) -> bool:
        return self._is_news("refusal", why)

    def forget_refusal(self) -> None:
        self._remove("refusal")

    # --- the mark on disk ---

    def was_alone(self, others: str | None = None) -> bool:
        self._program.point(0.003)
        mark = self._node.disk.get("alone")
        return mark is not None and others in (None, mark)

    def mark_alone(self, others: str) -> None:
        self._program.point(0.003)
        node = self._node
        node.say("alone", self._program)
        node.disk["alone"] = others
        node.world.watch.marks_alone(node)

    def unmark_alone(self) -> bool:
        self._program.point(0.003)
        self._node.disk.pop("alone", None)
        return True

    # --- telling people ---

    def progress(self, text: str) -> None:
        """Nobody is at the terminal."""

    def announce(self, entry: dict[str, object], problem: bool) -> None:  # noqa: ARG002
        self._program.point(0.0005)

    def record(self, entry: dict[str, object], problem: bool) -> None:  # noqa: ARG002
        self._program.point(0.003)
        if self._node.world.telling:
            self._node.say(f"record {entry.get('outcome')} {entry.get('steps')}", self._program)
