"""The lists of doctor's rules are whole: each rule is in the tables, pure, broken once, counted."""

from __future__ import annotations

import ast
import re
from importlib import import_module

from kachecks.commands.doctor.rule import Rule
from kachecks.commands.doctor.tables import RULES, RULES_OF_MEMBER, SERVER_RULES
from tests.unit.architecture.sources import ROOT, modules, pure_modules
from tests.unit.commands.doctor import test_conf, test_host

FILES_OF_RULES = sorted(
    path
    for path, module in modules().items()
    if path.startswith("commands/doctor/")
    and any(
        isinstance(each, ast.AnnAssign) and ast.unparse(each.annotation).startswith("Table[")
        for each in module.body
    )
)

READS_ITS_FILE = "commands/doctor/conf/file.py"
"""Whether keepalived.conf can be read is known only by reading it."""


def of_file(path: str) -> set[Rule]:
    """The rules of every table in it."""
    module = import_module(f"kachecks.{path[: -len('.py')].replace('/', '.')}")
    tables = [value for value in vars(module).values() if isinstance(value, tuple)]
    rows = [row for table in tables for row in table if isinstance(row, tuple)]
    return {row[0] for row in rows if row and isinstance(row[0], Rule)}


def test_the_rules_of_every_file_are_in_the_tables() -> None:
    assert {rule.name for path in FILES_OF_RULES for rule in of_file(path)} == {
        rule.name for rule in (*RULES, *RULES_OF_MEMBER)
    }
    assert all(of_file(path) for path in FILES_OF_RULES)


def test_every_file_of_rules_is_kept_away_from_servers() -> None:
    assert set(FILES_OF_RULES) - pure_modules() == {READS_ITS_FILE}


def test_every_rule_on_conf_and_host_is_broken_once() -> None:
    """Those on servers are in test_server."""
    elsewhere = {
        "KEEPALIVED_RUNS",  # test_host, test_no_keepalived_runs_yet
        "PAIR_FAILS_OVER",  # test_articles
    }
    broken = {name for wrong in (*test_conf.WRONG, *test_host.WRONG) for name in wrong[1].split()}
    of_servers = {rule.name for rule in SERVER_RULES}
    assert {rule.name for rule in RULES} - of_servers == broken | elsewhere


def test_the_page_counts_them() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    counted = re.findall(r"(\d+) named preconditions|of (\d+) rules", text)
    assert counted == [(str(len(RULES)), ""), ("", str(len(RULES)))]
