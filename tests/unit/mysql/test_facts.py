"""Rows of every supported version become the same facts."""

from __future__ import annotations

import pytest

from kachecks.mysql.errors import Nonsense
from kachecks.mysql.facts import (
    Access,
    Channel,
    Facts,
    Version,
    channels_by_address,
    parse_access,
    parse_channel,
    parse_version,
)
from tests.rows import rows

MYSQL = ("mysql-5.7", "mysql-8.0.21", "mysql-8.0.36", "mysql-8.4", "mysql-9.7")
MARIADB = ("mariadb-10.5", "mariadb-10.11", "mariadb-11.8", "mariadb-12.0")


def channel(server: str, state: str) -> Channel:
    return parse_channel(rows(server, f"replica_status_{state}")[0])


@pytest.mark.parametrize(
    ("text", "mariadb", "number", "spoken"),
    [
        ("5.7.44-log", False, (5, 7, 44), "MySQL 5.7.44"),
        ("8.0.21", False, (8, 0, 21), "MySQL 8.0.21"),
        ("8.0.36-0ubuntu0.22.04.1", False, (8, 0, 36), "MySQL 8.0.36"),
        ("8.0.35-27", False, (8, 0, 35), "MySQL 8.0.35"),  # Percona
        ("9.7.4-1", False, (9, 7, 4), "MySQL 9.7.4"),
        ("5.5.5-10.11.19-MariaDB-0+deb12u1-log", True, (10, 11, 19), "MariaDB 10.11.19"),
        ("5.5.5-10.5.8-MariaDB-1:10.5.8+maria~focal", True, (10, 5, 8), "MariaDB 10.5.8"),
        ("11.8.6-MariaDB-0+deb13u1 from Debian-log", True, (11, 8, 6), "MariaDB 11.8.6"),
        ("12.0.2-MariaDB-ubu2404-log", True, (12, 0, 2), "MariaDB 12.0.2"),
        ("8.4", False, (8, 4, 0), "MySQL 8.4.0"),
    ],
)
def test_version(text: str, mariadb: bool, number: tuple, spoken: str) -> None:
    assert parse_version(text) == Version(mariadb, number)
    assert str(parse_version(text)) == spoken


@pytest.mark.parametrize("text", ["", "mysql_aurora", "SSH-2.0-OpenSSH_9.2", "5.7.mysql_aurora.2"])
def test_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not the version of a MySQL or MariaDB server"):
        parse_version(text)


@pytest.mark.parametrize(
    ("server", "version", "name", "writable", "closed"),
    [
        ("mysql-9.7", "9.7.4", "globals_open", True, False),
        ("mysql-9.7", "9.7.4", "globals_read_only", False, False),  # SUPER still writes
        ("mysql-9.7", "9.7.4", "globals_closed", False, True),
        ("mariadb-10.11", "10.11.19-MariaDB", "globals_open", True, False),
        ("mariadb-10.11", "10.11.19-MariaDB", "globals_closed", False, True),
        ("mariadb-11.8", "11.8.6-MariaDB", "globals_open", True, False),
        ("mariadb-11.8", "11.8.6-MariaDB", "globals_closed", False, True),
        ("mariadb-12.0", "12.0.2-MariaDB", "globals_open", True, False),
        ("mariadb-12.0", "12.0.2-MariaDB", "globals_read_only", False, False),
        ("mariadb-12.0", "12.0.2-MariaDB", "globals_no_lock", False, False),
        ("mariadb-12.0", "12.0.2-MariaDB", "globals_closed", False, True),
    ],
)
def test_access(server: str, version: str, name: str, writable: bool, closed: bool) -> None:
    row = rows(server, name)[0]
    assert parse_access(parse_version(version), row) == Access(writable, closed)


@pytest.mark.parametrize("value", ["1", "ON", "on"])
def test_what_is_not_off_is_not_writable(value: str) -> None:
    for version in (parse_version("12.0.2-MariaDB"), parse_version("10.11.2-MariaDB")):
        assert not parse_access(version, {"read_only": value}).writable


@pytest.mark.parametrize("value", ["2", "anything", "", None])
@pytest.mark.parametrize("version", ["9.7.4", "10.11.2-MariaDB"])
def test_a_word_that_no_server_has_is_neither_open_nor_closed(version: str, value: str) -> None:
    """MariaDB 10.11 would else count as closed by any word."""
    row = {"read_only": value, "super_read_only": "1"}
    with pytest.raises(Nonsense, match="read_only is"):
        parse_access(parse_version(version), row)


@pytest.mark.parametrize("server", [*MYSQL, *MARIADB])
class TestEveryVersion:
    def test_healthy(self, server: str) -> None:
        found = channel(server, "healthy")
        assert (found.name, found.source_host, found.source_port) == ("", "10.0.0.1", 3306)
        assert (found.receiver, found.receiving, found.applier) == ("Yes", True, True)
        assert (found.receiver_errno, found.applier_errno, found.lag_seconds) == (0, 0, 0)
        assert found.gtid

    @pytest.mark.parametrize("said", ["-1", "4294967295", "18446744073709551615", None])
    def test_a_lag_that_is_no_time(self, server: str, said: str | None) -> None:
        (row,) = rows(server, "replica_status_healthy")
        lag = {key: said for key in row if key.startswith("Seconds_Behind")}
        assert parse_channel({**row, **lag}).lag_seconds is None

    @pytest.mark.parametrize(
        ("errno", "turned_away"),
        [(1130, True), (1045, True), (1862, True), (2061, True), (2005, True), (1236, True),
         (3118, True), (4151, True), (3159, True), (1927, False), (3169, False), (4031, False),
         (2003, False), (2013, False), (1040, False), (1203, False), (1053, False), (0, False)],
    )  # fmt: skip
    def test_turned_away(self, server: str, errno: int, turned_away: bool) -> None:
        """The receiver tries again, and its source lives, and says no."""
        found = channel(server, "connecting")._replace(receiver_errno=errno)
        assert found.turned_away == turned_away
        assert not found._replace(receiver="Yes").turned_away

    def test_connecting(self, server: str) -> None:
        found = channel(server, "connecting")
        assert (found.receiver, found.receiving, found.applier) == ("Connecting", False, True)
        assert found.receiver_errno == 2003
        assert "10.0.0.1" in found.receiver_error
        assert found.lag_seconds is None  # unknown, not 0

    def test_receiver_has_given_up(self, server: str) -> None:
        found = channel(server, "receiver_error")
        assert (found.receiver, found.receiving, found.applier) == ("No", False, True)
        assert found.receiver_errno in (1593, 13117)
        assert "Fatal error" in found.receiver_error
        assert found.lag_seconds is None

    def test_applier_has_failed(self, server: str) -> None:
        found = channel(server, "applier_1062")
        assert (found.receiving, found.applier, found.applier_errno) == (True, False, 1062)
        assert found.applier_error
        assert found.lag_seconds is None

    def test_files_instead_of_gtids(self, server: str) -> None:
        assert not channel(server, "by_file").gtid

    def test_not_a_replica(self, server: str) -> None:
        assert rows(server, "replica_status_none") == []

    def test_a_missing_column_is_named(self, server: str) -> None:
        row = rows(server, "replica_status_healthy")[0]
        for column in ("Last_SQL_Errno", "Last_IO_Error"):
            with pytest.raises(KeyError, match=column):
                parse_channel({key: row[key] for key in row if key != column})


@pytest.mark.parametrize("server", MYSQL)
def test_source_of_mysql(server: str) -> None:
    found = channel(server, "healthy")
    assert found.source_id == rows("mysql-9.7", "globals_open")[0]["server_uuid"]
    assert found.received_gtid == f"{found.source_id}:1-2"


@pytest.mark.parametrize("server", MARIADB)
def test_source_of_mariadb(server: str) -> None:
    found = channel(server, "healthy")
    assert found.source_id == "1"
    assert found.received_gtid == "1-1-2"


@pytest.mark.parametrize(
    ("server", "heard"), [*((one, 0) for one in MYSQL), *((one, 3) for one in MARIADB)]
)
def test_heartbeats(server: str, heard: int) -> None:
    """MySQL has them elsewhere (performance_schema), and needs none: see apply_received.py."""
    assert channel(server, "healthy").heartbeats == heard


@pytest.mark.parametrize("server", MARIADB)
def test_heartbeats_of_each_mariadb_are_counted(server: str) -> None:
    row = rows(server, "replica_status_healthy")[0]
    assert parse_channel({**row, "Slave_received_heartbeats": "104711"}).heartbeats == 104711


def test_what_a_server_says_of_itself_is_one_short_line() -> None:
    row = rows("mysql-9.7", "replica_status_healthy")[0]
    said = dict.fromkeys(
        ("Last_IO_Error", "Last_SQL_Error", "Source_Host", "Replicate_Do_DB", "Channel_Name"),
        "a\x1b[2J\nb" + "x" * 5000,
    )
    found = parse_channel({**row, **said})
    assert found.name == said["Channel_Name"]  # statements need it as it is
    texts = (found.receiver_error, found.applier_error, found.source_host, found.label)
    for text in (*texts, *found.filters):
        assert text.isprintable() and len(text) <= 1024


def test_gtid_sets_lose_their_newlines() -> None:
    row = rows("mysql-9.7", "replica_status_healthy")[0]
    one, other = (f"9a387c66-e665-11f1-b3c0-02000a00000{number}" for number in (1, 2))
    found = parse_channel({**row, "Retrieved_Gtid_Set": f"{one}:1-5,\n{other}:1-7"})
    assert found.received_gtid == f"{one}:1-5,{other}:1-7"


@pytest.mark.parametrize(("server", "seen"), [("mysql-9.7", ""), ("mariadb-11.8", "0")])
def test_a_source_that_was_never_seen_has_no_name(server: str, seen: str) -> None:
    row = rows(server, "replica_status_healthy")[0]
    column = "Source_UUID" if "Source_UUID" in row else "Master_Server_Id"
    assert parse_channel({**row, column: seen}).source_id == ""


@pytest.mark.parametrize("server", ["mysql-9.7", "mariadb-10.11", "mariadb-11.8"])
def test_two_channels(server: str) -> None:
    both = tuple(parse_channel(row) for row in rows(server, "replica_status_two_channels"))
    assert [(one.name, one.source_host, one.receiver) for one in both] == [
        ("", "10.0.0.1", "Yes"),
        ("other", "elsewhere.example", "No"),
    ]
    assert channels_by_address(both, "10.0.0.1") == both[:1]
    # A source may be named by its host name: then none can be left out.
    assert channels_by_address(both, "10.0.0.7") == both
    assert channels_by_address((), "10.0.0.1") == ()


def test_identity_is_what_others_call_a_server() -> None:
    facts = Facts(parse_version("8.4.3"), 2, "9a39d64d", False, True, ())
    assert facts.identity == "9a39d64d"
    assert facts._replace(server_uuid="").identity == "2"
