"""SHOW GRANTS as values, and what each version needs."""

from __future__ import annotations

import re

import pytest

from kachecks.commands.doctor.server.grants import (
    EVERYTHING,
    beyond,
    inactive_roles,
    lacking,
    needs,
    of_everybody,
    parse_grants,
)
from kachecks.mysql.facts import Version
from tests.lab.pairs.snippets import SNIPPETS

SNIPPET = {
    "grants.mysql57.sql": Version(False, (5, 7, 44)),
    "grants.mysql8.sql": Version(False, (8, 4, 3)),
    "grants.mariadb.sql": Version(True, (10, 11, 6)),
}


def lacks(version: Version, *rows: str) -> list[str]:
    found = lacking(version, parse_grants(rows), at_peer=False)
    return [need.any_of[0] for need in found]


@pytest.mark.parametrize("at_peer", [False, True])
@pytest.mark.parametrize(("file", "version"), SNIPPET.items())
def test_the_grants_files_give_exactly_what_is_needed(
    file: str, version: Version, at_peer: bool
) -> None:
    text = re.sub(r"--.*", "", (SNIPPETS / file).read_text())
    account = "NODE1_ADDRESS" if at_peer else "localhost"
    every = (" ".join(row.split()) for row in re.findall(r"GRANT[^;]*", text))
    grants = parse_grants(row for row in every if account in row)
    assert lacking(version, grants, at_peer) == ()
    assert beyond(version, grants, at_peer) == ()
    for need in needs(version, at_peer):  # and each of them is needed
        without = [
            grant._replace(privileges=grant.privileges - set(need.any_of)) for grant in grants
        ]
        assert need in lacking(version, without, at_peer)


@pytest.mark.parametrize("file", SNIPPET)
def test_the_password_for_the_network_is_another_one(file: str) -> None:
    text = (SNIPPETS / file).read_text()
    for host, password in re.findall(r"kachecks@'(\S+)' +IDENTIFIED BY '(\S+?)'", text):
        assert password == ("LOCAL_PASSWORD" if host == "localhost" else "PEER_PASSWORD")


def test_who_comes_over_the_network_cannot_make_the_server_a_replica_of_his_own() -> None:
    row = "GRANT REPLICATION_SLAVE_ADMIN, PROCESS ON *.* TO `k`@`10.0.0.2`"
    grants = parse_grants([row])
    version = Version(False, (8, 4, 3))
    assert beyond(version, grants, at_peer=True) == ("REPLICATION_SLAVE_ADMIN ON *.*",)
    assert beyond(version, grants, at_peer=False) == ()


@pytest.mark.parametrize(
    ("version", "rows", "expected"),
    [
        (Version(True, (10, 11, 6)), ["GRANT ALL PRIVILEGES ON *.* TO `k`@`h`"], []),
        (Version(False, (5, 7, 44)), ["GRANT ALL PRIVILEGES ON *.* TO 'k'@'h'"], []),
        (  # SUPER closes a MariaDB only before 10.11
            Version(True, (10, 6, 1)), ["GRANT SUPER, PROCESS ON *.* TO `k`@`h`"], [],
        ),
        (
            Version(True, (10, 11, 6)),
            ["GRANT SUPER, PROCESS ON *.* TO `k`@`h`"],
            ["READ_ONLY ADMIN"],
        ),
        (  # a privilege on a database is none on the server
            Version(False, (5, 7, 44)),
            ["GRANT SUPER ON *.* TO 'k'@'h'", "GRANT PROCESS ON `a`.* TO 'k'@'h'"],
            ["PROCESS"],
        ),
        (
            Version(False, (8, 0, 15)),  # SYSTEM_USER came with 8.0.16
            ["GRANT SUPER, PROCESS ON *.* TO `k`@`h`"],
            ["XA_RECOVER_ADMIN"],  # SUPER does not do (9.7)
        ),
        (
            Version(False, (8, 0, 16)),
            ["GRANT SUPER, PROCESS, XA_RECOVER_ADMIN ON *.* TO `k`@`h`"],
            ["SYSTEM_USER"],
        ),
        (
            Version(True, (10, 11, 6)),  # the other spelling of the same
            [
                "GRANT PROCESS, CONNECTION ADMIN, READ_ONLY ADMIN, REPLICATION REPLICA ADMIN,"
                " REPLICA MONITOR ON *.* TO `k`@`h`"
            ],
            [],
        ),
    ],
)  # fmt: skip
def test_what_is_lacking(version: Version, rows: list[str], expected: list[str]) -> None:
    assert lacks(version, *rows) == expected


def test_what_an_active_role_gives_counts() -> None:
    """Both families show an active role's privileges in rows of their own."""
    rows = [
        "GRANT `checks` TO `k`@`h`",
        "GRANT USAGE ON *.* TO `k`@`h`",
        "GRANT SLAVE MONITOR, PROCESS, CONNECTION ADMIN, READ_ONLY ADMIN,"
        " REPLICATION SLAVE ADMIN ON *.* TO `checks`",
        "SET DEFAULT ROLE `checks` FOR `k`@`h`",
    ]
    grants = parse_grants(rows)
    assert lacking(Version(True, (10, 11, 6)), grants, at_peer=False) == ()
    assert beyond(Version(True, (10, 11, 6)), grants, at_peer=False) == ()
    assert inactive_roles(grants) == ("checks",)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("GRANT SELECT, INSERT ON `shop`.* TO `k`@`h`", ("INSERT, SELECT ON shop.*",)),
        ("GRANT SELECT (`a`, `b`) ON `x ON y`.`t TO` TO `k`@`h`", ("SELECT ON x ON y.t TO",)),
        ("GRANT FILE ON *.* TO `k`@`h`", ("FILE ON *.*",)),
        ("GRANT PROCESS ON *.* TO `k`@`h` WITH GRANT OPTION", ("GRANT OPTION ON *.*",)),
        ("GRANT EXECUTE ON PROCEDURE `s`.`p` TO `k`@`h`", ("EXECUTE ON s.p",)),
        ("GRANT EXECUTE ON FUNCTION `kachecks`.`idle_events` TO `k`@`h`", ()),
        ("GRANT EXECUTE, DROP ON `kachecks`.* TO `k`@`h`", ("DROP ON kachecks.*",)),
        ("GRANT SELECT ON `performance_schema`.* TO `k`@`h`", ()),
        ("GRANT USAGE ON *.* TO `k`@`h` REQUIRE SSL", ()),
        ("REVOKE SELECT ON `mysql`.* FROM `k`@`h`", ()),
    ],
)
def test_what_is_beyond(row: str, expected: tuple[str, ...]) -> None:
    assert beyond(Version(False, (8, 4, 3)), parse_grants([row]), at_peer=False) == expected


def test_what_everybody_may() -> None:
    """As MariaDB 10.11 shows it to any account; an account may be called so, too."""
    rows = [
        "GRANT PROCESS ON *.* TO `k`@`h`",
        "GRANT CONNECTION ADMIN ON *.* TO `PUBLIC`@`h`",
        "GRANT READ_ONLY ADMIN ON *.* TO PUBLIC",
        "GRANT SELECT ON `test`.* TO PUBLIC",
    ]
    assert of_everybody(parse_grants(rows)) == {"READ_ONLY ADMIN"}


def test_no_hash_is_kept() -> None:
    row = "GRANT PROCESS ON *.* TO `k`@`h` IDENTIFIED BY PASSWORD '*9FB17' WITH GRANT OPTION"
    (grant,) = parse_grants([row])
    assert (grant.privileges, grant.on, grant.grant_option) == ({"PROCESS"}, EVERYTHING, True)
    assert "9FB17" not in repr(grant)
