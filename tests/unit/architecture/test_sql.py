"""All SQL stands in one place: what each statement costs, needs and locks is said beside it."""

from __future__ import annotations

import re

import pytest

from tests.unit.architecture.sources import HOLE, ROOT, modules, texts

try:
    import tomllib
except ModuleNotFoundError:  # Python before 3.11
    import tomli as tomllib  # type: ignore[no-redef]

PLACES = {"mysql/queries.py", "mysql/operator_queries.py"}

STATEMENT = re.compile(
    r"SELECT\s+(@@|\w+\(|.*\bFROM\b)|SHOW\s+[A-Z]{3}|SET\s+(@@|GLOBAL|SESSION|STATEMENT).*="
    r"|(START|STOP|CHANGE|RESET)\s+(ALL|SLAVE|REPLICA|REPLICATION|MASTER)|KILL\s|FLUSH\s"
    r"|(INSERT|REPLACE)\s+INTO|DELETE\s+FROM|UPDATE\s+\S+\s+SET|(CREATE|ALTER|DROP)\s+[A-Z]{3}"
    r"|(UN)?LOCK\s+(TABLES|INSTANCE)|COMMIT$|ROLLBACK$|BEGIN$",
    re.DOTALL,
)


def rules() -> set[str]:
    """Modules that import-linter keeps away from every server: they show SQL and send none."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = {each["name"]: each for each in linter["contracts"]}
    pure = named["Rules and values ask nobody"]
    return {f"{name.partition('.')[2].replace('.', '/')}.py" for name in pure["source_modules"]}


def test_sql_stands_in_one_place() -> None:
    elsewhere = {
        name: found
        for name, module in modules().items()
        if name not in PLACES | rules()
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
