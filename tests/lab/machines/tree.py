"""The systems that machines run: a Debian release as it is installed, with a database server.

    python -m tests.lab.machines.tree bookworm     # get it if it is not there, and say where it is

Made by mmdebstrap in about a minute and kept in the lab's cache; nothing is ever written to it
afterwards. There is no network inside a machine, so the packages that a test will install wait in
apt's cache there.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.servers import cache
from tests.lab.servers.unpack import KEYRING, mirror

PATIENCE = 900.0
"""Seconds that mmdebstrap may take."""

_SYSTEM = (
    *("systemd", "systemd-sysv", "dbus", "ifupdown", "iproute2", "iputils-ping", "netbase"),
    *("procps", "man-db", "bash-completion"),
)
_DOWNLOAD = (
    'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --yes -o APT::Install-Recommends=true'
    " install --download-only"
)


@dataclass(frozen=True)
class Release:
    """A Debian release, and what of it a machine has."""

    suite: str
    number: str
    python: str
    """The version of Python in it, such as 3.11: the package depends on that."""
    server: Sequence[str] = ("mariadb-server",)
    """Installed beforehand, as who installs kachecks has a server already."""

    @property
    def family(self) -> str:
        """`mariadb` or `mysql`: its unit, its client, and what `kachecks setup` calls it."""
        return self.server[0].partition("-")[0]

    @property
    def waiting(self) -> Sequence[str]:
        """What the package depends on and recommends: its installation fetches them."""
        return (f"python{self.python}", "keepalived", "logrotate")

    def __str__(self) -> str:
        return f"Debian {self.number}"


BOOKWORM = Release("bookworm", "12", "3.11")
RELEASES = {
    release.suite: release
    for release in (
        BOOKWORM,
        Release("bullseye", "11", "3.9"),
        Release("trixie", "13", "3.13"),
        Release("sid", "sid", "3.14", ("mysql-server",)),
    )
}


def tree(release: Release) -> Path:
    """The system of `release`, from the cache, or made now.

    Raises:
        LabError: it is not there, and cannot be made: no mmdebstrap, no mirror.
    """
    recipe = repr((release, _SYSTEM, _DOWNLOAD)).encode()
    name = f"machine-{release.suite}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    return cache.made(name, lambda new: _make(release, new)) / "root"


def _make(release: Release, new: Path) -> None:
    argv = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--skip=cleanup/apt"]
    argv.append(f"--include={','.join((*_SYSTEM, *release.server))}")
    argv.append(f"--customize-hook={_DOWNLOAD} {' '.join(release.waiting)}")
    argv.append('--aptopt=Acquire::Check-Valid-Until "false"')
    if KEYRING.exists():
        argv.append(f"--keyring={KEYRING}")
    argv += [release.suite, str(new / "root"), mirror()]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError:
        raise LabError("mmdebstrap is missing: make lab-ready installs it") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"mmdebstrap did not end within {PATIENCE:g} s") from None
    if done.returncode:
        raise LabError(f"mmdebstrap could not make a {release}: {done.stderr[-800:]}")


def main(suites: list[str]) -> int:
    try:
        for suite in suites:
            print(f"{RELEASES[suite]}: {tree(RELEASES[suite])}")
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
