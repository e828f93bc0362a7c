"""This node as promotion, demotion and checks see it: the one seam to everything outside.

A Node is composed of small parts. A dry run and the simulated worlds of the tests replace only the
parts that touch the world (Outside); marks, lock and telling stay the real ones.
"""

from __future__ import annotations

import os
import time

from kachecks import mysqld_process, report
from kachecks.bounded import Clock
from kachecks.config.options import Config
from kachecks.mysql.session import Session, local_address, peer_address
from kachecks.mysqld_process import Process
from kachecks.network.link import Network
from kachecks.state.files import (
    AUDIT_LOG,
    DISK,
    LOCK,
    MAINTENANCE,
    NO_MAINTENANCE,
    Disk,
    Files,
    Lock,
    path_of,
)
from kachecks.state.marks import Marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.keepalived.process import Keepalived as Found
    from kachecks.mysql.disks import Disks
    from kachecks.state.maintenance import Maintenance
    from kachecks.state.maintenance_mark import MaintenanceMark
    from kachecks.state.served_alone import ServedAlone


class Servers:
    """The two servers of a pair, and the mysqld process of this node."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def connect_local(self, timeout: float) -> Session:
        """A new session with this node's server. Raises SessionError."""
        return Session(local_address(self._config.local), timeout)

    def connect_peer(self, timeout: float) -> Session:
        """A new session with the other node's server, over its own address. Raises SessionError."""
        return Session(peer_address(self._config.remote, self._config.peer), timeout)

    def connect_vip(self, timeout: float) -> Session:
        """A new session with whoever has the VIP, as a client would get it. Raises SessionError."""
        return Session(peer_address(self._config.remote, self._config.vips[0]), timeout)

    def connections_from_peer(self) -> set[int]:
        """Ports at the peer's end of its TCP connections that are established in this kernel.

        The kernel knows of a peer's death at once (it closes or resets the connection); mysqld
        notices a replica that went away only when it next has something to send.
        """
        from kachecks.network import tcp_table

        return tcp_table.ports_at(self._config.peer)

    def process_of(self, session: Session) -> Process | None:
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

    def kill(self, process: Process) -> bool:
        """SIGKILL to that very process; False when it was gone already."""
        return mysqld_process.kill(process)

    def look_at_disks(self, process: Process, directories: tuple[str, ...]) -> Disks:
        """Room and writability of directories as that mysqld sees them. Raises StateError."""
        from kachecks.mysql import disks

        note = path_of(self._config.run_dir, self._config.name, DISK)
        root = f"/proc/{process.pid}/root"
        return disks.look_at(root, directories, self._config.min_free, note)


class Keepalived:
    """The keepalived that serves this host."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._found: Found | None = None

    def find(self) -> bool:
        """Whether there is one that is certainly ours.

        Raises:
            KeepalivedError: what was found is not certainly ours, or may not be looked at.
        """
        from kachecks.keepalived import process

        self._found = process.find()
        return self._found is not None

    def stop(self) -> str:
        """Stop it; one sentence about what was done.

        Raises:
            KeepalivedError: what was found is not certainly ours, or may not be looked at.
        """
        from kachecks.keepalived import process

        found = self._found or process.find()
        if found is None:
            return "no keepalived is running here"
        process.stop(found)
        return f"stopped {found}"

    def drop_vip(self) -> str:
        """Remove a VIP that a dead keepalived has left; one sentence about what was done.

        Raises:
            KeepalivedError: a living keepalived still owns it, or ip failed.
        """
        from kachecks.keepalived import process

        removed = process.remove_vip(self._config.vips)
        return f"removed {', '.join(removed)}" if removed else "no VIP was left here"

    def start_notify_master(self) -> None:
        """Run the hook in keepalived's place, in a group of its own, and do not wait for it.

        keepalived ends a check together with its whole process group; a promotion must not end with
        the check.
        """
        import subprocess
        import sys

        module = "kachecks.hooks.notify_master"
        subprocess.Popen(
            [sys.executable, "-m", module, f"--defaults-file={self._config.path}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )


class Voice:
    """How people are told: by syslog and the operator's alert program. Nobody is at a terminal."""

    verbose = False
    """Somebody is at the terminal and wants to follow the work (-v)."""

    def log(self, text: str, problem: bool) -> None:
        """One line to syslog."""
        report.log(text, problem)

    def alert(self, program: str, record: dict[str, object]) -> None:
        """Start the alert program with this record."""
        report.alert(program, record)

    def progress(self, text: str) -> None:
        """For the person at the terminal; says nothing here, as there is none."""


class VerboseVoice(Voice):
    """The same, and the person at the terminal is told each step (-v)."""

    verbose = True

    def __init__(self) -> None:
        self._terminal = report.Terminal()

    def progress(self, text: str) -> None:
        """Print it."""
        self._terminal.say(text)


class Outside:
    """All parts of a node that touch the world."""

    def __init__(self, config: Config, voice: Voice | None = None) -> None:
        self.clock = Clock()
        self.files = Files()
        self.disk = Disk()
        self.servers = Servers(config)
        self.network = Network(config)
        self.keepalived = Keepalived(config)
        self.voice = voice or Voice()


class Node:
    """This node, for one pair."""

    def __init__(self, config: Config, outside: Outside | None = None) -> None:
        """Args: ``outside``: the parts that touch the world; None: the real ones."""
        around = outside or Outside(config)
        self.config = config
        self.clock = around.clock
        self.servers = around.servers
        self.network = around.network
        self.keepalived = around.keepalived
        self.files = around.files
        self.marks = Marks(config.run_dir, config.name, around.files, around.clock)
        self.lock = Lock(path_of(config.run_dir, config.name, LOCK), around.files)
        self.telling = Telling(config, around.voice, around.disk)
        self._disk = around.disk

    @property
    def served_alone(self) -> ServedAlone:
        """The alone mark, which survives a reboot."""
        from kachecks.state.served_alone import ServedAlone

        return ServedAlone(self.config.state_dir, self.config.name, self._disk)

    @property
    def maintenance_mark(self) -> MaintenanceMark:
        """The mark by which an operator keeps this node out of the election; it survives a
        reboot."""
        from kachecks.state.maintenance_mark import MaintenanceMark

        directories = self.config.run_dir, self.config.state_dir
        return MaintenanceMark(directories, self.config.name, self.files, self._disk)

    def current_maintenance(self, keep_copy: bool = False) -> Maintenance | None:
        """What keeps this node out of the election now, None if nothing does.

        Args:
            keep_copy: remember what the disk says, so that the next look does not touch it.
        """
        copy = path_of(self.config.run_dir, self.config.name, MAINTENANCE)
        if self.files.read(copy) == NO_MAINTENANCE:
            return None
        return self.maintenance_mark.current(keep_copy)


class Telling:
    """Tells people about one pair: by syslog, the audit log and the alert program."""

    def __init__(self, config: Config, voice: Voice, disk: Disk) -> None:
        self._config = config
        self._voice = voice
        self._disk = disk
        self.verbose = voice.verbose
        self.progress = voice.progress

    def announce(self, entry: dict[str, object], problem: bool) -> None:
        """A new verdict of the check: syslog, and the alert program for a problem."""
        self._voice.log(f"{self._whose()}{entry['sentence']}", problem)
        if problem:
            self._alert(self._record(entry))

    def record(self, entry: dict[str, object], problem: bool) -> None:
        """A transition or a new problem: syslog, the audit log, the operator's alert program."""
        from kachecks.state import audit_log

        record = self._record(entry)
        self._voice.log(f"{self._whose()}{_sentence(entry)}", problem)
        path = path_of(self._config.state_dir, self._config.name, AUDIT_LOG)
        audit_log.append(self._disk, path, record)
        self._alert(record)

    def _alert(self, record: dict[str, object]) -> None:
        if self._config.alert:
            self._voice.alert(self._config.alert, record)

    def _record(self, entry: dict[str, object]) -> dict[str, object]:
        host = os.uname().nodename
        return {"time": _timestamp(), "host": host, "name": self._config.name, **entry}

    def _whose(self) -> str:
        """Where a host has several pairs, syslog says which."""
        return "" if self._config.name == "main" else f"{self._config.name}: "


def _timestamp() -> str:
    seconds = time.time()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _sentence(entry: dict[str, object]) -> str:
    """The record as one line of syslog."""
    said = f"{entry.get('transition')}: {entry.get('outcome')}: {entry.get('why')}"
    if "milliseconds" in entry:
        said += f" ({entry['milliseconds']} ms)"
    return said
