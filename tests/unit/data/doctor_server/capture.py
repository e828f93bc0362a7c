"""Capture what a right pair of servers answers to doctor, as JSON beside this file.

    python -m tests.unit.data.doctor_server.capture mariadb|mysql|mariadb-11.8

Needs root and the lab; 10 s each. Doctor runs on A, which is active; B stands by. Only variables
that a rule names are kept, and no hash of a password.
"""

import json
import re
import sys
from pathlib import Path

from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavours import ALL_FLAVOURS

HERE = Path(__file__).parent
KACHECKS = HERE.parents[3] / "kachecks"
NAME_COLUMNS = {"Variable_name", "name"}
SEMI_SYNC = "rpl_semi_sync_"

INSIDE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from kachecks import node
from kachecks.commands.doctor.server import probe
from kachecks.config.options import load

asked = {"here": {}, "peer": {}}

class Recording(node.Servers):
    def connect_local(self, timeout):
        return self.recorded("here", super().connect_local(timeout))

    def connect_peer(self, timeout):
        return self.recorded("peer", super().connect_peer(timeout))

    def recorded(self, side, asking):
        query = asking.query
        asked[side]["version"] = asking.server_version
        asked[side]["rows"] = {}

        def record(sql, timeout):
            rows = query(sql, timeout)
            asked[side]["rows"][sql] = rows
            return rows

        asking.query = record
        return asking

outside = node.Outside(load())
outside.servers = Recording(load())
found = probe.ask_servers(node.Node(load(), outside))
asked["here"]["options"] = found.here.options
json.dump(asked, sys.stdout)
"""


def main() -> None:
    with Pair(ALL_FLAVOURS[sys.argv[1]], "kachecks", semi_sync=2.0) as pair:
        argv = ["/opt/kachecks/bin/python", "-c", INSIDE, str(KACHECKS.parent)]
        asked = json.loads(pair.a.run(argv).stdout)
    named = set(re.findall(r"\b[a-z][a-z_]+\b", "".join(map(_read, _modules()))))
    for server in asked.values():
        for sql, rows in server["rows"].items():
            server["rows"][sql] = [_clean(row) for row in rows if _is_named(row, named)]
    version = re.sub(r"^5\.5\.5-", "", asked["here"]["version"])
    family = "mariadb" if "MariaDB" in version else "mysql"
    target = HERE / f"{family}-{'.'.join(version.split('.')[:2])}.json"
    target.write_text(json.dumps(asked, indent=1, ensure_ascii=False) + "\n")


def _modules() -> list[Path]:
    return sorted((KACHECKS / "commands/doctor/server").glob("*.py"))


def _read(path: Path) -> str:
    return path.read_text()


def _is_named(row: dict[str, str], named: set[str]) -> bool:
    """A row of variables counts only where doctor knows the name."""
    keys = NAME_COLUMNS & row.keys()
    if not keys:
        return True
    name = row[keys.pop()].lower()
    return name in named | {"ssl_cipher"} or name.startswith(SEMI_SYNC)


def _clean(row: dict[str, str]) -> dict[str, str]:
    hashes = r" IDENTIFIED BY PASSWORD '[^']*'| AS '.*'(?= REQUIRE)"
    return {key: re.sub(hashes, "", value or "") if value else value for key, value in row.items()}


if __name__ == "__main__":
    main()
