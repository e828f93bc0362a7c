"""Which keepalived a node runs: the system's, or that of another Debian release.

A chroot will not do for the other one: what it starts, checks and hooks, are programs of the node.
Nor will LD_LIBRARY_PATH, which they would inherit, nor starting it through the other release's
loader, which the kernel would then name as the program. So patchelf gives a copy the loader and the
libraries of the tree by path, and the node sees the copy at /usr/sbin/keepalived: what it starts
finds the system's libraries, and who looks at /proc/PID/exe finds keepalived.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.servers import cache

PROGRAM = "/usr/sbin/keepalived"


class Keepalived:
    """The system's."""

    #: What a node sees in place of the system's files.
    binds: Mapping[str, Path] = {}
    #: What its package has in /etc/keepalived and a node must have there too, by name.
    files: Mapping[str, Path] = {}
    _command: Sequence[str] = (PROGRAM,)

    @functools.cached_property
    def version(self) -> str:
        """As it prints it itself, such as 2.3.3."""
        argv = [*self._command, "--version"]
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
        found = re.search(r"Keepalived v(\S+)", printed)
        assert found, printed
        return found[1]


class UnpackedKeepalived(Keepalived):
    """That of `tree`, a system unpacked beside this one."""

    def __init__(self, name: str, tree: Path) -> None:
        """`name`: of the patched copy in the cache."""
        copy = cache.made(name, lambda new: _patch(tree, new / "keepalived")) / "keepalived"
        options = tree / "etc/keepalived/keepalived.config-opts"
        self.binds = {PROGRAM: copy}
        # Debian's keepalived from 2.3 on does not start without this file of its package.
        self.files = {options.name: options} if options.exists() else {}
        self._command = ("chroot", str(tree), PROGRAM)


def _patch(tree: Path, copy: Path) -> None:
    """Make `copy` the tree's keepalived, for use outside the tree and with the tree's libraries."""
    shutil.copy2(tree / PROGRAM.lstrip("/"), copy)
    loader = subprocess.run(
        ["patchelf", "--print-interpreter", copy], capture_output=True, text=True, check=True
    ).stdout.strip()
    # Up to Debian 11 the C library is in lib, which is no link into usr there.
    machine = next(tree.glob("lib/*/libc.so.6")).parent.name
    libraries = f"{tree}/usr/lib/{machine}:{tree}/lib/{machine}"
    # RPATH, not RUNPATH: only that holds for the libraries' own libraries too (ld.so(8)).
    argv = ["patchelf", "--force-rpath", "--set-rpath", libraries]
    # Not by its own path: in lib64 of Debian 11 it is a link to the system's.
    argv += ["--set-interpreter", f"{tree}/lib/{machine}/{Path(loader).name}"]
    subprocess.run([*argv, copy], check=True)
