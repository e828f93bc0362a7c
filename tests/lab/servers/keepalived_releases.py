"""The keepalived of each Debian release, by its suite; unpacked where it is not the system's."""

from __future__ import annotations

import functools

from tests.lab.servers import cache
from tests.lab.servers.flavours import MARIADB_TRIXIE
from tests.lab.servers.keepalived import Keepalived, UnpackedKeepalived
from tests.lab.servers.unpack import ready_for_chroot, unpack

SYSTEM = "bookworm"
"""Debian 12, which the lab runs on."""
SUITES = ("bullseye", SYSTEM, "trixie", "forky")
"""2.1.5, 2.2.7, 2.3.3 and, as long as Debian 14 is in the making, 2.3.4 or what has followed it."""


@functools.cache
def keepalived_of(suite: str) -> Keepalived:
    """That of one of SUITES.

    Raises:
        LabError: it is not there, and cannot be unpacked: no mmdebstrap, no mirror.
    """
    if suite == SYSTEM:
        return Keepalived()
    if suite == "trixie":  # in one tree with its server
        return MARIADB_TRIXIE.keepalived
    tree = cache.made(f"keepalived-{suite}-tree", lambda new: unpack(suite, ("keepalived",), new))
    return UnpackedKeepalived(f"keepalived-{suite}", ready_for_chroot(tree))
