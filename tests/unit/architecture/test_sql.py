"""All SQL stands in one place: what each statement costs, needs and locks is said beside it."""

from __future__ import annotations

import re

import pytest

from tests.unit.architecture.sources import HOLE, modules, pure_modules, texts

PLACES = {"mysql/queries.py", "mysql/operator_queries.py", "mysql/cluster_queries.py"}

STATEMENT = re.compile(
    r"SELECT\s+(@@|\w+\(|.*\bFROM\b)|SHOW\s+[A-Z]{3}|SET\s+(@@|GLOBAL|SESSION|STATEMENT).*="
    r"|(START|STOP|CHANGE|RESET)\s+(ALL|SLAVE|REPLICA|REPLICATION|MASTER)|KILL\s|FLUSH\s"
    r"|(INSERT|REPLACE)\s+INTO|DELETE\s+FROM|UPDATE\s+\S+\s+SET|(CREATE|ALTER|DROP)\s+[A-Z]{3}"
    r"|(UN)?LOCK\s+(TABLES|INSTANCE)|COMMIT$|ROLLBACK$|BEGIN$",
    re.DOTALL,
)


def test_sql_stands_in_one_place() -> None:
    elsewhere = {
        name: found
        for name, module in modules().items()
        if name not in PLACES | pure_modules()
        and (found := [text for text in texts(module) if STATEMENT.match(text)])
    }
    assert elsewhere == {}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT @@global.gtid_purged AS purged",
        "SELECT UTC_TIMESTAMP(6) AS now",
        "SHOW REPLICA STATUS",
        f"SET GLOBAL {HOLE} = 1",
        f"STOP {HOLE}SLAVE",
        f"KILL {HOLE}",
    ],
)
def test_what_counts_as_sql(sql: str) -> None:
    assert STATEMENT.match(sql.replace(f"{HOLE}SLAVE", "SLAVE"))


def test_it_is_looked_for_in_all_modules() -> None:
    assert any(STATEMENT.match(text) for text in texts(modules()["mysql/queries.py"]))
    assert len(modules()) > 150
