"""doctor's tables put together: what is judged about what, and every rule there is. Pure."""

from __future__ import annotations

from kachecks import (
    doctor_host_boot,
    doctor_host_directories,
    doctor_host_hooks,
    doctor_host_keepalived,
    doctor_host_network,
    doctor_host_programs,
    doctor_host_runs,
    doctor_keepalived_check,
    doctor_keepalived_conf,
    doctor_keepalived_hooks,
    doctor_keepalived_instance,
    doctor_keepalived_pair,
    doctor_keepalived_vrrp,
    doctor_server,
)
from kachecks.doctor_host_facts import HostFacts
from kachecks.doctor_keepalived_conf import Reading
from kachecks.doctor_keepalived_pair import Both
from kachecks.doctor_keepalived_setup import Setup
from kachecks.doctor_rules import Finding, Rule, Table, judge, rules

OF_SETUP: tuple[Table[Setup], ...] = (
    doctor_keepalived_instance.TABLE,
    doctor_keepalived_check.TABLE,
    doctor_keepalived_hooks.TABLE,
    doctor_keepalived_vrrp.TABLE,
)
OF_HOST: tuple[Table[HostFacts], ...] = (
    doctor_host_keepalived.TABLE,
    doctor_host_programs.TABLE,
    doctor_host_hooks.TABLE,
    doctor_host_runs.TABLE,
    doctor_host_directories.TABLE,
    doctor_host_boot.TABLE,
    doctor_host_network.TABLE,
)

RULES: tuple[Rule, ...] = (
    *rules(doctor_keepalived_conf.TABLE),
    *(rule for table in OF_SETUP for rule in rules(table)),
    *rules(doctor_keepalived_pair.TABLE),
    *(rule for table in OF_HOST for rule in rules(table)),
    *doctor_server.RULES,
)
"""In the order of --explain and of the manual."""


def of_conf(reading: Reading, setup: Setup | None) -> list[Finding]:
    """One node's keepalived.conf."""
    found = judge(doctor_keepalived_conf.TABLE, reading)
    if setup:
        found += [finding for table in OF_SETUP for finding in judge(table, setup)]
    return found


def of_both(here: Setup, peer: Setup) -> list[Finding]:
    """Both nodes' keepalived.conf together."""
    return judge(doctor_keepalived_pair.TABLE, Both(here, peer))


def of_host(facts: HostFacts) -> list[Finding]:
    """This host and what it runs."""
    return [finding for table in OF_HOST for finding in judge(table, facts)]
