"""This node as promotion, demotion and checks see it: the one seam to everything outside.

A Node is composed of small parts. A dry run and the simulated worlds of the tests replace only the
parts that touch the world (Outside); marks, lock and telling stay the real ones.
"""

from __future__ import annotations

import os
import stat
import time

from kachecks import mysqld_process, report
from kachecks.bounded import Clock, GivenUp, within
from kachecks.config.file_format import exposed
from kachecks.config.options import SOCKETS, Config
from kachecks.mysql.errors import DriverError, NoAnswer, Refused, SessionError
from kachecks.mysql.facts import Facts, channels_by_address
from kachecks.mysql.probe import uptime
from kachecks.mysql.session import Session, local_address, peer_address
from kachecks.mysqld_process import Process
from kachecks.network.link import Network
from kachecks.state.files import (
    AUDIT_LOG,
    LOCK,
    MAINTENANCE,
    MYSQLD,
    NO_MAINTENANCE,
    Disk,
    Files,
    Lock,
    path_of,
)
from kachecks.state.marks import Marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Callable

    from kachecks.keepalived.process import Keepalived as Found
    from kachecks.mysql.disks import Disks
    from kachecks.mysql.stopping import Sessions
    from kachecks.state.known_late import KnownLate
    from kachecks.state.maintenance import Maintenance
    from kachecks.state.maintenance_mark import MaintenanceMark
    from kachecks.state.served_alone import ServedAlone


MORE = 0.02
"""Seconds besides its own deadline that a login is waited for: only who hangs needs them."""


class Servers:
    """The two servers of a pair, and the mysqld process of this node."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._hanging: Process | None = None  # a child of this very process (status --watch)

    def connect_local(self, timeout: float) -> Session:
        """A new session with this node's server. Raises SessionError.

        Where [client] names no socket, that of the last good check alone is tried: another one may
        be another server's.
        """
        login = self._config.local
        if not login.socket:
            return Session(local_address(login), timeout)
        sockets: tuple[str, ...] = (login.socket,)
        if self._config.socket_by_default:
            note = Files().read(path_of(self._config.run_dir, self._config.name, MYSQLD))
            known = "".join(note.split("\n")[1:2])
            sockets = (known,) if known else SOCKETS
        if all(map(_cannot_hang, sockets)):
            return self._connect_by_socket(sockets, timeout)
        try:  # the disk that the socket is on may hang
            session: Session = within(timeout + MORE, self._connect_by_socket, sockets, timeout)
        except GivenUp:
            raise NoAnswer(f"no answer from {sockets[-1]} within {timeout:g} s") from None
        return session

    def _connect_by_socket(self, sockets: tuple[str, ...], timeout: float) -> Session:
        """By the first of them that exists, if nobody but mysqld can listen there. Raises
        SessionError.

        That is known before the login, which sends the password, and before an answer of somebody
        else could be taken for that of a server that is dead.
        """
        socket = next(filter(os.path.exists, sockets), sockets[0])
        try:
            owner, others = _who_may_listen(socket)
        except FileNotFoundError as error:
            raise Refused(f"nobody listens on {socket}: {error.strerror}") from None
        except OSError as error:
            raise DriverError(f"cannot connect to {socket}: {error.strerror}") from None
        if not others:
            address = local_address(self._config.local._replace(socket=socket))
            return Session(address._replace(owner=owner), timeout)
        sentence = (
            f"nobody is asked on {socket}: {others}, so another account may listen there and be"
            " sent our password; chmod (mount) it so that only root and mysqld's account may, or"
            " let the socket lie in a directory where that is so"
        )
        marks = Marks(self._config.run_dir, self._config.name, Files(), Clock())
        last = marks.last_server()
        if last is not None and last.known and not self.alive(last):
            raise Refused(f"mysqld (pid {last.pid}) has ended, and {sentence}")
        raise DriverError(sentence)

    def connect_peer(self, timeout: float) -> Session:
        """A new session with the other node's server, over its own address. Raises SessionError."""
        return Session(peer_address(self._config.remote, self._config.peer), timeout)

    def begin_to_connect_peer(self, timeout: float) -> Callable[[float], Session]:
        """Begin to make such a session, in a thread. A call gets it, so many seconds after the
        beginning at most.

        The call raises SessionError as above, and GivenUp: it is not there yet.
        """
        from kachecks.asking import Asking

        asking = Asking()
        asking.ask("peer", lambda: self.connect_peer(timeout))

        def session(seconds: float) -> Session:
            made: Session = asking.answer("peer", seconds)
            return made

        return session

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

    def connections_through_vip(self) -> set[int]:
        """Ports at the clients' ends of TCP connections through the VIP, also one that has left.
        Raises OSError."""
        from kachecks.network import tcp_table

        return {port for vip in self._config.vips for port in tcp_table.ports_through(vip)}

    def process_of(self, session: Session) -> Process | None:
        """The mysqld that answers this session.

        Where the kernel cannot tell (TCP, another pid namespace), a process without a pid, known by
        its start. None: not even that is known.
        """
        pid = session.server_pid()
        process = None if pid is None else mysqld_process.identify(pid)
        return process or _by_uptime(session)

    def sockets_of(self, session: Session) -> tuple[str, str]:
        """The unix socket of this session, and as what the server has bound it (its spelling, or
        its own root directory, may be another one)."""
        return session.address.socket or "", session.bound_socket

    def listens(self, process: Process, socket: str) -> bool:
        """That very process still runs, and listens on the unix socket that it has bound so."""
        return mysqld_process.listens(process, socket)

    def alive(self, process: Process) -> bool:
        """That very process still runs."""
        return mysqld_process.alive(process)

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        """True as soon as it has ended, False after ``seconds``."""
        return mysqld_process.wait(process, seconds)

    def watch(self, process: Process, seconds: float, socket: str) -> bool | None:
        """The same without polling its process, and False as soon as that socket has been removed;
        None where the kernel cannot do that."""
        return mysqld_process.watch(process, seconds, socket)

    def is_there(self, socket: str) -> bool:
        """That unix socket has not been removed."""
        return os.path.exists(socket)

    def end_sessions(self, process: Process, peer: str, readers: frozenset[int]) -> Sessions | None:
        """Let no session of a mysqld that shuts down read on; what is left of them.

        None where it still listens, or its threads cannot be told. Raises OSError.
        """
        from kachecks.mysql import stopping

        return stopping.end_sessions(process, peer, readers)

    def end_sending(self, process: Process) -> None:
        """Cut the connections that such a mysqld has left. Raises OSError."""
        from kachecks.mysql import stopping

        stopping.end_sending(process)

    def end_sessions_through_vip(self, process: Process) -> set[str]:
        """Shut the sockets of whoever has come to that mysqld through a VIP; their hosts, as the
        process list has them ("10.0.0.9:40000"). Raises OSError."""
        from kachecks.mysql import sockets

        ends = sockets.end_connections_to(process, self._config.vips)
        return {f"{address}:{port}" for address, port in ends}

    def end_clients(self, process: Process, hosts: Collection[str]) -> None:
        """Shut the sockets of that mysqld's clients at these hosts, as the process list has them,
        but for this suite's programs. Raises OSError."""
        from kachecks.mysql import sockets

        sockets.end_clients(process, hosts)

    def kill(self, process: Process) -> bool:
        """SIGKILL to that very process; False when it was gone already."""
        return mysqld_process.kill(process)

    def look_at_disks(
        self,
        process: Process,
        directories: tuple[str, ...],
        binlog: str,
        hanging: Process | None,
    ) -> Disks:
        """Room and writability of directories as that mysqld sees them.

        Args:
            binlog: path of its binary logs without their numbers; "" where there are none.
            hanging: the child of an earlier run's look that had not come back.

        Raises OSError: no child can be made.
        """
        from kachecks.mysql import disks

        for child in (self._hanging, hanging):
            if child is not None and mysqld_process.runs(child):
                return disks.Disks(mute=child)
        root = f"/proc/{process.pid}/root"
        found = disks.look_at(root, directories, binlog, self._config.min_free)
        self._hanging = found.mute
        return found


RUN = "/run"
"""A tmpfs (systemd), on which we have our own files, too."""


def _cannot_hang(path: str) -> bool:
    """Whether a look at this path waits for no disk: it lies below RUN, and neither a link nor a
    mount on the way leads elsewhere. Then a session needs no thread to be given up in, since all
    else that it waits for is a socket, with a deadline."""
    if not path.startswith(f"{RUN}/"):
        return False
    try:
        here, device = RUN, os.lstat(RUN).st_dev
        for name in path[len(RUN) + 1 :].split("/"):
            here = f"{here}/{name}"
            info = os.lstat(here)
            if stat.S_ISLNK(info.st_mode) or info.st_dev != device or name == "..":
                return False
    except OSError:  # whoever connects says what is wrong
        return False
    return True


def _who_may_listen(socket: str) -> tuple[int, str]:
    """The account of mysqld, and who else may; "" if nobody. Raises OSError.

    Who has bound a socket owns its file. Whoever else may bind one is told by the way to it, which
    must be root's and that account's alone: then nobody can take its place when mysqld is gone.
    """
    info = os.stat(socket)
    if not info.st_uid:  # of systemd, or of a mysqld that runs as root
        info = os.stat(os.path.dirname(socket))
    return info.st_uid, exposed(socket, info.st_uid, info.st_gid)


def _by_uptime(session: Session) -> Process | None:
    try:
        seconds = uptime(session, UPTIME_PATIENCE)
    except SessionError:
        return None
    return None if seconds is None else Process(0, round(time.time()) - seconds)


UPTIME_PATIENCE = 1.0
"""Seconds for a server to tell since when it runs."""


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
        """Run the hook in keepalived's place, and do not wait for it.

        keepalived ends a check together with its whole process group; a promotion must not end with
        the check. Raises OSError.
        """
        import sys

        from kachecks.children import let_go

        how = ["-I", "-m"] if sys.flags.isolated else ["-m"]  # as packages/make.py has it
        module = "kachecks.hooks.notify_master"
        command = [sys.executable, *how, module, f"--defaults-file={self._config.path}"]
        let_go(command, "", lambda error: report.log(f"{command} cannot be run: {error}", True))


class Voice:
    """How people are told: by syslog and the operator's alert program. Nobody is at a terminal."""

    verbose = False
    """Somebody is at the terminal and wants to follow the work (-v)."""

    def log(self, text: str, problem: bool) -> None:
        """One line to syslog."""
        report.log(text, problem)

    def alert(self, program: str, record: dict[str, object]) -> None:
        """Start the alert program with this record."""
        report.alert(program, record, exposed)

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


SHUTS_DOWN = 0.1
"""Seconds after which a mysqld that has begun to shut down has closed all its listening sockets (it
takes 4 ms: MariaDB 10.11, MySQL 9.7)."""


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

    def of_the_peer(self, facts: Facts) -> Facts:
        """The same with those channels alone that read from the peer, as far as can be told without
        it: no other channel is the pair's business."""
        if len(facts.channels) < 2:
            return facts
        address, identity = self.config.peer, self.marks.peer_identity()
        channels = channels_by_address(facts.channels, address, identity)
        return facts._replace(channels=channels)

    def cut_off_server(self) -> str:
        """Says that the mysqld of the last good check lives and listens, so that a refused
        connection proves nothing; "" where it has ended, or may be shutting down."""
        process, (_, bound) = self.marks.last_server(), self.marks.last_sockets()
        if process is None or not process.known or not bound:
            return ""
        if not self.servers.listens(process, bound):
            return ""
        self.clock.sleep(SHUTS_DOWN)
        if not self.servers.listens(process, bound):
            return ""
        return (
            f"but mysqld (pid {process.pid}) lives and listens on {bound}: somebody has removed"
            f" that file, or [client] in {self.config.path} names another one"
        )

    @property
    def served_alone(self) -> ServedAlone:
        """The alone mark, which survives a reboot."""
        from kachecks.state.served_alone import ServedAlone

        return ServedAlone(self.config.state_dir, self.config.name, self._disk)

    @property
    def known_late(self) -> KnownLate:
        """The late mark, which survives a reboot."""
        from kachecks.state.known_late import KnownLate

        return KnownLate(self.config.state_dir, self.config.name, self._disk)

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

    def announce(self, entry: dict[str, object], severity: str, since: float) -> None:
        """A new verdict of the check: syslog, and the alert program for a problem.

        Args:
            severity: of the problem; "" where there is none.
            since: seconds since the epoch, when it was first told.
        """
        self._voice.log(f"{self._whose()}{entry['sentence']}", problem=bool(severity))
        if severity:
            from kachecks.alert import problem

            self._alert(problem(self._config.name, severity, since, entry))

    def announce_end(self, reason: str, since: float, sentence: str) -> None:
        """The problem that was told with this reason is over: the alert program alone."""
        from kachecks.alert import end

        self._alert(end(self._config.name, reason, since, sentence))

    def record(self, entry: dict[str, object], problem: bool) -> None:
        """A transition or a new problem: syslog, the audit log, the operator's alert program."""
        from kachecks.alert import event, timestamp
        from kachecks.state import audit_log

        name, host = self._config.name, os.uname().nodename
        record = {"time": timestamp(time.time()), "host": host, "name": name, **entry}
        self._voice.log(f"{self._whose()}{_sentence(entry)}", problem)
        audit_log.append(self._disk, path_of(self._config.state_dir, name, AUDIT_LOG), record)
        self._alert(event(name, entry, failed=problem))

    def _alert(self, record: dict[str, object]) -> None:
        if self._config.alert:
            self._voice.alert(self._config.alert, record)

    def _whose(self) -> str:
        """Where a host has several pairs, syslog says which."""
        return "" if self._config.name == "main" else f"{self._config.name}: "


def _sentence(entry: dict[str, object]) -> str:
    """The record as one line of syslog."""
    said = f"{entry.get('transition')}: {entry.get('outcome')}: {entry.get('why')}"
    if "milliseconds" in entry:
        said += f" ({entry['milliseconds']} ms)"
    return said
