"""How rows are read: what no server sends is told as an error of the server's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kachecks.mysql import queries
from kachecks.mysql.errors import UNASKABLE, BrokenAnswer, NoAnswer, Nonsense, word_for
from kachecks.mysql.facts import Row, Version, gtids_of, is_on, number_of, uuid_of
from kachecks.mysql.session import ask

UUID = "9a387c66-e665-11f1-b3c0-02000a000001"


class Answering:
    """A session with a server that always sends the same."""

    address = "10.0.0.1 port 3306"

    def __init__(self, *rows: Row, error: Exception | None = None) -> None:
        self._rows, self._error = list(rows), error

    def query(self, _sql: str, _timeout: float) -> list[Row]:
        if self._error:
            raise self._error
        return self._rows


def asked(session: Any, read: Callable[[list[Row]], object], sql: str = "SELECT 1") -> object:
    return ask(session, sql, 1.0, read)


def test_an_answer() -> None:
    assert asked(Answering({"a": "5"}), lambda rows: number_of(rows[0], "a")) == 5


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (lambda rows: rows[1], "no row"),
        (lambda rows: rows[0]["b"], "no column b"),
        (lambda rows: number_of(rows[0], "a"), "a is no number"),
        (lambda rows: number_of(rows[0], "null"), "null is NULL"),
        (lambda rows: int(rows[0]["a"] or ""), "unexpected ValueError"),
        (lambda rows: rows[0]["null"] + "x", "unexpected TypeError"),
        (lambda rows: rows[0]["null"].lower(), "unexpected AttributeError"),
        (lambda rows: int(float(rows[0]["inf"] or "")), "unexpected OverflowError"),
    ],
)
def test_a_broken_answer(read: Callable[[list[Row]], object], why: str) -> None:
    """It names server, statement and column, and shows nothing of what was sent."""
    with pytest.raises(BrokenAnswer) as caught:
        asked(Answering({"a": "SECRET", "null": None, "inf": "inf"}), read)
    assert str(caught.value) == (
        f"10.0.0.1 port 3306 gave a broken answer to SELECT 1: {why}; check what listens there"
    )
    assert caught.value.errno == 0
    assert word_for(caught.value) == UNASKABLE


def test_a_long_statement_is_cut() -> None:
    with pytest.raises(BrokenAnswer, match=r"to SELECT x{57}\.\.\.: no row"):
        asked(Answering(), lambda rows: rows[0], "SELECT " + "x" * 2**20)


@pytest.mark.parametrize("error", [NoAnswer("mute"), MemoryError(), KeyboardInterrupt()])
def test_other_errors_are_left_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)):
        asked(Answering(error=error), len)


# One value ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("18446744073709551615", 2**64 - 1), ("-1", -1)]
)
def test_a_number(text: str, number: int) -> None:
    assert number_of({"n": text}, "n") == number


@pytest.mark.parametrize(
    "text",
    ["", "-", "--1", "1.5", " 1", "1_0", "²", "٣", "abc", "1'", "inf", "9" * 21, "9" * 5000, None],
)
def test_no_number(text: str | None) -> None:
    with pytest.raises(Nonsense, match=r"^n is (no number|NULL)$"):
        number_of({"n": text}, "n")


@pytest.mark.parametrize(("word", "on"), [("1", True), ("on", True), ("0", False), ("OFF", False)])
def test_a_switch(word: str, on: bool) -> None:
    assert is_on({"s": word}, "s") == on


@pytest.mark.parametrize("word", ["", "2", "yes", "ON\0", None])
def test_no_switch(word: str | None) -> None:
    with pytest.raises(Nonsense, match=r"^s is (neither ON nor OFF|NULL)$"):
        is_on({"s": word}, "s")


@pytest.mark.parametrize(
    "text", ["", "abc", UUID + "'", UUID[:-1] + "\n", UUID.replace("9", "g"), UUID[1:], None]
)
def test_no_uuid(text: str | None) -> None:
    assert uuid_of({"u": UUID.upper()}, "u") == UUID.upper()
    with pytest.raises(Nonsense, match=r"^u is (no UUID|NULL)$"):
        uuid_of({"u": text}, "u")


@pytest.mark.parametrize(
    ("text", "mariadb"),
    [
        ("", False),
        (f"{UUID}:1-5", False),
        (f"{UUID}:1-5:7:11-18,\n{UUID.upper()}:3", False),
        (f"{UUID}:1-3:tag_1:1-5:_x:7", False),  # 8.3 and later
        (f"{UUID}:1, {UUID}:2", False),
        ("", True),
        ("0-1-5", True),
        ("0-1-5,4294967295-2-18446744073709551615", True),
    ],
)
def test_gtids(text: str, mariadb: bool) -> None:
    """Marks keep them between spaces."""
    assert gtids_of({"g": text}, "g", mariadb) == text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(
    ("text", "mariadb"),
    [
        ("abc", False),
        (UUID, False),
        (f"{UUID}:", False),
        (f"{UUID}:0", False),  # this one and the next four: 1772 from MySQL 9.7
        (f"{UUID}:1-9223372036854775807", False),
        (f"{UUID}:99999999999999999999", False),
        (f"{UUID}:{'t' * 33}:1-3", False),
        (f"{UUID}:1-3:tag", False),
        (f"{UUID}:one:two:1", False),
        (f"{UUID}:5-3", False),
        ("0-1-18446744073709551616", True),
        ("4294967296-1-1", True),
        ("0-4294967296-1", True),
        (f"{UUID}:1-", False),
        (f"{UUID}:1-2-3", False),
        (f"{UUID}:1'", False),
        (f"{UUID}:1') OR GET_LOCK('", False),
        (f"{UUID}:T", False),
        ("0-1-5", False),
        (None, False),
        (f"{UUID}:1-5", True),
        ("0-1", True),
        ("0-1-x", True),
        ("0-1-" + "9" * 30, True),
        ("0-1-5\0", True),
        (None, True),
    ],
)
def test_no_gtids(text: str | None, mariadb: bool) -> None:
    with pytest.raises(Nonsense, match=r"^g (holds no GTIDs|is NULL)$"):
        gtids_of({"g": text}, "g", mariadb)


# What goes into SQL again -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "quoted"),
    [
        ("two", "'two'"),
        ("it's", "'it''s'"),
        ("\\", "'\\\\'"),
        ("\\'; DROP", "'\\\\''; DROP'"),  # ends under no sql_mode
    ],
)
def test_no_channel_ends_its_string(channel: str, quoted: str) -> None:
    mysql, mariadb = Version(False, (9, 7, 4)), Version(True, (10, 11, 19))
    assert queries.start_applier(mysql, channel) == f"START REPLICA SQL_THREAD FOR CHANNEL {quoted}"
    assert queries.start_applier(mariadb, channel) == f"START SLAVE {quoted} SQL_THREAD"


@pytest.mark.parametrize("make", [queries.switch_on, queries.switch_off, queries.kill])
def test_what_is_no_switch_and_no_connection_is_not_sent(make: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match=r"switch of semi-sync|int"):
        make("read_only = 0 -- ")


def test_a_set_that_is_too_long() -> None:
    """It would have to be parsed, and kept, at every look."""
    text = ",".join([f"{UUID}:1"] * 10_000)
    with pytest.raises(Nonsense, match=r"g has 389999 characters, 262144 are the most"):
        gtids_of({"g": text}, "g", mariadb=False)
