"""doctor on how a server starts: it must start closed, and replicate. Rules over facts, pure.

What counts is what the server will read at its next start, not its present state, which promotion
and demotion change. The later ones win: option files, the command line, mysqld-auto.cnf.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kachecks.commands.doctor.rule import FAILURE, HERE, WARNING, Found, Table, not_checked, row
from kachecks.commands.doctor.server.facts import ServerFacts, is_on

_AUTO_FILE = "mysqld-auto.cnf"

_CLOSED = (
    "set read_only = ON, on MySQL also super_read_only = ON, in [mysqld] of my.cnf on both nodes"
)
_KEPT = {  # the defaults of MySQL 8.0 to 9.7 and of MariaDB
    "server_id": ("1", "1"),
    "auto_increment_increment": ("1", "1"),
    "auto_increment_offset": ("1", "1"),
    "gtid_domain_id": ("", "0"),
    "gtid_strict_mode": ("", "OFF"),
    "gtid_mode": ("OFF", ""),
    "enforce_gtid_consistency": ("OFF", ""),
    "binlog_format": ("ROW", "MIXED"),
    "sync_binlog": ("1", "0"),
    "innodb_flush_log_at_trx_commit": ("1", "1"),
    "max_connections": ("151", "151"),
}
"""Settings of LOST_AT_RESTART: statements can change them, and kachecks itself never does. MySQL
also says that a value was set by a statement when some session has only changed it for itself
(measured on 9.7). So what counts is whether the next start brings another value.
"""


class _AtBoot(NamedTuple):
    """What a variable will be after the next start."""

    value: str | None  # None: cannot be told
    where: str = ""  # FILE:LINE; "" where nothing sets it


def _at_boot(server: ServerFacts, name: str) -> _AtBoot:
    """The value of a switch whose default is OFF."""
    if name in server.persisted:
        return _AtBoot(server.persisted[name], _AUTO_FILE)
    if server.options is not None:
        return _in_options(server, name)
    origin = server.came_from(name)
    if origin.kind == "default":
        return _AtBoot("OFF")
    if origin.kind in ("statement", "unknown") or _changed_by_its_twin(server, name):
        return _AtBoot(None)
    return _AtBoot(server.value(name), origin.path or origin.kind)


def _in_options(server: ServerFacts, name: str) -> _AtBoot:
    for option in reversed(server.options or ()):
        if option.name == name:
            return _AtBoot("ON" if option.value is None else option.value, option.where)
        if option.name in (f"skip_{name}", f"disable_{name}"):
            return _AtBoot("OFF", option.where)
        if option.name == f"enable_{name}":
            return _AtBoot("ON", option.where)
    return _AtBoot("OFF")


def _changed_by_its_twin(server: ServerFacts, name: str) -> bool:
    """MySQL: SET GLOBAL read_only = 0 clears super_read_only, and super_read_only = 1 sets
    read_only; the origin of the one that follows goes on naming the file (measured on 9.7)."""
    on = is_on(server.value(name) or "")
    if name == "super_read_only":
        return not on and server.came_from("read_only").kind == "statement"
    if name == "read_only" and not server.version.mariadb:
        return on and server.came_from("super_read_only").kind == "statement"
    return False


def _closes(value: str) -> bool:
    """Whether it closes the server to ordinary accounts. On MariaDB 12 it is a word, and all words
    but OFF do."""
    return value.upper() not in ("", "0", "OFF", "FALSE", "NO")


def _starts_closed(server: ServerFacts) -> Iterator[Found]:
    names = ["read_only"] if server.version.mariadb else ["super_read_only", "read_only"]
    starts = {name: _at_boot(server, name) for name in names}
    if any(_closes(start.value or "") for start in starts.values()):
        return
    if any(start.value is None for start in starts.values()):
        yield _unknown(server, "read_only")
        return
    start = starts["read_only"]
    auto = [name for name, each in starts.items() if each.where == _AUTO_FILE]
    said = f"read_only is {start.value}" if start.where else "no option file sets read_only"
    reset = " and ".join(f"RESET PERSIST {name}" for name in auto)
    cure = f"{reset}, as {_AUTO_FILE} overrides my.cnf; {_CLOSED}" if auto else ""
    yield Found(f"the server starts open: {said}", start.where, cure)


def _starts_closed_for_admins(server: ServerFacts) -> Iterator[Found]:
    """Says nothing where the server starts open, since the other rule says that."""
    if server.version.mariadb and server.version.number < (12, 0, 0):
        return  # it has nothing stronger
    ordinary = _at_boot(server, "read_only")
    if server.version.mariadb:
        value = (ordinary.value or "").upper()
        if ordinary.value is not None and _closes(value) and value not in ("NO_LOCK_NO_ADMIN", "3"):
            yield Found(f"read_only will be {ordinary.value}", ordinary.where)
        return
    strong = _at_boot(server, "super_read_only")
    if strong.value is not None and not _closes(strong.value) and _closes(ordinary.value or ""):
        said = "is OFF" if strong.where else "is not set"
        where = strong.where or ordinary.where
        yield Found(f"read_only is set, super_read_only {said}", where)


def _starts_replication(server: ServerFacts) -> Iterator[Found]:
    """MySQL before 8.0.24 and MariaDB have no variable that tells."""
    names = ("skip_replica_start", "skip_slave_start")
    starts = [_at_boot(server, name) for name in names]
    for name, start in zip(names, starts):
        if start.value is not None and _closes(start.value):
            yield Found(f"{name} is set", start.where)
            return
    if server.options is None and server.name_of(*names) is None and server.node == HERE:
        yield _unknown(server, "skip_slave_start")


def _survives_restart(server: ServerFacts) -> Iterator[Found]:
    if server.options is None:
        return
    written = {option.name: option.value or "ON" for option in server.options}
    for name, defaults in _KEPT.items():
        value = server.variables.get(name)
        if value is None or server.came_from(name).kind != "statement":
            continue
        later = server.persisted.get(name, written.get(name))
        if _plain(value) != _plain(defaults[server.version.mariadb] if later is None else later):
            said = "it is not in my.cnf" if later is None else f"my.cnf has {later}"
            yield Found(f"{name} was set to {value} by a statement, {said}")


def _plain(value: str) -> str:
    return {"ON": "1", "OFF": "0"}.get(value.upper(), value.upper())


def _unknown(server: ServerFacts, name: str) -> Found:
    why = f"the server no longer tells what its my.cnf says about {name}"
    if server.node != HERE:
        why = f"{why}: run kachecks doctor on that node"
        return not_checked(why, elsewhere=True)
    return not_checked(f"{why}, and {server.troubles.get('options', 'it cannot be read')}")


TABLE: Table[ServerFacts] = (
    row("READ_ONLY_AT_BOOT", FAILURE, _starts_closed,
        "the server starts closed: read_only (MySQL: super_read_only) is ON in my.cnf",
        "a server that restarts open takes writes beside the active one before any check notices"
        " it",
        _CLOSED),
    row("ADMINS_AT_BOOT", WARNING, _starts_closed_for_admins,
        "the server starts closed for privileged accounts too (MySQL, MariaDB 12 and later)",
        "read_only alone lets accounts with CONNECTION_ADMIN or SUPER (MariaDB: READ_ONLY ADMIN)"
        " write from the start until the check has closed it for them",
        "set super_read_only = ON (MySQL) or read_only = NO_LOCK_NO_ADMIN (MariaDB 12) in my.cnf"),
    row("REPLICATION_AT_BOOT", FAILURE, _starts_replication,
        "replication starts with the server: no skip_replica_start or skip_slave_start in my.cnf",
        "a node that comes back does not replicate, and is no standby until somebody starts it by"
        " hand",
        "remove skip_replica_start and skip_slave_start from my.cnf; START REPLICA (START SLAVE)"
        " now"),
    row("LOST_AT_RESTART", WARNING, _survives_restart,
        "what a statement has set is in my.cnf too (on this node; for the peer run doctor there)",
        "the setting is right only until the next restart, which will be in the middle of a"
        " failover",
        "write it into [mysqld] of my.cnf"),
)  # fmt: skip
