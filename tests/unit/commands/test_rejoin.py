"""May a node come back: what was seen, judged; what is said; how the servers are asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kachecks.check.verdict import Verdict
from kachecks.commands.rejoin import command
from kachecks.commands.rejoin.advice import show
from kachecks.commands.rejoin.errors import meaning
from kachecks.commands.rejoin.facts import (
    DECIDE,
    HERE,
    MAY,
    NOT_YET,
    THERE,
    Comparison,
    Gap,
    RejoinFinding,
    Side,
)
from kachecks.commands.rejoin.probe import compare
from kachecks.commands.rejoin.report import as_json, as_text
from kachecks.commands.rejoin.rules import conclusion, findings, next_steps
from kachecks.config.options import Config
from kachecks.mysql.facts import Channel, Facts, Version, parse_channel
from kachecks.mysql.gtid import Position
from kachecks.mysql.session import ServerError, Unreachable
from tests.rows import rows
from tests.unit.doubles.option_files import NEEDED
from tests.unit.doubles.simulated_server import CLOSED, OPEN, UUID
from tests.unit.doubles.simulation import MARIADB, MYSQL, World, config

MYSQL_9 = Version(False, (9, 7, 4))
MARIADB_10 = Version(True, (10, 11, 19))
A, B = UUID[1], UUID[2]
OK = Verdict("OK", 0, "all is well", "standby")
RUNS = parse_channel(rows("mysql-9.7", "replica_status_healthy")[0])


def server(
    number: int, writable: bool, version: Version = MYSQL_9, purged: str = "", **position: Any
) -> Side:
    uuid = "" if version.mariadb else UUID[number]
    facts = Facts(version, number, uuid, writable, not writable, (RUNS,))
    at = Position(position.get("gtids", f"{uuid}:1-9"))
    return Side(facts, at, purged, "/var/lib/mysql/binlog")


def gap(source: str, replica: str, *channels: Channel, **fields: Any) -> Gap:
    same = Gap(source, replica, channels, "", 0, (), "", "", "", "", None)
    return same._replace(**fields)


def seen(**fields: Any) -> Comparison:
    """This node has come back and is closed, the other one is open; nothing is wrong."""
    fine = Comparison(
        vip_here=False,
        verdict=OK,
        gave_way="",
        proven=True,
        here=server(1, writable=False),
        there=server(2, writable=True),
        to_here=gap(THERE, HERE, RUNS),
        to_there=gap(HERE, THERE, RUNS),
    )
    return fine._replace(**fields)


def tail(**fields: Any) -> Gap:
    """Three transactions that only this node has."""
    left = f"{A}:7-9"
    return gap(HERE, THERE, RUNS, left=left, transactions=3, listed=(left,))._replace(**fields)


def judged(what: Comparison, options: Config | None = None) -> list[tuple[str, int]]:
    return [(each.code, each.status) for each in findings(what, options or config())]


STOPPED = RUNS._replace(applier=False)
DUPLICATE = STOPPED._replace(applier_errno=1062, applier_error="Duplicate entry '25'")
NO_RECEIVER = RUNS._replace(receiver="No")
BROKEN = server(1, False).facts._replace(channels=(DUPLICATE,))
AWAY = {"there": None, "to_here": None, "to_there": None, "trouble": "nothing answers"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"to_there": tail()}, [("NOT_CAUGHT_UP", NOT_YET)]),
        ({"to_there": tail(channels=(NO_RECEIVER,))}, [("RECEIVER_STOPPED", DECIDE)]),
        ({"to_there": tail(channels=())}, [("NOT_REPLICATING", DECIDE)]),
        (
            {"to_there": tail(channels=(RUNS._replace(filters=("Replicate_Do_DB = x",)),))},
            [("NOT_REPLICATING", DECIDE)],
        ),
        ({"to_there": tail(channels=(DUPLICATE,))}, [("APPLIER_ERROR", DECIDE)]),
        ({"to_here": gap(THERE, HERE, STOPPED)}, [("APPLIER_STOPPED", DECIDE)]),
        (
            {"to_here": gap(THERE, HERE, NO_RECEIVER._replace(receiver_errno=13114))},
            [("RECEIVER_ERROR", DECIDE)],
        ),
        (
            {"to_here": gap(THERE, HERE, RUNS._replace(receiver="Connecting"))},
            [("RECEIVER_CONNECTING", NOT_YET)],
        ),
        (
            {
                "to_here": gap(
                    THERE, HERE, RUNS._replace(receiver="Connecting", receiver_errno=2003)
                )
            },
            [("RECEIVER_CONNECTING", NOT_YET)],
        ),
        (
            {
                "to_here": gap(
                    THERE, HERE, RUNS._replace(receiver="Connecting", receiver_errno=1045)
                )
            },
            [("RECEIVER_CONNECTING", DECIDE)],
        ),
        (
            {"to_there": tail(purged=f"{A}:7"), "verdict": OK._replace(reason="LAG", status=24)},
            [("PURGED", DECIDE), ("NOT_CAUGHT_UP", NOT_YET)],
        ),
        (
            {"to_here": gap(THERE, HERE, RUNS, left=f"{A}:3", lost=f"{A}:3", transactions=1)},
            [("LOST_ITS_OWN", DECIDE), ("NOT_CAUGHT_UP", NOT_YET)],
        ),
        ({"here": server(1, writable=True)}, [("TWO_WRITERS", DECIDE)]),
        ({"not_our_pair": "no pair", "to_here": None, "to_there": None}, [("STRANGER", DECIDE)]),
        ({"verdict": OK._replace(reason="GAVE_WAY", status=16)}, [("GAVE_WAY", NOT_YET)]),
        ({"verdict": OK._replace(reason="DISK_FULL", status=13)}, [("DISK_FULL", DECIDE)]),
        ({**AWAY, "answers": True}, [("PEER_UNKNOWN", DECIDE)]),
        ({**AWAY, "proven": False}, [("COLD_START", DECIDE)]),
        ({**AWAY, "stale": "it lacks 1-1-5"}, [("STALE", DECIDE)]),
        (AWAY, [("PEER_AWAY", NOT_YET)]),
        (
            {**AWAY, "here": server(1, False)._replace(facts=BROKEN)},
            [("APPLIER_ERROR", DECIDE), ("PEER_AWAY", NOT_YET)],
        ),
        (
            {**AWAY, "verdict": OK._replace(reason="DISK_FULL")},
            [("DISK_FULL", DECIDE), ("PEER_AWAY", NOT_YET)],
        ),
        ({**AWAY, "verdict": OK._replace(reason="RECEIVER_STOPPED")}, [("PEER_AWAY", NOT_YET)]),
        ({"there": server(2, writable=False)}, [("NOBODY_SERVES", NOT_YET)]),
        ({**AWAY, "proven": False, "here": server(1, writable=True)}, [("PEER_AWAY", NOT_YET)]),
    ],
)
def test_findings(changes: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    assert judged(seen(**changes)) == expected


def test_cold_start_of_the_option_file_counts() -> None:
    what = seen(**AWAY, proven=False)
    assert judged(what, config(cold_start="open")) == [("PEER_AWAY", NOT_YET)]


@pytest.mark.parametrize(
    ("vip", "here", "there", "doomed"),
    [(False, False, True, HERE), (True, True, False, THERE), (False, False, False, "one node")],
)
def test_the_node_that_serves_is_never_to_be_rebuilt(
    vip: bool, here: bool, there: bool, doomed: str
) -> None:
    both = {
        "vip_here": vip,
        "here": server(1, here),
        "there": server(2, there),
        "to_here": gap(THERE, HERE, DUPLICATE, purged="x"),
        "to_there": gap(HERE, THERE, DUPLICATE, purged="x"),
    }
    told = [c for each in findings(seen(**both), config()) for c in each.choices]
    rebuilding = [choice for choice in told if choice.startswith("rebuild ")]
    assert len(rebuilding) == 4
    assert all(choice.startswith(f"rebuild {doomed} from ") for choice in rebuilding)


def test_no_choice_skips_a_transaction() -> None:
    for errno in (1062, 1032, 1452, 1396, 1146):
        for told in (meaning(errno, "", MYSQL_9), meaning(errno, "", MARIADB_10)):
            assert any("do not skip" in each for each in told.choices)


@pytest.mark.parametrize(
    ("errno", "version", "said"),
    [
        (13114, MYSQL_9, "the source cannot send"),
        (1236, MARIADB_10, "the source cannot send"),
        (1950, MARIADB_10, "gtid_strict_mode"),
        (1950, MYSQL_9, "see the manual"),  # means something else to MySQL
        (999, MYSQL_9, "see the manual"),
    ],
)
def test_meaning(errno: int, version: Version, said: str) -> None:
    assert said in meaning(errno, "", version).sentence


@pytest.mark.parametrize(
    ("errno", "text", "said"),
    [
        (1236, "Cannot replicate because the source purged required binary logs.", "were purged"),
        (
            1236,
            "Could not find GTID state requested by slave in any binlog files. Probably the slave"
            " state is too old and required binlog files have been purged.",
            "were purged",
        ),
        (
            1236,
            "Error: connecting slave requested to start from GTID 0-1-9, which is not in the"
            " master's binlog",
            "does not know",
        ),
        (1236, "Could not find first log file name in binary log index file", "were purged"),
        (
            1236,
            "Slave has more GTIDs than the master has, using the master's SERVER_UUID. This may"
            " indicate that the end of the binary log was truncated",
            "fewer transactions",
        ),
        (1236, "Binary log is not open", "writes no binary log"),
        (
            1236,
            "A replica with the same server_uuid/server_id as this replica has connected to the"
            " source; the first event 'binlog.000004' at 154",
            "a third server",
        ),
        (
            1236,
            "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
            "larger than a packet",
        ),
        (1236, "bogus data in log event; the first event 'binlog.000058' at 600", "is damaged"),
        (1236, "event read from binlog did not pass crc check", "is damaged"),
        (
            1236,
            "The replication sender thread cannot start in AUTO_POSITION mode: this server has"
            " GTID_MODE = OFF instead of ON.",
            "the same gtid_mode",
        ),
        (
            1236,
            "Client requested master to start replication from position > file size",
            "has lost its end",
        ),
        (1236, "Misconfigured master - server_id was not set", "has no server_id"),
        (1236, "Something new", "the error's text says why"),
        (
            1593,
            "The slave I/O thread stops because master and slave have equal MySQL server UUIDs",
            "the same server_id or server_uuid",
        ),
        (
            1593,
            "The replica IO thread stops because the source has @@GLOBAL.GTID_MODE OFF",
            "the same gtid_mode",
        ),
        (1593, "Something new", "the error's text says why"),
    ],
)
def test_errors_of_many_causes(errno: int, text: str, said: str) -> None:
    wrapped = f"Got fatal error 1236 from source when reading data from binary log: '{text}'"
    told = meaning(errno, wrapped if errno == 1236 else f"Fatal error: {text}", MYSQL_9)
    assert said in told.sentence
    assert told.choices or "text says why" in told.sentence


@pytest.mark.parametrize("version", [MARIADB_10, Version(False, (5, 7, 44)), MYSQL_9])
def test_the_server_knows_the_words(version: Version) -> None:
    """CHANGE REPLICATION SOURCE is no statement of MariaDB, nor of MySQL before 8.0.23."""
    for errno in (1236, 1594, 2005, 2061, 3159):
        position = "Client requested master to start replication from position > file size"
        told = " ".join(meaning(errno, position, version).choices)
        new = version is MYSQL_9
        assert ("REPLICATION SOURCE TO" in told or "RESET REPLICA" in told) is new, told
        assert ("CHANGE MASTER TO" in told or "RESET SLAVE" in told) is not new, told


SENT = (1045, 1129, 1130, 1227, 1251, 1698, 1820, 1862, 2005, 2026, 2059, 2061, 3118, 3159, 4151)
SENT_BY_SOME = (1524, 3955, 4150, 3999)
PASSES = (0, 1040, 1053, 1159, 1226, 2003, 2013, 3032)


@pytest.mark.parametrize("errno", SENT + SENT_BY_SOME + PASSES)
def test_what_no_waiting_cures_needs_a_decision(errno: int) -> None:
    """The source lives and turns the receiver away: nothing changes until somebody mends it."""
    trying = RUNS._replace(receiver="Connecting", receiver_errno=errno, receiver_error="x")
    (found,) = findings(seen(to_here=gap(THERE, HERE, trying)), config())
    assert (found.code, found.status) == (
        "RECEIVER_CONNECTING",
        NOT_YET if errno in PASSES else DECIDE,
    )
    if errno in SENT:
        assert "that means: " in found.sentence
        assert len(found.choices) > 1


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({}, MAY, "this node may come back"),
        ({"vip_here": True, "here": server(1, True), "there": server(2, False)}, MAY, "is back"),
        ({"to_there": tail()}, NOT_YET, "it may not come back: NOT_CAUGHT_UP"),
        ({"vip_here": True, "here": server(1, True), **AWAY}, NOT_YET, "this node serves"),
    ],
)
def test_conclusion(changes: dict[str, Any], status: int, said: str) -> None:
    what = seen(**changes)
    found = conclusion(what, findings(what, config()))
    assert found[0] == status
    assert said in found[1]


def test_what_happens_next() -> None:
    other = gap(THERE, HERE, left=f"{B}:4", transactions=1)
    told = next_steps(seen(to_there=tail(), to_here=other))
    assert told[0].startswith("what only this node has flows to the other node by itself, as")
    assert told[1].startswith("what only the other node has stays where it is")
    assert "collide" in told[2]
    broken = tail(channels=(DUPLICATE,))
    assert "once its replication runs again" in next_steps(seen(to_there=broken))[0]
    for gone in ({"lost": f"{A}:7"}, {"purged": f"{A}:7"}):
        assert "does not all come" in next_steps(seen(to_there=tail(**gone)))[0]


@pytest.mark.parametrize(
    ("version", "fields", "expected"),
    [
        (
            MYSQL_9,
            {},
            f"mysqlbinlog -vv --base64-output=decode-rows --include-gtids={A}:7-9"
            " /var/lib/mysql/binlog.[0-9]*",
        ),
        (
            MARIADB_10,
            {"left": "1-1-9", "after": "1-1-6", "upto": "1-1-9"},
            "mariadb-binlog -vv --base64-output=decode-rows --start-position=1-1-6"
            " --stop-position=1-1-9 /var/lib/mysql/binlog.[0-9]*",
        ),
        (
            Version(True, (10, 6, 0)),
            {"left": "1-1-9", "after": "1-1-6", "upto": "1-1-9"},
            "mariadb-binlog -vv --base64-output=decode-rows /var/lib/mysql/binlog.[0-9]*",
        ),
        (MYSQL_9, {"left": ""}, ""),
    ],
)
def test_the_command_that_shows_them(
    version: Version, fields: dict[str, Any], expected: str
) -> None:
    assert show(tail(**fields), server(1, False, version)) == expected


NASTY = (
    "'; touch {}; #", "$(touch {})", "`touch {}`", "\ntouch {}\n", "\\\ntouch {}", '"; touch {} "',
    " | touch {}", "\x1b[201~\rtouch {}\r",
)  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("version", [MYSQL_9, MARIADB_10])
def test_who_pastes_the_command_runs_nothing_else(
    tmp_path: Path, version: Version, name: str
) -> None:
    """Whatever a server calls its binary logs and its transactions."""
    evil = name.format(tmp_path / "ran")
    source = server(1, False, version)._replace(binlog=f"/var/lib/mysql/x{evil}")
    command = show(tail(left=f"{A}:7{evil}", after=f"1-1-6{evil}", upto=f"1-1-9{evil}"), source)
    assert command.isprintable()
    programs = "".join(f"{each}() {{ echo $#; }}; " for each in ("mysqlbinlog", "mariadb-binlog"))
    ran = subprocess.run(["bash", "-c", programs + command], capture_output=True, text=True)
    assert ran.stdout == ("5\n" if version.mariadb else "4\n"), ran.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("base", ["--result-file=/etc/cron.d/x", "binlog", "-r/x", "$(id)"])
def test_a_binary_log_without_an_absolute_path_is_no_option(base: str) -> None:
    assert show(tail(), server(1, False)._replace(binlog=base)) == ""


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    what = seen(to_there=tail(channels=(DUPLICATE,)))
    text = as_text(what, findings(what, config()))
    assert text.startswith("needs a decision: it may not come back: APPLIER_ERROR\n")
    assert f"only on this node: 3 transactions\n    {A}:7-9\n" in text
    assert "only on the other node: nothing" in text
    assert "1062: Duplicate entry '25'" in " ".join(text.split())
    long = [line for line in text.splitlines() if len(line) > 80]
    assert long == [f"    {show(what.to_there or tail(), what.here)}"]


def test_text_of_many_gtids_is_short_and_of_control_characters_harmless() -> None:
    listed = tuple(f"{A}:{number}\x1b" for number in range(1000))
    nasty = RejoinFinding("X", DECIDE, "bad \x1b[2J text")
    text = as_text(seen(to_there=tail(listed=listed)), [nasty])
    assert "... and 988 more (--json)" in text
    assert "\x1b" not in text


def test_json_keys() -> None:
    what = seen(to_there=tail(rate=2.55))
    told = json.loads(json.dumps(as_json(what, findings(what, config()))))
    assert (told["status"], told["word"]) == (1, "not yet")
    assert told["only_here"]["transactions"] == 3
    assert told["only_here"]["gtids"] == f"{A}:7-9"
    assert told["only_there"]["gtids"] == ""
    assert told["findings"][0]["code"] == "NOT_CAUGHT_UP"
    away = as_json(seen(**AWAY), [])
    assert (away["other"], away["only_there"], away["trouble"]) == (None, None, "nothing answers")


# --- asking, in the simulated world: node B has come back, A is its peer ----------------------


def returned(version: str) -> World:
    return World(version).but(vip=False, open_mark=None, a__access=OPEN, b__access=CLOSED)


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_nothing_is_missing(version: str) -> None:
    world = returned(version)
    found = compare(world.node)
    assert (found.to_here or tail()).left == (found.to_there or tail()).left == ""
    assert judged(found) == []
    changed = [line for line in world.log if "SET" in line or "START" in line or "mark" in line]
    assert changed == []


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_transactions_of_each_side(version: str) -> None:
    world = returned(version)
    world.a.but(of_b=4, deaf=True, received=4, applied=4)  # it lacks three of B's seven
    found = compare(world.but(a__made=9, b__receiver="No").node)  # and B four of A's nine
    assert found.to_here is not None
    assert found.to_there is not None
    assert (found.to_here.transactions, found.to_there.transactions) == (4, 3)
    mariadb = version == MARIADB
    assert found.to_there.listed == (("2-2-5 to 2-2-7",) if mariadb else (f"{B}:5-7",))
    assert found.to_here.rate == pytest.approx(0.0)
    assert ("RECEIVER_STOPPED", DECIDE) in judged(found)


def test_purged_is_told_only_of_what_was_not_received() -> None:
    world = returned(MYSQL).but(a__made=9, b__receiver="No", b__applier="No", b__received=6)
    found = compare(world.but(a__purged=f"{A}:1-7").node)
    assert found.to_here is not None
    assert (found.to_here.left, found.to_here.purged) == (f"{A}:6-9", f"{A}:7")
    assert ("PURGED", DECIDE) in judged(found)


def test_it_is_watched_while_it_comes() -> None:
    world = returned(MYSQL).but(a__made=1005, b__applies=100.0)
    found = compare(world.node)
    assert found.to_here is not None
    assert 700 < (found.to_here.transactions or 0) < 1000
    assert found.to_here.rate == pytest.approx(100, rel=0.2)
    assert judged(found) == [("NOT_CAUGHT_UP", NOT_YET)]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Unreachable("nothing answers at 10.0.0.1"), "PEER_AWAY"),
        (ServerError(1045, "Access denied"), "PEER_UNKNOWN"),
    ],
)
def test_a_peer_that_cannot_be_asked(trouble: Exception, code: str) -> None:
    found = compare(returned(MYSQL).but(a__trouble=trouble).node)
    assert found.there is None
    assert code in [each for each, _ in judged(found)]
    assert "nothing can be compared" in as_text(found, findings(found, config())).replace("\n ", "")


def test_another_pairs_server_is_not_compared() -> None:
    found = compare(returned(MYSQL).but(b__source_id=7).node)
    assert "a different cluster's data" in found.not_our_pair
    assert (found.to_here, found.to_there) == (None, None)
    assert ("STRANGER", DECIDE) in judged(found)


def test_a_copied_datadir_with_its_auto_cnf() -> None:
    world = returned(MYSQL)
    copied = {**world.a.globals(), "server_uuid": B}
    assert "auto.cnf" in compare(world.but(a__globals=lambda: copied).node).not_our_pair


# --- waiting -------------------------------------------------------------------------------------


class Time:
    """A clock that stands still but for sleep."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("wait", "statuses", "looks", "end"),
    [
        ("0", [NOT_YET], 1, 0.0),
        ("1m", [NOT_YET, NOT_YET, MAY], 3, 10.0),
        ("1m", [NOT_YET, DECIDE], 2, 5.0),
        ("12s", [NOT_YET] * 9, 4, 12.0),
    ],
)
def test_it_is_waited_for_what_passes_and_no_longer_than_asked(
    wait: str,
    statuses: list[int],
    looks: int,
    end: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, left = Time(), list(statuses)
    monkeypatch.setattr(command, "time", clock)
    option_file = tmp_path / "k.cnf"
    option_file.write_text(NEEDED)
    monkeypatch.setattr(command, "_look", lambda *_: (left.pop(0), f"look {len(left)}"))
    asked = [f"--defaults-file={option_file}", f"--wait={wait}"]
    assert command.main(asked) == statuses[looks - 1]
    assert (len(statuses) - len(left), clock.now) == (looks, end)
    assert capsys.readouterr().out == f"look {len(left)}\n"
