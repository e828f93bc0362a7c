"""Answers and passwords for tests."""

from __future__ import annotations

from kachecks.commands.setup.answers import Answers
from kachecks.commands.setup.passwords import Passwords

NODE1 = Answers(
    distribution="debian",
    server="mariadb",
    vip="10.0.0.100/24",
    node1_address="10.0.0.1",
    node2_address="10.0.0.2",
    node=1,
    interface="eth0",
    witness="10.0.0.254",
    unit="mariadb.service",
    socket="/run/mysqld/mysqld.sock",
)
NODE2 = NODE1._replace(node=2)
SECRETS = Passwords("of-the-Socket-1", "of-the-Network-2")

COMMAND = (
    "--server=mariadb",
    "--vip=10.0.0.100/24",
    "--node1-address=10.0.0.1",
    "--node2-address=10.0.0.2",
    "--node=1",
    "--interface=eth0",
    "--distribution=debian",
)
"""Enough, on a host that is neither node."""
