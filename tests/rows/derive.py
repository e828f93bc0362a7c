"""Rows of versions that cannot be run here, from captured ones and what the manuals say differs.

    python tests/rows/derive.py

MySQL before 8.0.22 says Master and Slave (MySQL 8.0 manual, SHOW REPLICA STATUS); the three columns
of LATER came with 8.0.4 and 8.0.22. MariaDB (manual, SHOW REPLICA STATUS): Replicate_Rewrite_DB
since 10.11, the two counters since 12.0, and read_only a word since 12.0 (manual, server system
variables, read_only). Everything else is as captured.
"""

import json
from pathlib import Path

ROWS = Path(__file__).parent
STATES = ("healthy", "connecting", "receiver_error", "applier_1062", "by_file", "none")
LATER = ("Source_public_key_path", "Get_Source_public_key", "Network_Namespace")
COUNTERS = {"Connects_Tried": "1", "Master_Retry_Count": "100000"}
WORDS = {"open": "OFF", "closed": "NO_LOCK_NO_ADMIN", "read_only": "ON", "no_lock": "NO_LOCK"}

Row = dict[str, object]


def main() -> None:
    for state in STATES:
        name = f"replica_status_{state}"
        mysql, mariadb = rows("mysql-9.7", name), rows("mariadb-10.11", name)
        write("mysql-8.4", name, "SHOW REPLICA STATUS", mysql)
        write("mysql-8.0.36", name, "SHOW REPLICA STATUS", mysql)
        write("mysql-8.0.21", name, "SHOW SLAVE STATUS", [old(row, LATER[2:]) for row in mysql])
        write("mysql-5.7", name, "SHOW SLAVE STATUS", [old(row, LATER) for row in mysql])
        older = [{key: row[key] for key in row if key != "Replicate_Rewrite_DB"} for row in mariadb]
        write("mariadb-10.5", name, "SHOW ALL SLAVES STATUS", older)
        newest = [{**row, **COUNTERS} for row in rows("mariadb-11.8", name)]
        write("mariadb-12.0", name, "SHOW ALL SLAVES STATUS", newest)
    for state, word in WORDS.items():
        row = rows("mariadb-11.8", "globals_closed")[0]
        statement = "SELECT @@global.read_only AS read_only, @@global.server_id AS server_id"
        write("mariadb-12.0", f"globals_{state}", statement, [{**row, "read_only": word}])


def old(row: Row, without: tuple[str, ...]) -> Row:
    """A row in the words of MySQL before 8.0.22."""
    return {old_name(key): value for key, value in row.items() if key not in without}


def old_name(column: str) -> str:
    if column == "Get_Source_public_key":
        return "Get_master_public_key"
    return column.replace("Source", "Master").replace("Replica_", "Slave_")


def rows(server: str, name: str) -> list[Row]:
    found: list[Row] = json.loads((ROWS / server / f"{name}.json").read_text())["rows"]
    return found


def write(server: str, name: str, statement: str, content: list[Row]) -> None:
    (ROWS / server).mkdir(exist_ok=True)
    whole = {"derived": "see derive.py", "statement": statement, "rows": content}
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    (ROWS / server / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
