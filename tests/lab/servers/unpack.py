"""Programs of another Debian release, unpacked beside the system without touching it."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab.error import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MERGED = ("bin", "sbin", "lib", "lib64")  # directories that are links into usr/ on Debian
#: Where a node binds its own directories into a tree: see room.py.
MOUNT_POINTS = ("proc", "sys", "dev", "run", "tmp", "etc/mysql", "var/lib/mysql")


def unpack(suite: str, packages: Sequence[str], directory: Path) -> None:
    """Unpack `packages` of the Debian release `suite`, and what they need, into `directory`.

    Nothing is configured and no maintainer script runs. Programs start by
    `chroot directory program`, or by a path if they find their libraries.
    """
    argv = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(packages)}"]
    argv.append('--aptopt=Acquire::Check-Valid-Until "false"')
    if KEYRING.exists():
        argv.append(f"--keyring={KEYRING}")
    done = subprocess.run([*argv, suite, str(directory), mirror()], capture_output=True, text=True)
    if done.returncode:
        raise LabError(
            f"mmdebstrap could not unpack {packages[0]} of {suite}: {done.stderr[-800:]}"
        )
    link_merged(directory)


def link_merged(directory: Path) -> None:
    """Link bin, sbin, lib and lib64 into usr/: the job of a script that has not run."""
    for name in MERGED:
        with contextlib.suppress(FileExistsError):
            (directory / name).symlink_to(f"usr/{name}")


def ready_for_chroot(tree: Path) -> Path:
    """Make in `tree` what a node needs to run a server in it; returns `tree`."""
    link_merged(tree)
    for mount_point in MOUNT_POINTS:
        (tree / mount_point).mkdir(parents=True, exist_ok=True)
    accounts = tree / "etc/passwd"  # no maintainer script has made it; chown wants to know root
    if not accounts.exists():
        accounts.write_text("root:x:0:0:root:/root:/bin/sh\n")
    return tree


def mirror() -> str:
    """$LAB_MIRROR, or the Debian mirror that apt is configured for."""
    if "LAB_MIRROR" in os.environ:
        return os.environ["LAB_MIRROR"]
    fields = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for target in targets:
        origin, label, uri = target.split("|")
        if (origin, label) == ("Debian", "Debian"):  # not Debian-Security, not Debian Backports
            return uri
    raise LabError(
        "apt knows no Debian mirror to unpack servers from; run `apt-get update`, or name a"
        " mirror with LAB_MIRROR=URL or an unpacked MySQL server with LAB_MYSQL=DIR"
    )
