"""This node as promotion, demotion and checks see it: the one seam to clock, VIP, servers, state.

Everything that acts on the world goes through a Host, so that a rehearsal (--dry-run) and a
simulated world can stand in for it, and the steps themselves do not know.
"""

from __future__ import annotations

import os
import time

from kachecks import mysqld_process, report
from kachecks.config.options import Config
from kachecks.mysql.session import Session, local_address, peer_address
from kachecks.mysqld_process import Process
from kachecks.network import vip
from kachecks.network.link import Network
from kachecks.state import files
from kachecks.state.marks import NO_MAINTENANCE, Marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.keepalived.process import Keepalived
    from kachecks.mysql.disks import Disks
    from kachecks.state.maintenance import Maintenance


class Budget:
    """Seconds that shrink: one for a whole piece of work, so that its steps share them."""

    def __init__(self, host: Host, seconds: float) -> None:
        self._host = host
        self._until = host.now() + seconds

    def left(self, at_most: float = float("inf")) -> float:
        """Seconds left, never negative."""
        return min(max(self._until - self._host.now(), 0.0), at_most)

    @property
    def over(self) -> bool:
        """Nothing is left."""
        return self._host.now() >= self._until


class Host(Marks):
    """The real node."""

    talks = False
    """Somebody is at the terminal and wants to know how far it is."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.run_dir, config.name)
        self.config = config
        self.network = Network(config)
        self._keepalived: Keepalived | None = None
        self._lock = files.Lock(f"{config.run_dir}/{config.name}.lock")

    # --- clock ---

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    # --- the virtual address ---

    def vip_here(self) -> bool:
        """Every VIP of this pair is on this host at this moment. Raises OSError."""
        return vip.here(self.config.vips)

    # --- servers ---

    def connect_local(self, timeout: float) -> Session:
        """A new session with this node's server. Raises SessionError."""
        return Session(local_address(self.config.local), timeout)

    def connect_peer(self, timeout: float) -> Session:
        """A new session with the other node's server, over its own address. Raises SessionError."""
        return Session(peer_address(self.config.remote, self.config.peer), timeout)

    def connect_vip(self, timeout: float) -> Session:
        """A new session with whoever has the VIP, as a client has it. Raises SessionError."""
        return Session(peer_address(self.config.remote, self.config.vips[0]), timeout)

    def connections_from_peer(self) -> set[int]:
        """Ports at the peer's end of its TCP connections that are established in this kernel.

        The kernel knows of a peer's death at once (it closes or resets the connection); mysqld
        notices a replica that went away only when it next has something to send.
        """
        from kachecks.network import tcp_table

        return tcp_table.ports_at(self.config.peer)

    # --- processes ---

    def server_process(self, session: Session) -> Process | None:
        """The mysqld that answers this session, or None where the kernel cannot tell."""
        pid = session.server_pid()
        return None if pid is None else mysqld_process.identify(pid)

    def alive(self, process: Process) -> bool:
        """That very process still runs."""
        return mysqld_process.alive(process)

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        """True as soon as it has ended, False after ``seconds``."""
        return mysqld_process.wait(process, seconds)

    def watch(self, process: Process, seconds: float) -> bool | None:
        """The same without any polling; None where the kernel cannot do that."""
        return mysqld_process.watch(process, seconds)

    def seconds_running(self) -> float:
        """The age of this very process, from its fork by keepalived on."""
        return self.now() - mysqld_process.start_of("self")

    def parent_running(self) -> float:
        """The age of the process that has started this one; inf where it is not to be seen."""
        try:
            return self.now() - mysqld_process.start_of(str(os.getppid()))
        except OSError:
            return float("inf")

    def kill(self, process: Process) -> bool:
        """SIGKILL to that very process; False when it was gone already."""
        return mysqld_process.kill(process)

    def look_at_disks(self, process: Process, directories: tuple[str, ...]) -> Disks:
        """Room and writability of directories as that mysqld sees them. Raises StateError."""
        from kachecks.mysql import disks

        note = f"{self.config.run_dir}/{self.config.name}.disk"
        root = f"/proc/{process.pid}/root"
        return disks.look_at(root, directories, self.config.min_free, note)

    def start_promotion(self) -> None:
        """Run notify_master, in a process and group of its own, and do not wait for it.

        keepalived ends a check with its whole group; a promotion must not end with it.
        """
        import subprocess
        import sys

        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "kachecks.hooks.notify_master",
                f"--defaults-file={self.config.path}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    # --- keepalived ---

    def find_keepalived(self) -> bool:
        """Whether there is one; it is surely ours.

        Raises:
            KeepalivedError: none that is surely ours, or not allowed.
        """
        from kachecks.keepalived import process as keepalived_process

        self._keepalived = keepalived_process.find()
        return self._keepalived is not None

    def stop_keepalived(self) -> str:
        """Stop the keepalived that serves this host; one sentence about what was done.

        Raises:
            KeepalivedError: none that is surely ours, or not allowed.
        """
        from kachecks.keepalived import process as keepalived_process

        found = self._keepalived or keepalived_process.find()
        if found is None:
            return "no keepalived is running here"
        keepalived_process.stop(found)
        return f"stopped {found}"

    def drop_vip(self) -> str:
        """Remove a VIP that a dead keepalived has left; one sentence about what was done.

        Raises:
            KeepalivedError: a living keepalived still owns it, or ip failed.
        """
        from kachecks.keepalived import process as keepalived_process

        removed = keepalived_process.remove_vip(self.config.vips)
        return f"removed {', '.join(removed)}" if removed else "no VIP was left here"

    # --- the lock ---

    def try_lock(self, purpose: str) -> bool:
        """Take the pair's lock if it is free. Raises state.StateError."""
        return self._lock.try_to_take(purpose)

    def unlock(self) -> None:
        """Free the lock."""
        self._lock.release()

    def lock_purpose(self) -> str:
        """What the hook at work is about, "" when none is."""
        return self._lock.purpose_of_holder()

    # --- the alone mark, which survives a reboot ---

    def was_alone(self, others: str | None = None) -> bool:
        """This node was open, and the peer silent or refusing, when it was last looked at.

        Args:
            others: what other servers have committed here by now (positions.of_others): if that
                is more than there was then, the peer has lived since. None: only ask for the mark.
        """
        from kachecks.state import served_alone

        return served_alone.is_marked(self.config.state_dir, self.config.name, others)

    def mark_alone(self, others: str) -> None:
        """The open holder finds its peer gone, and has these transactions of others."""
        from kachecks.state import served_alone

        served_alone.mark(self.config.state_dir, self.config.name, others)

    def unmark_alone(self) -> bool:
        """The peer is there: from now on it may have what this node lacks. Whether it is gone."""
        from kachecks.state import served_alone

        return served_alone.unmark(self.config.state_dir, self.config.name)

    # --- maintenance, which survives a reboot ---

    def maintenance(self, keep_copy: bool = False) -> Maintenance | None:
        """What keeps this node out of the election, None if nothing does.

        Args:
            keep_copy: remember what the disk says, so that the next look does not touch it.
        """
        config = self.config
        if files.read_text(f"{config.run_dir}/{config.name}.maintenance") == NO_MAINTENANCE:
            return None
        from kachecks.state import maintenance

        return maintenance.current(config.run_dir, config.state_dir, config.name, keep_copy)

    # --- telling people ---

    def progress(self, text: str) -> None:
        """For the person at the terminal; nothing unless asked for."""

    def announce(self, entry: dict[str, object], problem: bool) -> None:
        """A new verdict of the check: syslog, and the alert program for a problem."""
        report.log(f"{self._whose()}{entry['sentence']}", problem)
        if problem and self.config.alert:
            record = {"time": _timestamp(), "host": _host_name(), "name": self.config.name}
            report.alert(self.config.alert, {**record, **entry})

    def record(self, entry: dict[str, object], problem: bool) -> None:
        """A transition or a new problem: syslog, the audit log, the operator's alert program."""
        record = {"time": _timestamp(), "host": _host_name(), "name": self.config.name, **entry}
        report.log(f"{self._whose()}{_sentence(entry)}", problem)
        files.append_audit(self.config.state_dir, self.config.name, record)
        if self.config.alert:
            report.alert(self.config.alert, record)

    def _whose(self) -> str:
        """Where a host has several pairs, syslog says which."""
        return "" if self.config.name == "main" else f"{self.config.name}: "


class TalkingHost(Host):
    """The real node, telling a person at a terminal what it does (-v)."""

    talks = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._terminal = report.Terminal()

    def progress(self, text: str) -> None:
        """Print it."""
        self._terminal.say(text)


def _timestamp() -> str:
    seconds = time.time()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _host_name() -> str:
    return os.uname().nodename


def _sentence(entry: dict[str, object]) -> str:
    """The record as one line of syslog."""
    said = f"{entry.get('transition')}: {entry.get('outcome')}: {entry.get('why')}"
    if "milliseconds" in entry:
        said += f" ({entry['milliseconds']} ms)"
    return said
