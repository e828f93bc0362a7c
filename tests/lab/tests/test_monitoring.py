"""kachecks status as monitoring systems call it, on a real pair, through what happens to pairs."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import jsonschema
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.hosts.process import CHECKOUT
from tests.lab.observing.lookers import DUMP, left_in_run_directory
from tests.lab.observing.scraper import FORMATS, Answer, Scraper, scraping
from tests.lab.pairs import alerts, commands
from tests.lab.pairs.commands import BIN
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import ADDRESSES, Pair
from tests.lab.servers.flavours import MARIADB, MYSQL
from tests.lab.tests.shared_pair import shared_pair

LONGEST_GAP = 2.0
"""Seconds without an answer that a monitoring system may see, besides what the machine is too busy
for: all tests run on it at once."""

WELL, CRITICAL = 0, 2

MONITOR = "/etc/kachecks/monitor.cnf"
"""The option file of an account of its own."""


def with_a_table(pair: Pair) -> None:
    for node in pair.nodes:
        alerts.install(node)
    pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, node INT)")
    pair.wait_replication_caught_up()


pair = shared_pair(
    {"mariadb": MARIADB, "mysql": MYSQL},
    "kachecks",
    {"alert": alerts.PROGRAM},
    ready=with_a_table,
    server_uid=998,  # as in real life: not root, and nobody else's account
)


def state(answer: Answer) -> int:
    """0 to 3, after the answer was read as its format wants it to be."""
    if answer.form == "nagios":
        words = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
        assert answer.text.startswith(f"KACHECKS {words[answer.status]}: "), answer
        return answer.status
    assert answer.status == 0, answer
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    return int(found["kachecks_severity"].samples[0].value)


def states(answers: list[Answer]) -> list[int]:
    return [state(answer) for answer in answers]


def nagios(node: Node, *more: str, under: tuple[str, ...] = ()) -> tuple[int, str]:
    command = [*under, f"{BIN}/kachecks", "status", "--format=nagios", *more]
    done = node.run(command, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def wait_until_all_is_well(pair: Pair) -> None:
    for node in pair.nodes:
        pair.wait_until(lambda node=node: nagios(node)[0] == WELL, 30, "both nodes to say OK")  # type: ignore[misc]


def wait_until_well(pair: Pair, scrapers: list[Scraper]) -> None:
    """Each has said so in each format, of a look that has begun from now on."""
    now = time.monotonic()

    def is_told() -> bool:
        time.sleep(0.1)  # reading the answers takes time that the looks need
        new = [[one for one in each.since(now) if one.at - one.took > now] for each in scrapers]
        well = [{one.form for one in each if state(one) == WELL} for each in new]
        return all(each == set(FORMATS) for each in well)

    pair.wait_until(is_told, 40, "all looks to find all well")


def test_a_switchover_is_not_critical(pair: Pair) -> None:
    wait_until_all_is_well(pair)
    active, standby = pair.nodes if pair.is_serving(pair.a) else reversed(pair.nodes)
    with scraping(pair) as scrapers:
        wait_until_well(pair, scrapers.lookers)
        for node in (active, standby):
            assert commands.run(node, "kachecks", "switchover")[0] == 0
            wait_until_well(pair, scrapers.lookers)
    for each in scrapers.lookers:
        assert CRITICAL not in states(each.answers), str(each)
        assert each.longest_gap <= LONGEST_GAP + scrapers.held_up, str(each)


def test_a_failover_is_told_without_a_gap(pair: Pair) -> None:
    wait_until_all_is_well(pair)
    active, standby = pair.nodes if pair.is_serving(pair.a) else reversed(pair.nodes)
    with scraping(pair) as scrapers:
        wait_until_well(pair, scrapers.lookers)
        killed = time.monotonic()
        active.kill_mysqld()
        pair.wait_until(lambda: pair.is_serving(standby), 10, "the standby to take over")
        time.sleep(6)
        mended = time.monotonic()
        active.start_mysqld()
        wait_until_well(pair, scrapers.lookers)
    for each in scrapers.lookers:
        during = [answer for answer in each.since(killed) if answer.at <= mended]
        assert states(during)[-2:] == [1, 1], str(each)  # it serves, without a standby
        assert each.longest_gap <= LONGEST_GAP + scrapers.held_up, str(each)
        if each.node is standby:
            said = [answer.text for answer in during if answer.form == "nagios"][-1]
            assert said.startswith(f"KACHECKS WARNING: {standby.name} serves, "), said
            assert "MYSQLD_DOWN" in said


def test_a_failover_is_one_problem_and_an_event(pair: Pair) -> None:
    """What the alert program of each node is told: that a server is down, until it is back; that
    the other one has opened, which is no page."""
    wait_until_all_is_well(pair)
    active, standby = pair.nodes if pair.is_serving(pair.a) else reversed(pair.nodes)
    before = {node: len(alerts.received(node)) for node in pair.nodes}

    def told(node: Node, reason: str) -> list[dict[str, Any]]:
        new = alerts.received(node)[before[node] :]
        return [each for each in new if each["reason"] == reason]

    active.kill_mysqld()
    pair.wait_until(lambda: told(standby, "promote opened"), 15, "the event to be told")
    pair.wait_until(lambda: told(active, "MYSQLD_DOWN"), 15, "the problem to be told")
    active.start_mysqld()
    pair.wait_until(lambda: len(told(active, "MYSQLD_DOWN")) == 2, 30, "its end to be told")
    begun, over = told(active, "MYSQLD_DOWN")
    assert (begun["severity"], begun["role"], begun["resolved"]) == ("critical", "holder", False)
    assert (over["id"], over["since"], over["resolved"]) == (begun["id"], begun["since"], True)
    (opened,) = told(standby, "promote opened")
    assert (opened["kind"], opened["severity"]) == ("event", "info")
    schema = json.loads((CHECKOUT / "docs/alert.schema.json").read_text())
    for node in pair.nodes:
        for each in alerts.received(node):
            jsonschema.validate(each, schema)


def test_an_account_without_privileges_says_ok_and_what_it_cannot_see(pair: Pair) -> None:
    wait_until_all_is_well(pair)
    active = pair.a if pair.is_serving(pair.a) else pair.b
    for host in ("localhost", *ADDRESSES):
        account = f"monitor@'{host}'"
        active.sql(f"CREATE USER {account} IDENTIFIED BY 'monitor-password'")
        active.sql(f"GRANT {rights(pair)} ON *.* TO {account}")
    pair.wait_replication_caught_up()
    for node in pair.nodes:
        text = node.path("/etc/kachecks/kachecks.cnf").read_text()
        text = re.sub(r"(?m)^(password *= *).*", r"\1monitor-password", text)
        text = re.sub(r"(?m)^(user *= *).*", r"\1monitor", text)
        node.write(MONITOR, text, mode=0o600)
        node.run(["chown", "nobody", MONITOR])
        as_nobody = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
        status, said = nagios(node, f"--defaults-file={MONITOR}", under=as_nobody)
        assert status == WELL, said
        unseen = re.findall(r"^not seen: ([^:]+): ", said, re.MULTILINE)
        assert unseen == ["the state of keepalived", "the disks of mysqld",
                          "the marks, maintenance among them", "the last transitions"]  # fmt: skip


def test_the_unit_for_prometheus_has_the_capabilities_that_a_look_needs(pair: Pair) -> None:
    wait_until_all_is_well(pair)
    unit = (CHECKOUT / "keepalived-snippets/monitoring/kachecks-metrics@.service").read_text()
    found = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    assert found
    names = "".join(f",+{each.lower().replace('cap_', '', 1)}" for each in found[1].split())
    limited = ("setpriv", f"--bounding-set=-all{names}", "--no-new-privs")
    for node in pair.nodes:
        status, said = nagios(node, under=limited)
        assert status == WELL, said
        assert re.findall(r"^not seen: ([^:]+): ", said, re.MULTILINE) == [
            "the state of keepalived"
        ]
        assert "not asked" in said
        without = ("setpriv", "--bounding-set=-all", "--no-new-privs")
        assert "the disks of mysqld" in nagios(node, under=without)[1]


def rights(pair: Pair) -> str:
    """Those of the manual."""
    told = (CHECKOUT / "docs/monitoring.md").read_text()
    family = "MySQL" if pair.flavour is MYSQL else "MariaDB"
    found = re.search(rf"^GRANT (.+) ON \*\.\* TO .*-- {family}$", told, re.MULTILINE)
    assert found
    return found[1]


def test_looking_leaves_nothing_behind(pair: Pair) -> None:
    """Once nobody else looks: without keepalived, no check is run."""
    for node in pair.nodes:
        node.stop_keepalived()
    time.sleep(1.0)  # for hooks to end
    for node in pair.nodes:
        left, told = left_in_run_directory(node), node.syslog()
        dumps = (node.logs / "keepalived.log").read_text().count(DUMP)
        for form in ("nagios", "prometheus"):
            commands.run(node, "kachecks", "status", f"--format={form}")
        assert left_in_run_directory(node) == left
        assert node.syslog() == told
        assert (node.logs / "keepalived.log").read_text().count(DUMP) == dumps
