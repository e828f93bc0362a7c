"""What messages name exists: files, and statements that the server at hand knows."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from kachecks.mysql import errors
from kachecks.mysql.facts import Version, in_words_of


def test_the_grants_are_where_messages_say() -> None:
    files = Path(errors.grants_files())
    assert len(list(files.parent.glob(files.name))) == 3


@pytest.mark.parametrize("number", [errno.ELOOP, errno.ENOTDIR])
def test_a_socket_to_which_no_way_leads(number: int) -> None:
    """Nothing is known of the server by that."""
    error = errors.not_connected(number, "/s", "no way", local=True)
    assert isinstance(error, errors.DriverError)
    told = "cannot connect to /s: no way; mend that path, or correct socket in [client]"
    assert str(error) == told


def test_the_grants_of_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """packages/make.py puts them there."""
    home = "/opt/kachecks/versions/0.2.0-1/lib/python3.11/site-packages/kachecks"
    monkeypatch.setattr(errors, "__file__", f"{home}/mysql/errors.py")
    assert errors.grants_files() == "/usr/share/doc/kachecks/keepalived-snippets/grants.*.sql"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (Version(False, (8, 4, 0)), "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1"),
        (Version(False, (5, 7, 44)), "CHANGE MASTER TO MASTER_AUTO_POSITION = 1"),
        (Version(False, (8, 0, 21)), "CHANGE MASTER TO MASTER_AUTO_POSITION = 1"),
        (Version(True, (12, 0, 2)), "CHANGE MASTER TO MASTER_USE_GTID = slave_pos"),
    ],
)
def test_statements(version: Version, said: str) -> None:
    new = "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1"
    assert in_words_of(version, new) == said


def test_privileges_keep_their_names() -> None:
    grant = "GRANT REPLICATION SLAVE, START REPLICA SQL_THREAD"
    old = in_words_of(Version(True, (10, 11, 0)), grant)
    assert old == "GRANT REPLICATION SLAVE, START SLAVE SQL_THREAD"
