"""Where a member stands, by what it answers, and what the lab gives its nodes."""

from __future__ import annotations

import pytest

from tests.lab.clusters.engine import Engine, Standing
from tests.lab.clusters.engines import ALL_ENGINES, GALERA, GROUP_REPLICATION
from tests.lab.clusters.suite import SIZE, SUITES, confs
from tests.lab.records.record import CLOSED, NO_QUORUM, OPEN

NOTHING = (False, False)
"""Neither a quorum nor writes."""


@pytest.mark.parametrize(
    ("row", "standing", "access"),
    [
        (("Synced", "3", "Primary", "ON", 0), ("Synced", 3, True, True), OPEN),
        (("Synced", "3", "Primary", "ON", 1), ("Synced", 3, True, False), CLOSED),
        (("Joiner", "3", "Primary", "OFF", 0), ("Joiner", 3, True, False), CLOSED),
        (
            ("Initialized", "1", "non-Primary", "OFF", 0),
            ("Initialized", 1, False, False),
            NO_QUORUM,
        ),
        ((None, None, None, None, 0), ("", 0, False, False), NO_QUORUM),
    ],
)
def test_galera(row: tuple[object, ...], standing: tuple[object, ...], access: str) -> None:
    found = GALERA.standing(row)
    assert found == Standing(*standing)  # type: ignore[arg-type]
    assert (found.access, GALERA.look.state([_text(value) for value in row])) == (access, access)


@pytest.mark.parametrize(
    ("row", "standing", "access"),
    [
        (("ONLINE", 3, 3, "PRIMARY", 0), ("ONLINE", 3, True, True), OPEN),
        (("ONLINE", 3, 3, "SECONDARY", 1), ("ONLINE", 3, True, False), CLOSED),
        (("RECOVERING", 3, 3, "SECONDARY", 1), ("RECOVERING", 3, True, False), CLOSED),
        (("ONLINE", 2, 3, "PRIMARY", 0), ("ONLINE", 2, True, True), OPEN),
        (("ONLINE", 1, 3, "PRIMARY", 0), ("ONLINE", 1, False, False), NO_QUORUM),
        (("ONLINE", 1, 2, "PRIMARY", 0), ("ONLINE", 1, False, False), NO_QUORUM),
        (("ERROR", 0, 1, "", 1), ("ERROR", 0, False, False), NO_QUORUM),
        (("OFFLINE", 0, 1, "", 1), ("OFFLINE", 0, False, False), NO_QUORUM),
    ],
)
def test_group_replication(
    row: tuple[object, ...], standing: tuple[object, ...], access: str
) -> None:
    found = GROUP_REPLICATION.standing(row)
    assert found == Standing(*standing)  # type: ignore[arg-type]
    told = [_text(value) for value in row]
    assert (found.access, GROUP_REPLICATION.look.state(told)) == (access, access)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def test_each_node_has_a_priority_of_its_own() -> None:
    found = [
        [line.split()[1] for line in conf.splitlines() if line.split()[:1] == ["priority"]]
        for conf in confs()
    ]
    assert found == [["250"], ["249"], ["248"]]
    assert len({conf.partition("\n    router_id ")[2].split()[0] for conf in confs()}) == SIZE


@pytest.mark.parametrize("engine", ALL_ENGINES.values(), ids=ALL_ENGINES)
def test_the_stand_in_has_what_its_configuration_names(engine: Engine) -> None:
    suite = SUITES["standin"](engine)
    assert suite.directory is not None
    named = {
        word.strip('"').rpartition("/")[2]
        for conf in suite.keepalived_conf
        for line in conf.splitlines()
        for word in line.partition("#")[0].split()
        if word.startswith('"/opt/kachecks/bin/')
    }
    assert named == {file.name for file in (suite.directory / "bin").iterdir()}
