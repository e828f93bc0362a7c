"""What a mysqld that shuts down is still at, as the kernel sees it: SQL cannot ask it any more.

MySQL closes its listening sockets first and marks its sessions as killed, but shuts none of their
sockets: a client that is idle in a transaction may send COMMIT for 10 s more, and is told OK. So is
one whose commit is under way (both measured on 9.7). Threads that read the binary log for replicas
are ended 8 s after the order to stop, whatever they have not sent yet.

MySQL tells the kernel what its threads are for (9.7; the server's own documentation has it from
8.0.39 and 8.4.2 on): ``connection`` is a client's session or such a reader. Older versions and
MariaDB do not. The event scheduler is marked as killed with the sessions and starts nothing
afterwards; what it has started is a thread of its own.
"""

from __future__ import annotations

import os
import socket

from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import sockets
from kachecks.mysqld_process import Process

CONNECTION = "connection"

WAITS_FOR_REPLICAS = "ss_ack"
"""Reads what semi-synchronous replicas acknowledge."""

HARMLESS = frozenset(
    {WAITS_FOR_REPLICAS, "evt_sched", "gtid_zip", "rpl_opt_tracker", "sig_handler"}
)
"""Threads of MySQL 9.7 that commit nothing of anybody's while it shuts down."""

HARMLESS_FAMILIES = ("ib_", "xpl_")
"""Those of InnoDB, and of the X Plugin, whose sessions end with their sockets."""


class Threads(NamedTuple):
    """What the threads of a process are for."""

    connections: int  # sessions of clients, and readers of the binary log
    unknown: int  # they may be committing, as far as can be told
    semi_sync: bool  # acknowledgements of replicas are read


class Sessions(NamedTuple):
    """What is left of the sessions of a server that shuts down."""

    threads: Threads
    sockets: int
    known: int  # of them, of who is known to read the binary log
    logs: dict[str, int]  # names and sizes of the numbered files that it has open

    @property
    def may_commit(self) -> bool:
        """One of them may still commit something.

        Who reads the binary log cannot. Where only one session is left it is known by its replica,
        which receives.
        """
        if self.threads.unknown or self.threads.connections != self.sockets:
            return True
        return self.sockets not in (0, 1, self.known)

    @property
    def readers(self) -> int:
        """Who, where none may commit, reads the binary log."""
        return self.threads.connections

    def all_sent(self, position: str) -> bool:
        """That position ("binlog.000003:1042") is the end of the newest binary log of that name."""
        file, _, offset = position.rpartition(":")
        stem = file.rpartition(".")[0]
        same = [each for each in self.logs if each.rpartition(".")[0] == stem]
        newest = max(same, key=lambda each: (len(each), each), default=None)
        return newest == file and str(self.logs[file]) == offset

    @property
    def progress(self) -> str:
        """Changes as long as it gets on with its end."""
        written = ",".join(f"{name}:{size}" for name, size in sorted(self.logs.items()))
        return f"{self.threads.connections},{self.threads.unknown},{self.sockets} {written}"


def end_sessions(
    process: Process, peer: str, readers: frozenset[int], proc: str = "/proc"
) -> Sessions | None:
    """Let each session read no more from its client, so that it ends after what it is at; what is
    left of them. None while it listens, so that it does not shut down, and where nothing tells what
    its threads are for.

    What is being committed is committed, and its client is told. A reader of the binary log reads
    nothing from its replica, and goes on sending; but with semi-synchronous replication commits
    wait for what the ``peer`` acknowledges.

    Args:
        readers: ports at the far ends of connections that were seen to read the binary log. Such a
            connection does nothing else as long as it lasts.

    Raises OSError: this kernel, or this account, cannot do that.
    """
    found = _threads(process, proc)
    if found is None:
        return None
    ports = _end_reading(process, peer if found.semi_sync else "", proc)
    if ports is None:
        return None
    known = sum(port in readers for port in ports)
    return Sessions(found, len(ports), known, _logs(process, proc))


def _threads(process: Process, proc: str) -> Threads | None:
    """Of all but the first, which shuts the others down; None where they are named like that one,
    so that nothing tells what they are for. Raises OSError."""
    tasks = f"{proc}/{process.pid}/task"
    names = {}
    for each in os.listdir(tasks):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            names[each] = _line(f"{tasks}/{each}/comm")
    first = names.pop(str(process.pid), "")
    others = list(names.values())
    if first in others:
        return None
    known = [each for each in others if each in HARMLESS or each.startswith(HARMLESS_FAMILIES)]
    connections = others.count(CONNECTION)
    unknown = len(others) - connections - len(known)
    return Threads(connections, unknown, WAITS_FOR_REPLICAS in others)


def _line(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().rstrip("\n")


def _logs(process: Process, proc: str) -> dict[str, int]:
    """Names and sizes of the files with a number that it has open: binary logs, relay logs. Raises
    OSError."""
    found = {}
    for link, target in sockets.open_files(process, proc):
        name = target.rpartition("/")[2]
        if name.rpartition(".")[2].isdecimal():
            with suppress(FileNotFoundError):  # closed by now
                found[name] = os.stat(link).st_size
    return found


def _end_reading(process: Process, spared: str, proc: str) -> list[int] | None:
    """Ports at the far ends of the sessions that have a socket still, 0 where there is none; None
    while it listens. Raises OSError."""
    if any(map(sockets.listens, sockets.of_process(process, proc))):
        return None
    ports = []
    for each in sockets.of_process(process, proc):
        address, port = sockets.far_end(each)
        ports.append(port)
        if not spared or address != spared:
            sockets.shut(each, socket.SHUT_RD)
    return ports


def end_sending(process: Process, proc: str = "/proc") -> None:
    """Shut the sockets of all sessions: the kernel at the other end learns at once that nothing
    more will come. Raises OSError as end_sessions."""
    for each in sockets.of_process(process, proc):
        sockets.shut(each, socket.SHUT_RDWR)
