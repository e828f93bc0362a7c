"""Installs what the lab needs and is not there: `python -m tests.lab.prepare`.

Programs come from apt, those of other Debian releases are unpacked beside the system. A no-op
when all is there; two at once do not collide; installing starts no service.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.servers import cache
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import FLAVOURS

#: A program that the lab runs, and the Debian package that it comes from.
PACKAGES = {
    "arping": "iputils-arping",
    "ip": "iproute2",
    "iptables": "iptables",
    "keepalived": "keepalived",
    "mariadb": "mariadb-client-core",
    "mariadb-backup": "mariadb-backup",
    "mariadb-dump": "mariadb-client",
    "mariadb-install-db": "mariadb-server-core",
    "mariadbd": "mariadb-server-core",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "patchelf": "patchelf",
    "ping": "iputils-ping",
    "rpm": "rpm",
    "setpriv": "util-linux",
}
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    try:
        prepare()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    for flavour in FLAVOURS.values():
        print(flavour)
    return 0


def prepare(flavours: Iterable[Flavour] = tuple(FLAVOURS.values())) -> None:
    """Raises LabError if the lab cannot run these flavours on this machine."""
    demand_namespaces()
    with cache.lock("apt"):
        missing = missing_packages()
        if missing:
            install(missing)
    for flavour in flavours:
        flavour.fetch()


def demand_namespaces() -> None:
    """Raises LabError where this process may not make namespaces."""
    if os.geteuid() != 0:
        raise LabError("The lab makes network namespaces and needs root: run it with sudo.")
    unshare = "unshare --net --pid --mount --uts --fork --mount-proc --propagation private true"
    tried = subprocess.run(unshare.split(), capture_output=True, text=True)
    if tried.returncode:
        raise LabError(
            "The lab cannot make namespaces here, although it is root"
            f" ({tried.stderr.strip()}): use a virtual machine or a privileged container."
        )


def missing_packages() -> list[str]:
    """Debian packages of the programs that cannot be found."""
    return sorted(
        {
            package
            for program, package in PACKAGES.items()
            if not shutil.which(program, path=SYSTEM_PATH)
        }
    )


def install(packages: list[str]) -> None:
    """Install by apt, so that no service starts."""
    if not shutil.which("apt-get"):
        raise LabError(f"The lab runs on Debian; install these by hand: {' '.join(packages)}.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "--quiet", "--yes", "install", "--no-install-recommends", *packages]
    with _no_service_starts():
        if subprocess.run(apt, env=environment, stdout=subprocess.DEVNULL).returncode:
            subprocess.run(["apt-get", "--quiet", "update"], stdout=subprocess.DEVNULL)
            if subprocess.run(apt, env=environment, stdout=subprocess.DEVNULL).returncode:
                raise LabError(f"apt-get could not install {' '.join(packages)}.")


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """invoke-rc.d asks this program whether a service may start; 101 is no."""
    policy = Path("/usr/sbin/policy-rc.d")
    try:
        policy.touch(0o755, exist_ok=False)
    except FileExistsError:  # somebody else's: not ours to change
        yield
        return
    try:
        policy.write_text("#!/bin/sh\nexit 101\n")
        yield
    finally:
        policy.unlink()


if __name__ == "__main__":
    sys.exit(main())
