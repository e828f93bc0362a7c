"""A Python program of the lab as a process in a node's or a client's network.

It is not started through nsenter, so that it may run in the lab's own environment; it ends when
the lab does, however that ends.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Protocol

CHECKOUT = Path(__file__).resolve().parents[3]

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1


class Hosting(Protocol):
    """A process that holds a network namespace open, such as Namespaces."""

    pid: int


def command(module: str, network: Hosting) -> list[str]:
    """The start of the command line for a module that understands `add_options`; from CHECKOUT.

    Start it in a thread that outlives it: it dies with the thread that started it.
    """
    argv = [sys.executable, "-m", module, "--network-of", str(network.pid)]
    return [*argv, "--parent", str(os.getpid())]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network-of", type=int, help="process whose network to enter")
    parser.add_argument("--parent", type=int, help="process to die with")


def settle(options: argparse.Namespace) -> None:
    """Do what these options say. Raises OSError, or SystemExit where the parent is gone."""
    if options.parent:
        _die_with_parent(options.parent)
    if options.network_of:
        _enter_network(options.network_of)


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process when `parent`, which started it, is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent is gone already")


def _enter_network(pid: int) -> None:
    """Move this process into the network namespace of process `pid`. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if library.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network of process {pid}")
