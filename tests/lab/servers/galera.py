"""MariaDB with the Galera library and what a state transfer runs, unpacked beside the system."""

import functools
from pathlib import Path

from tests.lab.servers import cache
from tests.lab.servers.flavours import MARIADB_TRIXIE
from tests.lab.servers.keepalived import Keepalived
from tests.lab.servers.mariadb import UnpackedMariaDB
from tests.lab.servers.unpack import ready_for_chroot, unpack

#: The scripts that transfer a state run on what a Debian system always has, and on these.
PACKAGES = (
    *("mariadb-server", "mariadb-backup", "galera-4", "rsync", "socat"),
    *("bash", "coreutils", "dash", "findutils", "gawk", "grep", "hostname", "procps", "sed"),
)
#: Servers of the lab are root's, and so must rsync's daemon be, which becomes nobody if it can.
ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:0:0:root as well:/root:/bin/sh\n",
    "group": "root:x:0:\nnogroup:x:0:\n",
}


class Galera(UnpackedMariaDB):
    """That of Debian 12: MariaDB 10.11."""

    name = "galera"
    release = "bookworm"

    @functools.cached_property
    def _tree(self) -> Path:  # type: ignore[override]
        tree = cache.made(f"galera-{self.release}", self._unpack)
        for name, text in ACCOUNTS.items():
            (tree / "etc" / name).write_text(text)
        return ready_for_chroot(tree)

    def _unpack(self, new: Path) -> None:
        unpack(self.release, PACKAGES, new)
        (new / "usr/bin/awk").symlink_to("gawk")  # the job of a script that has not run


class TrixieGalera(Galera):
    """That of Debian 13: MariaDB 11.8, with keepalived 2.3 on its nodes."""

    name = "galera-11.8"
    release = "trixie"

    @functools.cached_property
    def keepalived(self) -> Keepalived:  # type: ignore[override]
        return MARIADB_TRIXIE.keepalived
