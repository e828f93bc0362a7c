"""doctor's section on the two servers: settings, replication, accounts. Composes, and no more."""

from __future__ import annotations

from kachecks.commands.doctor.rule import Finding, Rule, Table, judge, rules
from kachecks.commands.doctor.server import access as doctor_server_access
from kachecks.commands.doctor.server import boot as doctor_server_boot
from kachecks.commands.doctor.server import pair as doctor_server_pair
from kachecks.commands.doctor.server import reach as doctor_server_reach
from kachecks.commands.doctor.server import replicas as doctor_server_replicas
from kachecks.commands.doctor.server import replication as doctor_server_replication
from kachecks.commands.doctor.server import semi_sync as doctor_server_semi_sync
from kachecks.commands.doctor.server import settings as doctor_server_settings
from kachecks.commands.doctor.server.facts import Server, Servers
from kachecks.commands.doctor.server.probe import ask
from kachecks.node import Node

OF_BOTH: tuple[Table[Servers], ...] = (
    doctor_server_reach.TABLE,
    doctor_server_pair.TABLE,
    doctor_server_semi_sync.OF_BOTH,
)
"""Judged once."""

OF_EACH: tuple[Table[Server], ...] = (
    doctor_server_boot.TABLE,
    doctor_server_access.TABLE,
    doctor_server_settings.TABLE,
    doctor_server_replicas.TABLE,
    doctor_server_semi_sync.OF_EACH,
    doctor_server_replication.TABLE,
)
"""Judged for each server that answers."""

RULES: tuple[Rule, ...] = (
    *(rule for table in OF_BOTH for rule in rules(table)),
    *(rule for table in OF_EACH for rule in rules(table)),
)


def look(node: Node) -> list[Finding]:
    """Ask both servers, and judge. Never raises SessionError; changes nothing."""
    return findings(ask(node))


def findings(servers: Servers) -> list[Finding]:
    """Everything that is not as it must be, in the order of the tables."""
    found = [finding for table in OF_BOTH for finding in judge(table, servers)]
    for server in (servers.here, servers.peer):
        if server is not None:
            found += [finding for table in OF_EACH for finding in judge(table, server)]
    return found
