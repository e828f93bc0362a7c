"""doctor's tables put together: what is judged about what, and every rule there is. Pure."""

from __future__ import annotations

from kachecks.commands.doctor.conf import check as doctor_keepalived_check
from kachecks.commands.doctor.conf import file as doctor_keepalived_conf
from kachecks.commands.doctor.conf import hooks as doctor_keepalived_hooks
from kachecks.commands.doctor.conf import instance as doctor_keepalived_instance
from kachecks.commands.doctor.conf import pair as doctor_keepalived_pair
from kachecks.commands.doctor.conf import vrrp as doctor_keepalived_vrrp
from kachecks.commands.doctor.conf.file import Reading
from kachecks.commands.doctor.conf.pair import Both
from kachecks.commands.doctor.conf.setup import Setup
from kachecks.commands.doctor.host import boot as doctor_host_boot
from kachecks.commands.doctor.host import directories as doctor_host_directories
from kachecks.commands.doctor.host import hooks as doctor_host_hooks
from kachecks.commands.doctor.host import keepalived as doctor_host_keepalived
from kachecks.commands.doctor.host import network as doctor_host_network
from kachecks.commands.doctor.host import programs as doctor_host_programs
from kachecks.commands.doctor.host import runs as doctor_host_runs
from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import Finding, Rule, Table, judge, rules
from kachecks.commands.doctor.server import tables as doctor_server

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
