"""Rules: semi-synchronous replication, where it is used at all. Pure.

Its variables say source and replica on MySQL 8.0.26 and later with the new plugins, master and
slave on all others.
"""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.check.verdict import STALLED_AFTER
from kachecks.commands.doctor.rule import BOTH, WARNING, Found, Rule, Table
from kachecks.commands.doctor.server.facts import Server, Servers
from kachecks.commands.doctor.server.reach import each
from kachecks.commands.doctor.server.setting import IN_MY_CNF

SOURCE, REPLICA = ("source", "master"), ("replica", "slave")

SEMI_SYNC = Rule(
    "SEMI_SYNC",
    WARNING,
    "semi-synchronous replication is on everywhere or nowhere: both halves on both nodes",
    "after a change of roles commits no longer wait for the other node, or wait in vain",
    "set rpl_semi_sync_source_enabled and rpl_semi_sync_replica_enabled (MariaDB, MySQL before"
    " 8.0.26: master, slave) alike in my.cnf on both nodes",
)
SEMI_SYNC_TIMEOUT = Rule(
    "SEMI_SYNC_TIMEOUT",
    WARNING,
    f"a commit waits less than {STALLED_AFTER} s for the standby",
    "when the standby dies, writers wait for so long, and the check takes it for writes that are"
    " stalled; the default is 10 s",
    f"set rpl_semi_sync_source_timeout = 2000 (rpl_semi_sync_master_timeout) {IN_MY_CNF}",
)
SEMI_SYNC_POINT = Rule(
    "SEMI_SYNC_POINT",
    WARNING,
    "a commit waits before others can see it: rpl_semi_sync_source_wait_point = AFTER_SYNC",
    "with AFTER_COMMIT, MariaDB's default, other clients read rows that a failover then loses",
    f"set rpl_semi_sync_source_wait_point = AFTER_SYNC (rpl_semi_sync_master_...) {IN_MY_CNF}",
)


def _names(half: tuple[str, str], what: str) -> tuple[str, ...]:
    return tuple(f"rpl_semi_sync_{word}_{what}" for word in half)


def semi_sync_whole(servers: Servers) -> Iterator[Found]:
    """SEMI_SYNC."""
    switches = {
        (server.node, half): server.is_on(*_names(words, "enabled"))
        for server, _ in each(servers)
        for half, words in (("source", SOURCE), ("replica", REPLICA))
    }
    if len(set(switches.values())) == 2:
        off = [f"the {half} half {node}" for (node, half), on in switches.items() if not on]
        yield Found(f"off: {', '.join(off)}", "", BOTH)


def waits_not_too_long(server: Server) -> Iterator[Found]:
    """SEMI_SYNC_TIMEOUT. Milliseconds."""
    milliseconds = server.number(*_names(SOURCE, "timeout"))
    if not server.is_on(*_names(SOURCE, "enabled")) or milliseconds is None:
        return
    if milliseconds >= STALLED_AFTER * 1000:
        name = server.name_of(*_names(SOURCE, "timeout"))
        yield Found(f"{name} is {milliseconds:.0f} ms", "", server.node)


def waits_before_showing(server: Server) -> Iterator[Found]:
    """SEMI_SYNC_POINT."""
    name = server.name_of(*_names(SOURCE, "wait_point"))
    if name and server.is_on(*_names(SOURCE, "enabled")) and server.variables[name] != "AFTER_SYNC":
        yield Found(f"{name} is {server.variables[name]}", "", server.node)


OF_BOTH: Table[Servers] = ((SEMI_SYNC, semi_sync_whole),)
OF_EACH: Table[Server] = (
    (SEMI_SYNC_TIMEOUT, waits_not_too_long),
    (SEMI_SYNC_POINT, waits_before_showing),
)
