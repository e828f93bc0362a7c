"""Pid 1 of a node: reaps what it inherits and keeps the node's system log. Nothing else.

Run by room.py with the system's Python inside the namespaces: `init.py HOST_PID [SYSLOG_FD]`.
Prints HOST_PID once the log socket takes messages.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path


def main() -> None:
    host_pid, *syslog_fd = sys.argv[1:]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel then reaps every orphan by itself
    if syslog_fd:
        # As systemd has it. The kernel's own 10 lines are less than one failover tells.
        Path("/proc/sys/net/unix/max_dgram_qlen").write_text("512")
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if syslog_fd:
        log.bind("/dev/log")
    print(host_pid, flush=True)
    _let_go_of_the_lab()
    while not syslog_fd:
        signal.pause()
    while True:
        line = log.recv(65536).decode(errors="replace").rstrip("\0\n")
        os.write(int(syslog_fd[0]), f"{time.monotonic():.6f} {line}\n".encode())


def _let_go_of_the_lab() -> None:
    """The lab has read the ready line; its pipes are not to be kept open."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


if __name__ == "__main__":
    main()
