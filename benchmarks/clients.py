"""The servers' own command-line clients, started without a process between."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.servers import cache
from tests.lab.servers.flavour import Flavour


def client(flavour: Flavour) -> list[str]:
    """mysql, or mariadb."""
    return _of_tree(flavour, "mysql") or ["/usr/bin/mariadb"]


def admin(flavour: Flavour) -> list[str]:
    """mysqladmin, or mariadb-admin, which Debian has in a package that the lab does not need."""
    if tree := _of_tree(flavour, "mysqladmin"):
        return tree
    if Path("/usr/bin/mariadb-admin").exists():
        return ["/usr/bin/mariadb-admin"]
    return [str(cache.made("mariadb-client", _fetch_mariadb_client) / "usr/bin/mariadb-admin")]


def _of_tree(flavour: Flavour, name: str) -> list[str] | None:
    """A program of an unpacked system, run by that system's loader: chroot would be one more."""
    if flavour.chroot is None:
        program = flavour.program(name)[0]
        return [program] if Path(program).is_absolute() else None
    tree = flavour.chroot
    libraries = ":".join(str(found) for found in sorted(tree.glob("usr/lib/*-linux-gnu")))
    loader = next(iter(sorted(tree.glob("usr/lib64/ld-linux*"))), None)
    loader = loader or next(iter(sorted(tree.glob("usr/lib/ld-linux*"))), None)
    if loader is None:
        raise LabError(f"{tree} has no dynamic loader: cannot run its {name} outside of it")
    return [str(loader), "--library-path", libraries, str(tree / "usr/bin" / name)]


def _fetch_mariadb_client(directory: Path) -> None:
    """Unpacked beside the system, which stays as it is."""
    for argv in (
        ["apt-get", "download", "--quiet", "mariadb-client"],
        ["sh", "-c", "dpkg-deb -x mariadb-client_*.deb . && rm mariadb-client_*.deb"],
    ):
        done = subprocess.run(argv, cwd=directory, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"no mariadb-admin: {' '.join(argv)}: {done.stderr.strip()[-400:]}")
