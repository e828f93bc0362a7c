"""Two pairs on one host, ports 3306 and 3309: what happens to one does not happen to the other.

A client of each pair writes all the time over one session, so a session that is cut is an error.
Only keepalived is common to both: who stops it moves both.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pytest

from tests.lab.observing.observer import Observer
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP as FIRST_VIP
from tests.lab.pairs.pair import Pair
from tests.lab.pairs.second_pair import (
    NAME,
    OPTION_FILE,
    PORT,
    VIP,
    SecondPair,
    SecondServer,
    living_server,
)
from tests.lab.pairs.systemd import drop_in_command
from tests.lab.records import evidence
from tests.lab.records.record import OPEN, Record, Row
from tests.lab.servers.flavour import Flavour

FIRST_PID_FILE = "/run/mysqld/mysqld.pid"
FIRST_INSTANCE = "mysql"

STEADY = 3.0
"""Seconds after a fault: three checks of each pair on each node have run."""

TAKES_OVER = 30.0
"""Seconds for the other node to acknowledge a write; how long it takes is measured elsewhere."""

CATCHES_UP = 15.0
"""Seconds for a node that is back to send what it alone had."""

DEFAULTS = f"--defaults-file={OPTION_FILE}"
ALSO = f"--also={OPTION_FILE}"


class Both(NamedTuple):
    """Two pairs, each with A active at first, and their observers."""

    first: Pair
    second: SecondPair
    of_first: Observer
    of_second: Observer


@pytest.fixture
def both(flavour: Flavour) -> Iterator[Both]:
    with (
        Pair(flavour, "kachecks") as pair,
        Observer.of(pair) as of_first,
    ):
        settled = of_first.wait_for_write("a").start
        second = SecondPair(pair)
        second.start()
        assert_undisturbed(of_first, settled)  # by a second pair, and by the reload of keepalived
        directory = pair.workdir / NAME
        directory.mkdir()
        servers = (second.a, second.b)
        with Observer(servers, pair.client, VIP, directory, port=PORT) as of_second:
            of_second.wait_for_write("a")
            for server in servers:
                pair.wait_until(partial(is_settled, server), 10, f"{server.name} to be fit")
            yield Both(pair, second, of_first, of_second)


def is_settled(server: SecondServer) -> bool:
    """Its check has said OK, and that it replicates: from now on it has nothing new to write."""
    marks = server.marks()
    return marks.get(f"{NAME}.verdict") == "OK 0" and "contact" in marks.get(f"{NAME}.mysqld", "")


def first_server(node: Node) -> int | None:
    return living_server(node, FIRST_PID_FILE)


def hook(node: Node, *arguments: str) -> str:
    """Run notify_down there as root does; what it said."""
    return node.run(["/opt/kachecks/bin/notify_down", *arguments], check=False).stdout


def assert_undisturbed(observer: Observer, since: float = 0.0) -> None:
    """The client's one session was never cut, every write acknowledged, and A alone was open."""
    record = observer.record()
    writes = [write for write in record.writes if write.start >= since]
    assert len(evidence.acknowledged(writes)) > 50, "the client hardly wrote"
    assert not evidence.errors(writes), evidence.errors(writes)
    assert {write.node for write in writes} == {"a"}
    assert not opened_on("b", record, since)


def opened_on(node: str, record: Record, since: float) -> bool:
    return any(
        sample.state == OPEN
        for sample in record.access
        if sample.node == node and sample.answered >= since
    )


def assert_one_writer(observer: Observer) -> Record:
    record = observer.record()
    assert evidence.both_open(record) == 0.0
    return record


def assert_nothing_lost(observer: Observer, server: Node | SecondServer) -> None:
    """That server gets every acknowledged row: the other one, if it died, is back to send its tail.

    Ends the client.
    """
    observer.stop_writing()
    writes = observer.record().writes
    until = time.monotonic() + CATCHES_UP
    while True:
        found = server.sql("SELECT id, token, server FROM app.writes")
        rows = [Row(int(row["id"]), int(row["token"]), int(row["server"])) for row in found]
        lost = evidence.lost(writes, rows)
        if not lost or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert not lost


def open_after_release(record: Record, node: str, since: float) -> float:
    """Seconds for which its server was still seen open after the VIP had been seen gone."""
    gone = next(
        look.time for look in record.holding if look.time > since and node not in look.nodes
    )
    seen = [
        sample.asked
        for sample in record.access
        if sample.node == node and sample.state == OPEN and sample.asked > gone
    ]
    return max(seen, default=gone) - gone


def test_a_dead_and_a_hung_server(both: Both) -> None:
    """Each moves the VIP of its own pair, and a hung one is the only process that is killed."""
    first, second, of_first, of_second = both
    before = [(server.audit(), server.marks()) for server in (second.a, second.b)]
    pid = first_server(first.a)
    assert pid is not None
    of_first.mark("SIGKILL of the first pair's mysqld on A", fault=True)
    first.a.kill(pid, signal.SIGKILL)
    of_first.wait_for_write("b", timeout=TAKES_OVER)
    time.sleep(STEADY)

    assert first.is_serving(first.b)
    assert second.a.is_serving()
    assert first.a.keepalived_state(FIRST_INSTANCE) == "FAULT"
    assert first.a.keepalived_state(NAME) == "MASTER"
    assert_undisturbed(of_second)
    assert [(server.audit(), server.marks()) for server in (second.a, second.b)] == before

    first.a.start_mysqld()
    first.wait_until(
        lambda: first.a.keepalived_state(FIRST_INSTANCE) == "BACKUP",
        20,
        "A to stand by for the first",
    )
    assert_undisturbed(of_second)

    survivor, hung, calm = first_server(first.a), second.a.pid(), time.monotonic()
    of_second.mark("SIGSTOP of the second pair's mysqld on A", fault=True)
    second.a.kill(signal.SIGSTOP)
    of_second.wait_for_write("b", timeout=TAKES_OVER)
    time.sleep(STEADY)

    assert second.b.is_serving()
    assert hung is not None
    assert second.a.pid() is None
    assert first_server(first.a) == survivor is not None
    quiet = [write for write in of_first.record().writes if write.start >= calm]
    assert len(evidence.acknowledged(quiet)) > 50
    assert not evidence.errors(quiet)
    assert first.is_serving(first.b)

    second.a.start()
    for observer, server in ((of_first, first.b), (of_second, second.b)):
        assert_one_writer(observer)
        assert_nothing_lost(observer, server)


def test_one_pair_moves(both: Both) -> None:
    """As the manual tells it: close that pair, then withdraw its permit."""
    first, second, of_first, of_second = both
    start = of_second.mark("the second pair leaves A", fault=True).time
    said = hook(second.a.node, "--keep-keepalived", DEFAULTS)
    assert "closed for writes" in said
    second.a.node.path(f"/run/kachecks/{NAME}.permit").write_text("0\n")
    of_second.wait_for_write("b", timeout=TAKES_OVER)
    time.sleep(STEADY)

    assert second.b.is_serving()
    assert second.a.marks()[f"{NAME}.permit"] == "1\n"
    assert first.a.keepalived_state(NAME) == "BACKUP"
    assert open_after_release(assert_one_writer(of_second), "a", start) == 0.0
    assert_nothing_lost(of_second, second.b)
    assert_undisturbed(of_first)
    assert first.is_serving(first.a)


def test_notify_down_of_one_pair_moves_both(both: Both) -> None:
    """It stops keepalived. Its own pair is closed first, the other one by keepalived's hook."""
    first, second, of_first, of_second = both
    start = time.monotonic()
    for observer in (of_first, of_second):
        observer.mark("notify_down of the second pair on A", fault=True)
    said = hook(second.a.node, DEFAULTS)
    assert "stopped keepalived" in said
    for observer in (of_first, of_second):
        observer.wait_for_write("b", timeout=TAKES_OVER)
    time.sleep(STEADY)

    assert first.is_serving(first.b)
    assert second.b.is_serving()
    assert not first.a.keepalived_pids()
    records = [assert_one_writer(observer) for observer in (of_first, of_second)]
    released_open = [open_after_release(record, "a", start) for record in records]
    assert released_open[1] == 0.0
    assert released_open[0] < 1.5  # keepalived ends its hook after a second
    assert_nothing_lost(of_first, first.b)
    assert_nothing_lost(of_second, second.b)


def test_what_a_dead_keepalived_leaves(both: Both) -> None:
    """--drop-vip takes the VIP of its own pair: the drop-in calls it once for each."""
    first, second, of_first, of_second = both
    a = first.a
    a.kill_keepalived()
    hook(a, "--drop-vip", DEFAULTS)
    assert not a.has_vip(VIP)
    assert a.has_vip(FIRST_VIP)
    hook(a, "--drop-vip")
    assert not a.has_vip(FIRST_VIP)
    for observer, server in ((of_first, first.b), (of_second, second.b)):
        observer.wait_for_write("b", timeout=TAKES_OVER)
        assert_one_writer(observer)
        assert_nothing_lost(observer, server)


def test_stopping_keepalived_with_a_slow_pair(both: Both) -> None:
    """The drop-in names both: the first stays closed while the second closes.

    Its server hangs, and a hung one is given its time.
    """
    first, second, of_first, _of_second = both
    a = first.a
    second.a.kill(signal.SIGSTOP)
    start = of_first.mark("systemctl stop keepalived on A", fault=True).time
    stop = drop_in_command("ExecStop")
    a.run([*stop, ALSO])
    a.stop_keepalived()
    of_first.wait_for_write("b", timeout=TAKES_OVER)
    record = assert_one_writer(of_first)
    assert open_after_release(record, "a", start) == 0.0
