"""MariaDB and keepalived of Debian 13 (trixie), unpacked beside a system of another release."""

import functools
from collections.abc import Sequence
from pathlib import Path

from tests.lab.hosts import cache
from tests.lab.hosts.keepalived import Keepalived, UnpackedKeepalived
from tests.lab.hosts.unpack import ready_for_chroot, unpack
from tests.lab.servers.mariadb import MariaDB

#: mariadb-install-db is a shell script, and unpacking brings nothing that is "always there".
PACKAGES = (
    *("mariadb-server-core", "mariadb-client-core", "keepalived"),
    *("coreutils", "dash", "sed"),
)


class TrixieMariaDB(MariaDB):
    """The next generation of both: MariaDB 11.8, and keepalived 2.3 on its nodes."""

    name = "mariadb-11.8"

    @functools.cached_property
    def _tree(self) -> Path:
        tree = cache.made("trixie", lambda new: unpack("trixie", PACKAGES, new))
        return ready_for_chroot(tree)

    def fetch(self) -> None:
        assert self.keepalived

    @functools.cached_property
    def keepalived(self) -> Keepalived:  # type: ignore[override]
        return UnpackedKeepalived("keepalived-trixie", self._tree)

    @property
    def needs(self) -> Sequence[Path]:
        return (self._tree,)

    @property
    def chroot(self) -> Path:
        return self._tree

    def program(self, name: str) -> list[str]:
        return ["chroot", str(self._tree), name]
