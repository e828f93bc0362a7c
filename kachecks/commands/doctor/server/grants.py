"""What our accounts may do, and what they must be able to do: SHOW GRANTS as values. Pure.

What each privilege allows was measured one by one on MySQL 9.7 and MariaDB 10.11. For other
versions it is taken from the manuals (MySQL, "Privileges Provided by MySQL"; MariaDB, "GRANT").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kachecks.mysql.facts import Version

EVERYTHING = "*.*"
VIEW, FUNCTION, OURS = "kachecks.read_only_exempt", "kachecks.idle_events", "kachecks.*"
_ALL = frozenset({"ALL", "ALL PRIVILEGES"})
_NONE = frozenset({"USAGE"})


class Grant(NamedTuple):
    """One row of SHOW GRANTS; a role that is granted has no privileges here."""

    privileges: frozenset[str]
    on: str  # *.*, database.*, database.table; "" for a role
    grant_option: bool = False
    role: str = ""
    public: bool = False  # MariaDB 10.11 and later: to PUBLIC, that is to every account


class Need(NamedTuple):
    """Something that kachecks does with an account, and the privileges that each allow it."""

    purpose: str
    any_of: tuple[str, ...]  # the first is the one that the grants files give


COUNT_PREPARED = Need("count prepared XA transactions", ("XA_RECOVER_ADMIN",))
"""MySQL 8 and later. Without it everything else works."""

START = "start the replication threads"
"""No node does that on the other one's server. Who may do it may also make that server a replica of
one of his own, and so write whatever he likes: an account that is let in over the network gets no
such privilege where the version has one apart from the others."""


def parse_grants(rows: Iterable[str]) -> tuple[Grant, ...]:
    """The rows of SHOW GRANTS. Hashes of passwords (MariaDB) are not kept."""
    return tuple(grant for grant in map(_parse, rows) if grant is not None)


def _parse(text: str) -> Grant | None:
    if not text.upper().startswith("GRANT "):
        return None  # SET DEFAULT ROLE, REVOKE: partial revokes take nothing that we need
    words = _tokens(text[len("GRANT ") :])
    upper = [word.upper() for word in words]
    if "TO" not in upper:
        return None
    to = upper.index("TO")
    grant_option = upper[-3:] == ["WITH", "GRANT", "OPTION"]
    if "ON" not in upper[:to]:
        return Grant(frozenset(), "", grant_option, _plain("".join(words[:to])))
    on = upper.index("ON")
    where = words[on + 1 : to]
    if where and where[0].upper() in ("TABLE", "FUNCTION", "PROCEDURE", "PACKAGE"):
        where = where[1:]
    listed = " ".join(words[:on]).upper()
    names = re.sub(r"\([^)]*\)", "", listed).split(",")  # SELECT (column, column)
    privileges = frozenset(re.sub(r"\bREPLICA\b", "SLAVE", " ".join(n.split())) for n in names)
    public = upper[to + 1 : to + 2] == ["PUBLIC"]
    return Grant(privileges, _plain("".join(where)), grant_option, public=public)


def _tokens(text: str) -> list[str]:
    """Split into words. Text in quotes or backticks is one word together with what touches it."""
    return re.findall(r"(?:`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|[^\s`'\"])+", text)


def _plain(name: str) -> str:
    return name.replace("`", "").replace("'", "").replace('"', "")


def needs(version: Version, at_peer: bool) -> tuple[Need, ...]:
    """What our account on a server of this version must be able to do.

    Args:
        at_peer: it lets the other node in.
    """
    found = _mariadb(version) if version.mariadb else _mysql(version)
    return tuple(need for need in found if not (at_peer and need.purpose == START))


def _mariadb(version: Version) -> tuple[Need, ...]:
    super_closes = () if version.number >= (10, 11, 0) else ("SUPER",)
    return (
        Need("see the state of replication", ("SLAVE MONITOR", "SUPER")),
        Need("see whose connections to cut", ("PROCESS",)),
        Need("cut connections", ("CONNECTION ADMIN", "SUPER")),
        Need("close and open the server", ("READ_ONLY ADMIN", *super_closes)),
        Need(START, ("REPLICATION SLAVE ADMIN", "SUPER")),
    )


def _mysql(version: Version) -> tuple[Need, ...]:
    if version.number < (8, 0, 0):
        return (
            Need("see the state of replication", ("REPLICATION CLIENT", "SUPER")),
            Need("see whose connections to cut", ("PROCESS",)),
            Need("close and open the server, cut connections, start replication", ("SUPER",)),
        )
    system_user = (Need("cut connections of root, too", ("SYSTEM_USER",)),)
    return (
        Need("see the state of replication", ("REPLICATION CLIENT", "SUPER")),
        Need("see whose connections to cut", ("PROCESS",)),
        Need("close and open the server", ("SYSTEM_VARIABLES_ADMIN", "SUPER")),
        Need("cut connections", ("CONNECTION_ADMIN", "SUPER")),
        Need(START, ("REPLICATION_SLAVE_ADMIN", "SUPER")),
        COUNT_PREPARED,
        *(system_user if version.number >= (8, 0, 16) else ()),
    )


def lacking(version: Version, grants: Sequence[Grant], at_peer: bool) -> tuple[Need, ...]:
    """The needs that no grant covers."""
    held = _global(grants)
    if held & _ALL:
        return ()
    return tuple(need for need in needs(version, at_peer) if not held.intersection(need.any_of))


def beyond(version: Version, grants: Sequence[Grant], at_peer: bool) -> tuple[str, ...]:
    """What the account may do beyond our needs, in the form in which it would be revoked: "SELECT
    ON app.*".

    5.7 needs SUPER; other versions have finer privileges. To read performance_schema, or the
    position of the binary log, does no harm.
    """
    allowed = {need.any_of[0] for need in needs(version, at_peer)} | _NONE
    allowed |= {"REPLICATION CLIENT", "BINLOG MONITOR"}
    found = []
    for grant in grants:
        if grant.role:
            continue
        if grant.on == EVERYTHING:
            more = grant.privileges - allowed
        elif grant.on == VIEW or grant.on.startswith("performance_schema."):
            more = grant.privileges - {"SELECT", *_NONE}
        elif grant.on in (FUNCTION, OURS):
            more = grant.privileges - {"EXECUTE", *_NONE}
        else:
            more = grant.privileges - _NONE
        if grant.grant_option and grant.privileges - {"PROXY"}:
            more |= {"GRANT OPTION"}
        if more:
            found.append(f"{', '.join(sorted(more))} ON {grant.on}")
    return tuple(found)


def of_everybody(grants: Sequence[Grant]) -> frozenset[str]:
    """Privileges on everything that PUBLIC has."""
    return _global([grant for grant in grants if grant.public])


def inactive_roles(grants: Sequence[Grant]) -> tuple[str, ...]:
    """Roles granted to the account: one that is not active gives it nothing."""
    return tuple(grant.role for grant in grants if grant.role)


def _global(grants: Sequence[Grant]) -> frozenset[str]:
    return frozenset().union(*(grant.privileges for grant in grants if grant.on == EVERYTHING))
