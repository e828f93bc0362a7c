"""Statements and commands that ``kachecks rejoin`` names but never runs."""

from __future__ import annotations

import shlex

from kachecks.commands.rejoin.facts import Gap, Side
from kachecks.lean import shown
from kachecks.mysql import queries
from kachecks.mysql.facts import Channel, Version

_OF_VERDICT = {
    "GAVE_WAY": (
        "nothing to do: the check lets it return when it hears the other node's adverts again",
        "where keepalived does not heed them: mend what kachecks doctor --peer-config names, then"
        " rm /run/kachecks/NAME.gave_way",
    ),
    "MAINTENANCE": ("kachecks maintenance off, if the work is done",),
    "DISK_FULL": ("make room, or lower min_free",),
    "WITHOUT_GTIDS": ("kachecks doctor has the statement (POSITIONS)",),
    "UNKNOWN": ("check_mysql -v, kachecks doctor",),
}


def of_verdict(reason: str) -> tuple[str, ...]:
    """What to do about a verdict of the check that this command does not look into."""
    return _OF_VERDICT.get(reason, ("check_mysql --explain says what it means",))


def start_applier(version: Version, channel: Channel, node: str) -> str:
    """The statement, and where."""
    return f"on {node}: {queries.start_applier(version, channel.name)}"


def start_receiver(version: Version, channel: Channel, node: str) -> str:
    """The statement, and where."""
    return f"on {node}: {queries.start_receiver(version, channel.name)}"


def replicate(replica: Side, source: str) -> str:
    """How to make a server a replica again. MySQL 8.0.23 and later have the new words."""
    version = replica.facts.version
    if version.mariadb:
        statement = f"CHANGE MASTER TO MASTER_HOST='{source}', ..., MASTER_USE_GTID=slave_pos"
    elif version.number >= (8, 0, 23):
        statement = (
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='{source}', ..., SOURCE_AUTO_POSITION=1"
        )
    else:
        statement = f"CHANGE MASTER TO MASTER_HOST='{source}', ..., MASTER_AUTO_POSITION=1"
    return f"{statement}, then {queries.start_replication(version, '')}"


def rebuild(version: Version, node: str, source: str) -> str:
    """The last resort, which loses what the node alone has."""
    if version.mariadb:
        tool = "mariadb-backup"
    else:
        tool = "CLONE INSTANCE" if version.number >= (8, 0, 17) else "xtrabackup"
    return (
        f"rebuild {node} from {source} ({tool}, or a backup): what {node} alone has is lost,"
        " so save that first"
    )


def details(version: Version, node: str) -> tuple[str, ...]:
    """Where MySQL's appliers say more, as the status often tells only that a worker has failed."""
    if version.mariadb:
        return ()
    table = "performance_schema.replication_applier_status_by_worker"
    return (f"the failing transaction: last_error_message in {table} on {node}",)


def show(gap: Gap, source: Side) -> str:
    """The command that prints the transactions that the replica lacks; it is to be run on the
    source's host.

    Whoever pastes it runs that one program, whatever the server has called its binary logs.

    "" where the binary log is not known, or has no absolute path (servers tell nothing else). MySQL
    chooses with ``--include-gtids``. MariaDB 10.8 and later take a GTID as position; older ones
    print everything.
    """
    version, base = source.facts.version, source.binlog
    if not base.startswith("/") or not gap.left:
        return ""
    words = ["mariadb-binlog" if version.mariadb else "mysqlbinlog"]
    words += ["-vv", "--base64-output=decode-rows"]
    if not version.mariadb:
        words.append(f"--include-gtids={gap.left}")
    elif version.number >= (10, 8, 0) and gap.after:
        words += [f"--start-position={gap.after}", f"--stop-position={gap.upto}"]
    return shown(f"{shlex.join([*words, base])}.[0-9]*")
