"""What a server holds: its transactions by GTID, its rows by checksum."""

from typing import Any

from tests.lab.pairs.node import Node

_USER_TABLES = """
SELECT CONCAT('`', table_schema, '`.`', table_name, '`') AS name
FROM information_schema.tables
WHERE table_type = 'BASE TABLE'
AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
"""


def transactions(node: Node) -> frozenset[str]:
    """Every transaction the server has; equal sets mean the same transactions."""
    text = str(node.value(node.flavour.position))
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def different_tables(first: Node, second: Node) -> list[str]:
    """Tables, the system's own aside, that differ or that only one node has."""
    return sorted({name for name, _ in _checksums(first).items() ^ _checksums(second).items()})


def _checksums(node: Node) -> dict[str, Any]:
    names = [row["name"] for row in node.sql(_USER_TABLES)]
    rows = node.sql(f"CHECKSUM TABLE {', '.join(names)}") if names else []
    return {row["Table"]: row["Checksum"] for row in rows}
