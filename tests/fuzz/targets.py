"""What is fed: each parser with good inputs to begin with, and what it may raise."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kachecks.bounded import Clock
from kachecks.commands.doctor.server import my_cnf
from kachecks.commands.doctor.server.grants import beyond, inactive_roles, lacking, parse_grants
from kachecks.config import options
from kachecks.config.file_format import ConfigError
from kachecks.config.options import Login
from kachecks.keepalived import conf, vrrp_state
from kachecks.keepalived.conf_lines import ConfError
from kachecks.keepalived.findings import findings
from kachecks.keepalived.instance import instances
from kachecks.keepalived.situations import Sides, situations
from kachecks.mysql import ability, gtid, gtid_count, positions, prepared, probe
from kachecks.mysql.errors import SessionError
from kachecks.mysql.facts import Row, Version, supported_version
from kachecks.mysql.gtid import Position
from kachecks.mysql.session import Session, local_address
from kachecks.mysqld_process import Process
from kachecks.network import arp, ndp, ping, vrrp
from kachecks.state import files
from kachecks.state.audit_log import History, NoHistory
from kachecks.state.files import Disk, Files
from kachecks.state.known_late import KnownLate
from kachecks.state.maintenance_mark import MaintenanceMark
from kachecks.state.marks import Marks
from kachecks.state.served_alone import ServedAlone
from tests.lab.pairs.snippets import SNIPPETS
from tests.rows import rows
from tests.unit.doubles import fake_server


class Target(NamedTuple):
    """One parser."""

    seeds: list[bytes]
    feed: Callable[[bytes], object]


MARKS = (
    b"4711 123456", b"1000.000 0 0 no 0 0.000 0.000 no 0.000 0.000 0.000  0 ", b"OK 0", b"1\n",
    b"0 1790000000 contact\n/run/mysqld/mysqld.sock\n/run/mysqld/mysqld.sock", b"none",
    b"1000.0 refused: the peer is open", b"1790000000 1790009000 root a reason", b"1000.123",
    b"12.000 3.000 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5 0 0-1-1", b"1000.0 2 1000.0",
)  # fmt: skip
"""Of several kinds: each is read as every kind."""

GTIDS = (
    b"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:7",
    b"3e11fa47-71ca-11e1-9e33-c80aa9429562:tag:1-5", b"0-1-100,1-2-5", b"",
)  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@contextlib.contextmanager
def option_file() -> Iterator[Target]:
    """As bytes of a file, and what is made of them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "kachecks.cnf"
        path.touch(0o600)

        def feed(data: bytes) -> None:
            path.write_bytes(data)
            with contextlib.suppress(ConfigError):
                options.load(str(path))

        given = (SNIPPETS / "kachecks.cnf").read_bytes()
        for word, value in (("VIP_ADDRESS", "10.0.0.100"), ("PEER_ADDRESS", "10.0.0.2")):
            given = given.replace(word.encode(), value.encode())
        short = b"[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\n[client]\nsocket = /s\n[peer]\n"
        yield Target([given, short], feed)


@contextlib.contextmanager
def keepalived_conf() -> Iterator[Target]:
    """keepalived.conf, with all that it may include, and its elections."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "keepalived.conf"

        def feed(data: bytes) -> None:
            path.write_bytes(data)
            with contextlib.suppress(ConfError):
                for one in instances(conf.read(str(path), "a")):
                    sides = Sides(one, one)
                    findings(sides), situations(sides)

        yield Target([each.read_bytes() for each in SNIPPETS.glob("keepalived.conf*")], feed)


@contextlib.contextmanager
def marks() -> Iterator[Target]:
    """Every file of the run and state directories, with the same bytes in each."""
    with tempfile.TemporaryDirectory() as directory:
        kinds = [
            value
            for name, value in vars(files).items()
            if name.isupper() and isinstance(value, str) and value.isidentifier()
        ]
        read = Marks(directory, "main", Files(), Clock())
        alone = ServedAlone(directory, "main", Disk())
        late = KnownLate(directory, "main", Disk())
        maintenance = MaintenanceMark((directory, directory), "main", Files(), Disk())
        history = History(directory, "main")
        turn = [0]

        def feed(data: bytes) -> None:
            for kind in kinds:
                Path(files.path_of(directory, "main", kind)).write_bytes(data)
            Path(directory, "main.permit").write_bytes(data)
            of_process = Process(4711, 123456)
            read.open_mark(), read.last_server(), read.last_sockets(), read.had_contact(of_process)
            read.take_events_note(of_process), read.semi_sync_noted(), read.gave_way()
            read.semi_sync_off(of_process), read.heard_for(), read.is_leaving(), read.read_permit()
            read.unopened(), read.lost_since(), read.cut_off_for(), read.peer_silent_since()
            read.peer_identity(), read.last_look(), read.signs(), read.last_verdict()
            read.verdict_age(), read.opening_told()
            turn[0] += 1
            if turn[0] % 50 == 0:  # each of these asks a disk, in a child
                maintenance.current()
                alone.is_marked("x"), late.read(1000.0)
                with contextlib.suppress(NoHistory):
                    history.last_transitions()

        record = (
            b'{"time": "2026-11-29T22:09:09.599Z", "transition": "promote", "outcome": "opened"}\n'
        )
        yield Target([*MARKS, record * 3], feed)


@contextlib.contextmanager
def packets() -> Iterator[Target]:
    """Adverts, ARP, neighbour discovery and echo replies, each read as each."""
    request = ping.request(b"\1\2", b"12345678", is_ipv6=False)
    seeds = [
        bytes.fromhex("2101fa0100010000" + "0a000064" + "00" * 8),
        bytes.fromhex("3101fa0100640000" + "0a000064"),
        b"\x45" + bytes(7) + b"\xff\x70" + bytes(2) + b"\x0a\0\0\2\x0a\0\0\1" + b"\x21" * 20,
        arp.question(b"\x0a\0\0\1", b"\2" * 6),
        arp.announcement(b"\x0a\0\0\1", b"\2" * 6),
        ndp.question(b"\xfe\x80" + b"\1" * 14, b"\2" * 6),
        ndp.announcement(b"\xfe\x80" + b"\1" * 14, b"\2" * 6),
        request,
        b"\0\0" + request[2:],
    ]

    def feed(data: bytes) -> None:
        for is_ipv6 in (False, True):
            vrrp.advertised(data, is_ipv6)
            ping.is_answer(data, request, is_ipv6)
        vrrp.without_ip_header(data)
        vrrp.refuses(data[:16], data[16:], data[8:], "10.0.0.2")
        arp.answerer(data, b"\2" * 6)
        ndp.answerer(data)

    yield Target(seeds, feed)


@contextlib.contextmanager
def keepalived_json() -> Iterator[Target]:
    """keepalived's dump of its state."""
    seed = (
        b'[{"data": {"iname": "VI_1", "state": 2, "last_transition": 1.5, "vips":'
        b' ["10.0.0.100/24 dev eth0 scope global set"], "effective_priority": 250,'
        b' "base_priority": 250}}]'
    )

    def feed(data: bytes) -> None:
        with contextlib.suppress(KeyError, TypeError, ValueError):  # as its docstring says
            vrrp_state.chosen(vrrp_state.instances(_text(data)), ["10.0.0.100"])

    yield Target([seed, b'{"vrrp": ' + seed + b"}"], feed)


@contextlib.contextmanager
def gtids() -> Iterator[Target]:
    """Sets of GTIDs of both families, counted and compared. A ValueError is a broken answer."""

    def feed(data: bytes) -> None:
        text = _text(data)
        own = Position(text, text[: len(text) // 2])
        for work in (
            lambda: gtid.lost_of("3e11fa47-71ca-11e1-9e33-c80aa9429562", text),
            lambda: gtid.of_others(own, "1"),
            lambda: gtid.mariadb_missing(text, own),
            lambda: list(gtid.split_gtids(text)),
            lambda: gtid_count.count(text),
            lambda: gtid_count.mariadb_spans(text, own),
            lambda: gtid_count.mariadb_count(text, own),
            lambda: supported_version(text),
        ):
            with contextlib.suppress(ValueError):
                work()

    versions = [b"9.7.4", b"5.5.5-10.11.18-MariaDB-0+deb12u1", b"8.0.36-28-azure"]
    yield Target([*GTIDS, *versions], feed)


@contextlib.contextmanager
def grants() -> Iterator[Target]:
    """SHOW GRANTS."""
    rows = [
        line.encode()
        for file in SNIPPETS.glob("grants.*.sql")
        for line in " ".join(file.read_text().split()).split(";")
    ]

    def feed(data: bytes) -> None:
        found = parse_grants([_text(data)])
        for version in (Version(False, (9, 7, 0)), Version(True, (10, 11, 0))):
            lacking(version, found, at_peer=False), beyond(version, found, at_peer=True)
        inactive_roles(found)

    yield Target([*rows, b"GRANT SELECT (`a`, `b`) ON `x ON y`.`t TO` TO `k`@`h`"], feed)


@contextlib.contextmanager
def server_files() -> Iterator[Target]:
    """The option files of a mysqld."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "my.cnf"
        start = my_cnf.Start("", (f"--defaults-file={path}",), "", directory)

        def feed(data: bytes) -> None:
            path.write_bytes(data.replace(b"!include", b"!no"))  # not the files of this host
            my_cnf.options(start, Version(False, (8, 4, 0)))

        yield Target([each.read_bytes() for each in SNIPPETS.glob("my.cnf*")], feed)


@contextlib.contextmanager
def wire() -> Iterator[Target]:
    """All that a server over TCP says from its greeting on, to a client that asks two questions."""
    said = [b""]

    def behave(client: socket.socket) -> None:
        client.sendall(said[0])
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass

    with fake_server.listening(None, behave) as port:
        login = Login("kachecks", "secret", "127.0.0.1", port, None)

        def feed(data: bytes) -> None:
            said[0] = data
            with contextlib.suppress(SessionError):
                session = Session(local_address(login), 2.0)
                try:
                    ask_everything(session)
                finally:
                    session.close()

        greeting = fake_server.packet(0, fake_server.GREETING)
        let_in = fake_server.packet(2, fake_server.OK)
        row = fake_server.one_row("read_only", "1", "server_id", "2", "server_uuid", None)
        trouble = fake_server.error(1227, "you need more", "42000", 1)
        yield Target([greeting + let_in + row * 2, greeting + let_in + trouble, greeting], feed)


@contextlib.contextmanager
def answers() -> Iterator[Target]:
    """The rows of every statement, as names and values of any kind. One answer for all of them."""

    def feed(data: bytes) -> None:
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            return
        if isinstance(said, list) and all(isinstance(row, dict) for row in said):
            ask_everything(_Saying([{k: _cell(v) for k, v in row.items()} for row in said]))

    captured = [
        json.dumps(rows(generation, f"replica_status_{state}")).encode()
        for generation in ("mysql-9.7", "mariadb-10.11")
        for state in ("healthy", "applier_stopped")
    ]
    identity = {"read_only": "1", "super_read_only": "1", "server_id": "2", "server_uuid": UUID}
    position = {"executed": f"{UUID}:1-5", "applied": "0-1-5", "gtid_mode": "ON", "missing": ""}
    yield Target([*captured, json.dumps([{**identity, **position}]).encode()], feed)


UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


def _cell(value: object) -> str | None:
    return None if value is None else str(value)


class _Saying:
    """A session with a server that says the same to everything."""

    address = "10.0.0.2 port 3306"

    def __init__(self, said: list[Row]) -> None:
        self._said = said
        self.version = Version(False, (9, 7, 0))

    def query(self, _sql: str, _timeout: float) -> list[Row]:
        return [dict(row) for row in self._said]


def ask_everything(session: Any) -> None:
    """What check, promotion and demotion ask. A SessionError is an answer."""
    for work in (
        lambda: probe.probe(session, 1.0),
        lambda: positions.executed(session, 1.0),
        lambda: positions.missing(session, Position("0-1-5"), 1.0),
        lambda: ability.why_unable(session, probe.probe_identity(session, 1.0), 1.0),
        lambda: prepared.left_to_end(session, 1.0),
        lambda: probe.processlist(session, 1.0),
        lambda: probe.uptime(session, 1.0),
    ):
        with contextlib.suppress(SessionError):
            work()


TARGETS: dict[str, Callable[[], contextlib.AbstractContextManager[Target]]] = {
    "option-file": option_file,
    "keepalived-conf": keepalived_conf,
    "marks": marks,
    "packets": packets,
    "keepalived-json": keepalived_json,
    "gtids": gtids,
    "grants": grants,
    "server-files": server_files,
    "answers": answers,
    "wire": wire,
}
