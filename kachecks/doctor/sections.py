"""doctor's tables put together: what is judged about what, and every rule there is. Pure."""

from __future__ import annotations

from kachecks.doctor import host_boot as doctor_host_boot
from kachecks.doctor import host_directories as doctor_host_directories
from kachecks.doctor import host_hooks as doctor_host_hooks
from kachecks.doctor import host_keepalived as doctor_host_keepalived
from kachecks.doctor import host_network as doctor_host_network
from kachecks.doctor import host_programs as doctor_host_programs
from kachecks.doctor import host_runs as doctor_host_runs
from kachecks.doctor import keepalived_check as doctor_keepalived_check
from kachecks.doctor import keepalived_conf as doctor_keepalived_conf
from kachecks.doctor import keepalived_hooks as doctor_keepalived_hooks
from kachecks.doctor import keepalived_instance as doctor_keepalived_instance
from kachecks.doctor import keepalived_pair as doctor_keepalived_pair
from kachecks.doctor import keepalived_vrrp as doctor_keepalived_vrrp
from kachecks.doctor import server as doctor_server
from kachecks.doctor.host_facts import HostFacts
from kachecks.doctor.keepalived_conf import Reading
from kachecks.doctor.keepalived_pair import Both
from kachecks.doctor.keepalived_setup import Setup
from kachecks.doctor.rules import Finding, Rule, Table, judge, rules

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
