"""Answers that no server gives: a peer that is hostile, something else at its address, a broken
proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kachecks.mysql.facts import Row
from tests.unit.doubles.simulated_server import Server
from tests.unit.doubles.simulation import World

Way = Callable[[list[Row]], list[Row]]


def _each(change: Callable[[str], str | None]) -> Way:
    """Of every value; NULL counts as 0."""
    return lambda rows: [
        {name: change("0" if value is None else value) for name, value in row.items()}
        for row in rows or [{"x": "0"}]
    ]


WAYS: dict[str, Way] = {
    "no rows": lambda _: [],
    "other columns": lambda rows: [{"x": "1"} for _ in rows or "1"],
    "more rows": lambda rows: [*rows, {"x": "1"}],
    "NULL": _each(lambda _: None),
    "nothing": _each(lambda _: ""),
    "text": _each(lambda _: "abc"),
    "huge": _each(lambda _: "9" * 30),
    "too long for int": _each(lambda _: "9" * 5000),
    "infinite": _each(lambda _: "inf"),
    "negative": _each(lambda _: "-1"),
    "digits of another script": _each(lambda _: "²٣"),
    "quote": _each(lambda value: f"{value}'"),
    "backslash": _each(lambda value: f"{value}\\"),
    "control": _each(lambda value: f"\0\x1b[31m{value}\n"),
    "no UTF-8": _each(lambda value: f"{value}\ufffd"),
    "GTIDs of another family": _each(lambda _: "1-2-x,,:-"),
    "a megabyte": _each(lambda value: value + "x" * 2**20),
}


def listen(world: World) -> list[tuple[str, str]]:
    """Collects what is sent to whom: a server's name, and a statement that it answers."""
    sent: list[tuple[str, str]] = []

    def hears(server: Server) -> Callable[[str, list[Row]], list[Row]]:
        def hear(sql: str, rows: list[Row]) -> list[Row]:
            if sql.startswith(("SELECT", "SHOW", "XA", "SET STATEMENT")):
                sent.append((server.name, sql))
            return rows

        return hear

    for server in (world.a, world.b):
        server.spoiled = hears(server)
    return sent


def spoil(world: World, name: str, sql: str, way: Way) -> World:
    """That server answers this statement so, each time. A position, or a lock, has other
    numbers in it each time."""
    server = world.a if world.a.name == name else world.b
    begin = sql.partition("'")[0]
    server.spoiled = lambda asked, rows: way(rows) if asked.startswith(begin) else rows
    return world


def broken(
    make: Callable[[], World], do: Callable[[World], object], way: Way
) -> Iterator[tuple[World, str]]:
    """A world for each statement that ``do`` sends, in which its answer is broken."""
    whole = make()
    sent = listen(whole)
    do(whole)
    assert sent
    for name, sql in dict.fromkeys((name, sql.partition("'")[0]) for name, sql in sent):
        yield spoil(make(), name, sql, way), f"{name}: {sql}"
