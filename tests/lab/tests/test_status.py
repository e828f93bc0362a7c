"""`kachecks status` on a real pair: what it says of each node, and that it waits for nobody."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from tests.lab.pairs.commands import BIN, said_in_json
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.servers.flavours import MARIADB, MARIADB_TRIXIE, MYSQL
from tests.lab.tests.shared_pair import shared_pair

STATUS = f"{BIN}/kachecks"
FLAVOURS = {"mariadb": MARIADB, "mysql": MYSQL, "keepalived-2.3": MARIADB_TRIXIE}


def with_a_table(pair: Pair) -> None:
    pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, node INT)")
    pair.wait_replication_caught_up()


pair = shared_pair(FLAVOURS, "kachecks", ready=with_a_table)


def status(node: Node) -> tuple[int, dict[str, Any]]:
    """Exit status, and what --json says."""
    found, said = said_in_json(node, "status")
    assert said["status"] == found
    return found, said


def wait_for_status(pair: Pair, node: Node, number: int) -> dict[str, Any]:
    """What it says as soon as its exit status is this one."""
    said: dict[str, Any] = {}

    def is_so() -> bool:
        nonlocal said
        found, said = status(node)
        return found == number

    pair.wait_until(is_so, 20, f"exit status {number}")
    return said


def test_both_nodes_see_the_same_pair(pair: Pair) -> None:
    on_a = wait_for_status(pair, pair.a, 0)
    on_b = wait_for_status(pair, pair.b, 0)
    assert on_a["sentence"] == "a serves, b stands by and looks fit from here"
    assert on_b["sentence"] == "a serves, b stands by and is fit"
    assert on_a["this"]["vrrp"]["state"] == "MASTER"
    assert on_b["this"]["vrrp"]["state"] == "BACKUP"
    assert on_b["other"]["vrrp"]["known_by"] == "its adverts are heard"
    for active, standby in (
        (on_a["this"], on_a["other"]),
        (on_b["other"], on_b["this"]),
    ):
        assert (active["role"], standby["role"]) == ("active", "standby")
        assert (active["vip"], standby["vip"]) == (True, False)
        assert (active["open"], standby["open"]) == (True, False)
        for node in (active, standby):
            assert node["server"]["lacks"] == {"gtids": "", "transactions": 0}
            assert node["server"]["replication"][0]["lag"] in (0, 1)  # the clock's second turns
            assert node["verdict"]["reason"] == "OK"
    assert on_a["transitions"][0]["outcome"] == "opened"


def test_what_a_standby_lacks_is_counted_on_both_nodes(pair: Pair) -> None:
    pair.applier(pair.b, "STOP")
    for _ in range(5):
        pair.a.sql("INSERT INTO app.t (node) VALUES (1)")
    on_a, on_b = (wait_for_status(pair, node, 1) for node in pair.nodes)
    pair.applier(pair.b, "START")
    assert on_a["sentence"] == "a serves, b is not fit: APPLIER_STOPPED"
    assert on_a["other"]["server"]["lacks"]["transactions"] == 5
    assert on_b["this"]["server"]["lacks"]["transactions"] == 5
    assert on_b["other"]["server"]["lacks"]["transactions"] == 0
    assert on_b["this"]["verdict"]["reason"] == "APPLIER_STOPPED"
    wait_for_status(pair, pair.a, 0)


def test_those_who_ask_keepalived_at_the_same_time_all_get_its_answer(pair: Pair) -> None:
    """Each makes it write the same file anew. Their patience is such that load does not count."""
    wait_for_status(pair, pair.b, 0)
    program = (
        "from kachecks.keepalived import ask_state\n"
        "for _ in range(5):\n"
        f"    print(ask_state.ask_keepalived(['{VIP}'], patience=20).state)"
    )
    asking = [
        pair.b.popen([f"{BIN}/python", "-c", program], stdout=subprocess.PIPE) for _ in range(4)
    ]
    said = [each.communicate()[0].decode().split() for each in asking]
    assert said == [["BACKUP"] * 5] * 4
    assert pair.b.keepalived_state() == "BACKUP"  # and is none the worse for it


def test_who_is_not_root_is_told_what_cannot_be_seen(pair: Pair) -> None:
    pair.b.run(["sh", "-c", "install -o nobody -m 600 /etc/kachecks/kachecks.cnf /tmp/k.cnf"])
    as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    command = [STATUS, "status", "--json", "--defaults-file=/tmp/k.cnf"]
    done = pair.b.run([*as_nobody, *command], check=False)
    said = json.loads(done.stdout)
    assert done.stderr == ""
    assert (said["this"]["vip"], said["other"]["vip"]) == (False, True)
    assert said["this"]["open"] is False
    assert "only root" in said["this"]["vrrp"]["known_by"]
    assert said["other"]["vip_known_by"] == f"its server answers at {VIP}"
    assert (said["marks"], said["transitions"]) == (None, None)
    assert "Permission denied" in said["marks_unknown"] + said["transitions_unknown"]


def test_watch_goes_on_when_a_server_goes_away_and_ends_when_told(pair: Pair) -> None:
    with terminal() as (screen, slave):
        watching = pair.a.popen(
            [STATUS, "status", "--watch", "0.2"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"PATH": "/usr/bin:/bin", "TERM": "xterm"},
        )
        os.close(slave)
        read_until(screen, "OK: a serves")
        pair.b.kill_mysqld()
        read_until(screen, "MYSQLD_DOWN")
        pair.b.start_mysqld()
        read_until(screen, "OK: a serves")
        programs = pair.a.run(["pgrep", "-f", "status --watch"]).stdout.split()
        pair.a.kill(int(programs[0]), signal.SIGTERM)  # the others are children of its looks
        left = read_until(screen, "\x1b[?1049l")
        assert "Traceback" not in left
        assert watching.wait(10) == 0


def test_a_node_that_is_off_is_said_to_be_silent(pair: Pair) -> None:
    pair.b.power_off()
    try:
        said = wait_for_status(pair, pair.a, 1)
        assert said["sentence"] == "a serves, 10.0.0.2 cannot be reached"
        assert said["other"]["server"] is None
        assert said["other"]["trouble"].startswith("nothing answers at 10.0.0.2")
        pair.a.stop_keepalived()
        said = wait_for_status(pair, pair.a, 2)
        assert said["word"] == "NOT SERVING"
        assert said["this"]["vrrp"]["known_by"] == "no keepalived is running here"
    finally:  # other tests may come after this one
        pair.b.power_on()
        pair.b.start_mysqld()
        pair.a.start_keepalived()
        pair.wait_until(lambda: pair.is_serving(pair.a), 20, "A to serve")
        pair.b.start_keepalived()
        wait_for_status(pair, pair.a, 0)


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of one; who starts a program on the second closes it."""
    screen, slave = pty.openpty()
    try:
        yield screen, slave
    finally:
        os.close(screen)


def read_until(screen: int, text: str) -> str:
    """What a terminal is sent, up to ``text``, within 30 s."""
    seen, end = "", time.monotonic() + 30
    while text not in seen:
        ready = select.select([screen], [], [], max(0.0, end - time.monotonic()))[0]
        assert ready, f"no {text!r} in {seen[-2000:]!r}"
        seen += os.read(screen, 65536).decode()
    return seen
