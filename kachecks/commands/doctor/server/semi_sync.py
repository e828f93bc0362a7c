"""doctor on semi-synchronous replication, where it is used at all. Rules over facts, pure.

Its variables say source and replica on MySQL 8.0.26 and later with the new plugins, master and
slave on all others.
"""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.check.verdict import STALLED_AFTER
from kachecks.commands.doctor.rule import WARNING, Found, Table, row
from kachecks.commands.doctor.server.facts import PairFacts, ServerFacts
from kachecks.commands.doctor.server.settings import IN_MY_CNF

_SOURCE, _REPLICA = ("source", "master"), ("replica", "slave")


def _names(half: tuple[str, str], what: str) -> tuple[str, ...]:
    return tuple(f"rpl_semi_sync_{word}_{what}" for word in half)


def _whole(servers: PairFacts) -> Iterator[Found]:
    switches = {
        (server.node, half[0]): server.is_on(*_names(half, "enabled"))
        for server, _ in servers.asked
        for half in (_SOURCE, _REPLICA)
    }
    if len(set(switches.values())) == 2:
        off = [f"the {half} half {node}" for (node, half), on in switches.items() if not on]
        yield Found(f"off: {', '.join(off)}")


def _waits_not_too_long(server: ServerFacts) -> Iterator[Found]:
    names = _names(_SOURCE, "timeout")
    milliseconds = server.number(*names) or 0.0
    if server.is_on(*_names(_SOURCE, "enabled")) and milliseconds >= STALLED_AFTER * 1000:
        yield Found(f"{server.name_of(*names)} is {milliseconds:.0f} ms")


def _lets_nobody_in(servers: PairFacts) -> Iterator[Found]:
    """From STALLED_AFTER on it is SEMI_SYNC_TIMEOUT."""
    hung_after = servers.config.hung_after
    for server, _ in servers.asked:
        names = _names(_SOURCE, "timeout")
        seconds = (server.number(*names) or 0.0) / 1000
        on = server.is_on(*_names(_SOURCE, "enabled"))
        if on and server.version.mariadb and hung_after < seconds < STALLED_AFTER:
            yield Found(
                f"{server.name_of(*names)} is {seconds * 1000:.0f} ms, and hung_after"
                f" {hung_after:g} s",
                node=server.node,
            )


def _waits_before_showing(server: ServerFacts) -> Iterator[Found]:
    name = server.name_of(*_names(_SOURCE, "wait_point"))
    if name and server.is_on(*_names(_SOURCE, "enabled")) and server.value(name) != "AFTER_SYNC":
        yield Found(f"{name} is {server.value(name)}")


OF_BOTH: Table[PairFacts] = (
    row("SEMI_SYNC", WARNING, _whole,
        "semi-synchronous replication is on everywhere or nowhere: both halves on both nodes",
        "after a failover commits no longer wait for the other node, or wait in vain",
        "set rpl_semi_sync_source_enabled and rpl_semi_sync_replica_enabled (MariaDB, MySQL before"
        " 8.0.26: master, slave) alike in my.cnf on both nodes"),
    row("SEMI_SYNC_RETURN", WARNING, _lets_nobody_in,
        "on MariaDB a commit waits no longer for the standby than hung_after",
        "when a node is back that was cut off, MariaDB lets nobody in for up to that long, and the"
        " check kills the server that serves as hung",
        "set rpl_semi_sync_master_timeout below hung_after in my.cnf on both nodes, or raise"
        " hung_after (hung_after = 6 and fence_timeout = 3 for a time-out of 6 s)"),
)  # fmt: skip

TABLE: Table[ServerFacts] = (
    row("SEMI_SYNC_TIMEOUT", WARNING, _waits_not_too_long,
        f"a commit waits less than {STALLED_AFTER} s for the standby",
        "when the standby dies, writers wait that long, and the check sees stalled writes; the"
        " default is 10 s",
        f"set rpl_semi_sync_source_timeout = 2000 (rpl_semi_sync_master_timeout) {IN_MY_CNF}"),
    row("SEMI_SYNC_POINT", WARNING, _waits_before_showing,
        "a commit waits before others can see it: rpl_semi_sync_source_wait_point = AFTER_SYNC",
        "with AFTER_COMMIT, MariaDB's default, other clients read rows that a failover then loses",
        "set rpl_semi_sync_source_wait_point = AFTER_SYNC (rpl_semi_sync_master_...)"
        f" {IN_MY_CNF}"),
)  # fmt: skip
