"""doctor's tables put together: which rules apply to what, and the list of all rules. Pure."""

from __future__ import annotations

from kachecks.commands.doctor.conf import check, file, hooks, instance, vrrp
from kachecks.commands.doctor.conf import pair as conf_pair
from kachecks.commands.doctor.conf.file import Reading
from kachecks.commands.doctor.conf.setup import Setup, Setups
from kachecks.commands.doctor.host import (
    check_runs,
    directories,
    keepalived,
    link,
    network,
    programs,
)
from kachecks.commands.doctor.host import systemd as host_boot
from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.member import rules as member
from kachecks.commands.doctor.member.rules import MemberFacts
from kachecks.commands.doctor.rule import BOTH, HERE, Finding, Rule, Table, judge, rules
from kachecks.commands.doctor.server import boot as server_boot
from kachecks.commands.doctor.server import pair as server_pair
from kachecks.commands.doctor.server import privileges, reach, replication, semi_sync, settings
from kachecks.commands.doctor.server.facts import PairFacts, ServerFacts

_OF_SETUP: tuple[Table[Setup], ...] = (instance.TABLE, check.TABLE, hooks.TABLE, vrrp.TABLE)
_OF_HOST: tuple[Table[HostFacts], ...] = (
    keepalived.TABLE,
    programs.TABLE,
    check_runs.TABLE,
    directories.TABLE,
    host_boot.TABLE,
    network.TABLE,
    link.TABLE,
)
_OF_SERVERS: tuple[Table[PairFacts], ...] = (reach.TABLE, server_pair.TABLE, semi_sync.OF_BOTH)
_OF_SERVER: tuple[Table[ServerFacts], ...] = (
    server_boot.TABLE,
    privileges.TABLE,
    settings.TABLE,
    semi_sync.TABLE,
    replication.TABLE,
)

SERVER_RULES: tuple[Rule, ...] = (*rules(*_OF_SERVERS), *rules(*_OF_SERVER))
RULES: tuple[Rule, ...] = (
    *rules(file.TABLE),
    *rules(*_OF_SETUP),
    *rules(conf_pair.TABLE),
    *rules(*_OF_HOST),
    *SERVER_RULES,
)
"""Those of a node of a pair."""

_OF_PAIRS_ALONE = frozenset({"WITNESS"})
"""Of those above: a cluster has a quorum."""

RULES_OF_MEMBER: tuple[Rule, ...] = tuple(
    rule
    for rule in (*rules(file.TABLE), *rules(*_OF_SETUP), *rules(member.TABLE))
    if rule.name not in _OF_PAIRS_ALONE
)
"""Those of a member of a cluster."""

ALL_RULES = (*RULES, *(rule for rule in RULES_OF_MEMBER if rule not in RULES))
"""In the order of --explain and of the manual."""


def of_member(reading: Reading, setup: Setup | None, facts: MemberFacts) -> list[Finding]:
    """A member of a cluster: its keepalived.conf and its server."""
    found = [*of_conf(reading, setup), *judge(member.TABLE, facts, HERE)]
    return [each for each in found if each.rule.name not in _OF_PAIRS_ALONE]


def of_conf(reading: Reading, setup: Setup | None) -> list[Finding]:
    """One node's keepalived.conf."""
    found = judge(file.TABLE, reading, reading.node)
    if setup:
        found += [each for table in _OF_SETUP for each in judge(table, setup, setup.node)]
    return found


def of_both(setups: Setups) -> list[Finding]:
    """Both nodes' keepalived.conf together."""
    return judge(conf_pair.TABLE, setups, BOTH)


def of_host(facts: HostFacts) -> list[Finding]:
    """This host and what it runs."""
    return [finding for table in _OF_HOST for finding in judge(table, facts, HERE)]


def of_servers(servers: PairFacts) -> list[Finding]:
    """Both servers together, then each that answers."""
    found = [finding for table in _OF_SERVERS for finding in judge(table, servers, BOTH)]
    for server in filter(None, (servers.here, servers.peer)):
        found += [f for table in _OF_SERVER for f in judge(table, server, server.node)]
    return found
