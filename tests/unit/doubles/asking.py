"""A process that has loaded the driver first, and asks servers on request.

pytest has loaded the system's OpenSSL long before any test, and then the C extension of
mysql-connector-python cannot be loaded. Requests and replies are lines of JSON.
"""

# ruff: noqa: I001 - the driver must come before anything else
from __future__ import annotations

try:
    import _mysql_connector
except ImportError:
    _mysql_connector = None

from kachecks.mysql import session as sessions

import json
import sys
import time
from typing import Any

from kachecks.config.options import Login

known: dict[int, sessions.Session] = {}


def main() -> None:
    say({"extension": _mysql_connector is not None})
    for line in sys.stdin:
        request = json.loads(line)
        begin = time.monotonic()
        try:
            reply = globals()[request.pop("do")](**request)
        except Exception as error:  # noqa: BLE001 - it is what the test asks for
            reply = {"raised": type(error).__name__, "text": str(error)}
            reply["errno"] = getattr(error, "errno", None)
        say({**reply, "seconds": time.monotonic() - begin})


def connect(
    driver: str, timeout: float, socket: str | None, host: str, port: int, **login: Any
) -> dict[str, Any]:
    given = {"user": "kachecks", "password": None, "ssl_mode": "PREFERRED", **login}
    account = Login(host=None, port=port, socket=socket, **given)
    by = driver if socket else None  # the driver is never asked over TCP
    made = sessions.Session(sessions.Address(account, host, socket), timeout, by)
    known[id(made)] = made
    return {"id": id(made), "version": made.server_version, "connection": made.connection_id}


def query(id: int, sql: str, timeout: float) -> dict[str, Any]:
    return {"rows": known[id].query(sql, timeout)}


def execute(id: int, sql: str, timeout: float) -> dict[str, Any]:
    known[id].execute(sql, timeout)
    return {}


def execute_each(id: int, statements: list[str], seconds: float, timeout: float) -> dict[str, Any]:
    errors = known[id].execute_each(statements, seconds, timeout)
    return {"errors": [error and error.errno for error in errors]}


def server_pid(id: int) -> dict[str, Any]:
    return {"pid": known[id].server_pid()}


def close(id: int) -> dict[str, Any]:
    known[id].close()
    return {}


def say(reply: dict[str, Any]) -> None:
    print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
