"""Option files for tests: one that is enough, and the sample of the manual."""

from __future__ import annotations

import os

import pytest

from kachecks.config.options import Config, ConfigError, parse

NEEDED = "[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\n"
MEMBER = "[kachecks]\nvip = 10.0.0.100\ninterface = eth0\ncluster = yes\n"
SECRET = "hunter2-Tr0ub4dor"  # noqa: S105 - must never be seen in any text

# The sample of the design, with # where it uses ; for its remarks.
SAMPLE = f"""
[kachecks]
vip        = 10.0.0.100        # required
interface  = eth0
peer       = 10.0.0.2          # the other node's own address
witness    = 10.0.0.254
name       = main
max_lag    = 30
hung_after = 3
fence_timeout = 5
stuck_mysqld  = kill
drain_timeout = 30
on_drain_timeout  = refuse
on_broken_replica = refuse
advert_int = 1
isolation_timeout = 2
peer_grace = 3
peer_check = 5
on_hung_peer      = refuse
on_stale_replica  = refuse
cold_start        = refuse
too_many_connections = keep
min_free   = 64M
watch      = 0.7
alert      = /usr/local/bin/page
[client]
user = kachecks
password = {SECRET}
socket = /run/mysqld/mysqld.sock
[peer]
user = kachecks
password = {SECRET}
port = 3306
"""


class OsOf:
    """The module os of one module, which takes this process for that of another account."""

    def __init__(self, uid: int) -> None:
        self.geteuid = lambda: uid

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


def with_lines(kachecks: str = "", client: str = "", peer: str = "") -> Config:
    return parse(f"{NEEDED}{kachecks}\n[client]\n{client}\n[peer]\n{peer}\n", "k.cnf")


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "k.cnf")
    return str(caught.value)
