"""The programs whose cost is compared, and a node on which nothing else runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import clients
from tests.lab.error import LabError
from tests.lab.hosts.namespaces import ENVIRONMENT, SYSTEM_PYTHON
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.accounts import LOCAL_PASSWORD
from tests.lab.servers.flavour import SOCKET, Flavour

OURS, PYTHON, RECIPE = "check_mysql", "python -c pass", "shell recipe"
FRUGAL, PING = "shell, one client", "mysqladmin ping"
PROGRAMS = (OURS, PYTHON, RECIPE, FRUGAL, PING)

SOCKET_WAY, TLS_WAY = "unix socket", "TCP with TLS"
HEALTHY, DOWN = "healthy", "mysqld down"

_OPTION_FILE = "/etc/mysql/recipe.cnf"
_CERTIFICATE, _KEY = "/etc/mysql/server-cert.pem", "/etc/mysql/server-key.pem"
_HERE = Path(__file__).parent
_MOST_SECONDS = 900


class Cost(NamedTuple):
    """What the stopwatch says of one program."""

    wall: list[float]  # s
    cpu: list[float]  # s
    status: list[int]
    memory: int  # bytes
    calls: int | None


@contextlib.contextmanager
def quiet_pair(flavour: Flavour) -> Iterator[Pair]:
    """A is open and has the virtual IP; keepalived was killed on both, which leaves it at that."""
    with Pair(flavour, "kachecks", {"watch": 0}) as pair:
        for node in (pair.b, pair.a):
            node.kill_keepalived()
        if "mariadb" in flavour.name:
            _give_certificate(pair)
        yield pair


def _give_certificate(pair: Pair) -> None:
    """MySQL makes itself one, MariaDB does so from 11.4 on."""
    node = pair.a
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=node-a"]
    node.run([*argv, "-keyout", _KEY, "-out", _CERTIFICATE])
    node.stop_mysqld()
    node.start_mysqld([f"--ssl-cert={_CERTIFICATE}", f"--ssl-key={_KEY}"])
    pair.wait_replication_running()
    pair.open(node)


def use(pair: Pair, way: str) -> None:
    """From now on ours and theirs connect that way, with the same account."""
    lines = ["[client]", "user = kachecks", f"password = {LOCAL_PASSWORD}"]
    mariadb = "mariadb" in pair.flavour.name
    if way == SOCKET_WAY:
        pair.set_options(pair.a, {})
        lines.append(f"socket = {SOCKET}")
        lines.append("skip-ssl" if mariadb else "ssl-mode = DISABLED")
    else:
        options = {"client.socket": None, "client.host": pair.a.address}
        pair.set_options(pair.a, {**options, "client.ssl-mode": "REQUIRED"})
        lines += [f"host = {pair.a.address}", "protocol = tcp"]
        lines.append("ssl" if mariadb else "ssl-mode = REQUIRED")
    pair.a.write(_OPTION_FILE, "\n".join([*lines, ""]), mode=0o600)


def programs(flavour: Flavour, state: str) -> dict[str, Any]:
    """As keepalived would run them. A failing check has no --fence: it would have to act once."""
    ours = ["/opt/kachecks/bin/check_mysql", *(["--fence"] if state == HEALTHY else [])]
    admin = clients.admin(flavour)
    argv = {
        OURS: ours,
        PYTHON: ["/opt/kachecks/bin/python3", "-c", "pass"],
        RECIPE: [str(_HERE / "recipe/check_questions.sh"), _OPTION_FILE],
        FRUGAL: [str(_HERE / "recipe/check_once.sh"), _OPTION_FILE],
        PING: [*admin, f"--defaults-file={_OPTION_FILE}", "ping"],
    }
    words = {"MYSQL": clients.client(flavour), "MYSQLADMIN": admin}
    environment = {**ENVIRONMENT, **{name: " ".join(found) for name, found in words.items()}}
    return {name: {"argv": each, "env": environment} for name, each in argv.items()}


def measure(node: Node, flavour: Flavour, state: str, times: int) -> dict[str, Cost]:
    """Raises LabError where a program did not say what it should: its cost would say nothing."""
    wanted: dict[str, Any] = {"programs": programs(flavour, state), "times": times}
    done = node.run(
        [SYSTEM_PYTHON, "-I", str(_HERE / "stopwatch.py")],
        input=json.dumps(wanted),
        timeout=_MOST_SECONDS,
    )
    costs = {name: Cost(**found) for name, found in json.loads(done.stdout).items()}
    for name, cost in costs.items():
        wrong = unexpected(name, state, cost.status)
        if wrong:
            said = _said(node, wanted["programs"][name])
            raise LabError(f"{name}, {state}: {wrong}: {said}")
    return costs


def unexpected(name: str, state: str, statuses: list[int]) -> str:
    """What is wrong with exit statuses, in words; empty: nothing."""
    fails = state == DOWN and name != PYTHON
    if all((status != 0) == fails for status in statuses):
        return ""
    expected = "a failure" if fails else "0"
    return f"exit status {', '.join(map(str, statuses))}, expected {expected}"


def _said(node: Node, program: Mapping[str, Any]) -> str:
    done = node.run(program["argv"], env=program["env"], check=False)
    return f"{done.stdout} {done.stderr}".strip()
