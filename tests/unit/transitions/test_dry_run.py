"""--dry-run leaves nothing behind: every mark that a hook writes is only pretended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kachecks.config.options import parse
from kachecks.mysql import queries
from kachecks.mysql.probe import probe_access
from kachecks.mysqld_process import Process
from kachecks.network.link import Network
from kachecks.node import Keepalived, Node, Servers
from kachecks.state.files import Disk, Files, Lock
from kachecks.transitions import dry_run
from kachecks.transitions.dry_run import DryRun, DrySession
from tests.unit.doubles.simulation import OPEN, World

MYSQLD = Process(4711, 1000)

OPENED: dict[str, object] = {"transition": "promote", "outcome": "opened", "why": "peer closed"}

WRITES: list[tuple[str, Callable[[Node], object]]] = [
    ("mark_open", lambda node: node.marks.mark_open(MYSQLD)),
    ("remember_server", lambda node: node.marks.remember_server(MYSQLD, True)),
    ("note_events_off", lambda node: node.marks.note_events_off(MYSQLD)),
    ("note_semi_sync_off", lambda node: node.marks.note_semi_sync_off(MYSQLD, ["one"])),
    ("mark_gave_way", lambda node: node.marks.mark_gave_way("why")),
    ("withdraw_permit", lambda node: node.marks.withdraw_permit()),
    ("mark_leaving", lambda node: node.marks.mark_leaving()),
    ("refusal_changed", lambda node: node.marks.refusal_changed("why")),
    ("record", lambda node: node.telling.record(OPENED, problem=True)),
    ("try_lock", lambda node: node.lock.try_to_take("promote")),
    ("unlock", lambda node: node.lock.release()),
]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    text = f"[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\nrun_dir = {tmp_path}\n"
    config = parse(f"{text}state_dir = {tmp_path}\nalert = /bin/false\n", "k.cnf")
    return Node(config, DryRun(config))


@pytest.mark.parametrize(("name", "write"), WRITES, ids=[name for name, _ in WRITES])
def test_nothing_is_written(
    node: Node, tmp_path: Path, name: str, write: Callable[[Node], object]
) -> None:
    write(node)
    assert list(tmp_path.iterdir()) == [], name


def test_an_opening_is_not_noted(node: Node, tmp_path: Path) -> None:
    node.marks.note_opening_told()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mark", "remove"),
    [
        ("main.open", lambda node: node.marks.unmark_open()),
        ("main.events", lambda node: node.marks.take_events_note(MYSQLD)),
        ("main.refusal", lambda node: node.marks.forget_refusal()),
    ],
    ids=["open", "events", "refusal"],
)
def test_nothing_is_removed(
    node: Node, tmp_path: Path, mark: str, remove: Callable[[Node], object]
) -> None:
    (tmp_path / mark).write_text("4711 1000")
    remove(node)
    assert (tmp_path / mark).read_text() == "4711 1000"


def test_a_lock_that_is_held_is_said_once(
    node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = Lock(f"{tmp_path}/main.lock", Files())
    assert held.try_to_take("switchover")
    assert node.lock.try_to_take("demote")
    held.release()
    assert capsys.readouterr().out == "  the lock is held: switchover is at work\n"


def test_no_server_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each statement is said, and what it would have changed is read back as if it had."""
    world = World().but(b__access=OPEN)
    session: Any = world.servers.connect_local(1.0)
    session.address = "/s.sock"
    dry = DrySession(session, "this node")
    dry.execute(queries.close_writes(session.version), 1.0)
    dry.execute_each(["KILL 7", "KILL 8"], 1.0, 1.0)
    assert capsys.readouterr().out.count("  would run on this node: ") == 3
    assert probe_access(dry, 1.0).closed  # type: ignore[arg-type]
    assert world.b.access == OPEN
    assert not [line for line in world.log if "SET" in line or "KILL" in line]


CHANGES_NOTHING = {
    Servers: """
        connections_from_peer connections_through_vip process_of sockets_of listens alive watch
        is_there look_at_disks begin_to_connect_peer connect_vip
        """,
    Network: """
        vip_here vips_missing answers holder_elsewhere ask_for_holder nothing_on_link peer_on_link
        macs_of_vip macs_of_peer hears_peer peer_is_neighbour peer_has_no_vrrp
        """,
    Keepalived: "find",
    Files: "read inscription age must_be_roots forget",  # forget removes by remove
    Disk: "read",
}
"""Methods that a dry run may leave as they are: whoever adds one has to decide. Statements go
through the sessions, which are replaced."""


@pytest.mark.parametrize("real", CHANGES_NOTHING, ids=lambda real: str(real.__name__))
def test_whatever_changes_something_is_replaced(real: type) -> None:
    dry = next(each for each in real.__subclasses__() if each.__module__ == dry_run.__name__)
    methods = {name for name, one in vars(real).items() if callable(one) and name[0] != "_"}
    assert methods - set(vars(dry)) <= set(CHANGES_NOTHING[real].split())
