"""doctor on how one server replicates, channel by channel. Rules over facts, pure.

Where the status could not be read, these rules say nothing: REPLICATION_RUNS does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kachecks.commands.doctor.rule import FAILURE, WARNING, Finder, Found, Table, row
from kachecks.commands.doctor.server.facts import ServerFacts, Source
from kachecks.commands.text import span

_LONGEST_RETRY = 10  # s between tries of a receiver; a restart may be missed by that much
_SHORTEST_PATIENCE = 86400  # s of trying: a peer that is down over night comes back
_LONGEST_HEARTBEAT = 5.0  # s, of a MariaDB source; a drain may have to wait for two


def _each_source(wrong: Callable[[Source], str]) -> Finder[ServerFacts]:
    """A rule about each channel: ``wrong`` says what is wrong, "" where all is well."""

    def finder(server: ServerFacts) -> Iterator[Found]:
        for source in server.sources or ():
            said = wrong(source)
            if said:
                yield Found(f"{source.label}: {said}")

    return finder


def _by_file(source: Source) -> str:
    return "" if source.channel.gtid else "by file and position"


def _retries_late(source: Source) -> str:
    late = source.connect_retry > _LONGEST_RETRY
    return f"tries again every {source.connect_retry} s" if late else ""


def _gives_up(source: Source) -> str:
    """A count of 0 means to try for ever."""
    seconds = source.connect_retry * (source.retry_count or 0)
    if not source.retry_count or seconds >= _SHORTEST_PATIENCE:
        return ""
    return (
        f"{source.retry_count} tries, one every {source.connect_retry} s: it gives up after"
        f" {span(seconds)}"
    )


def _beats_seldom(source: Source) -> str:
    """Only MariaDB tells the period; 0 means never."""
    period = source.heartbeat_period
    if period is None or 0 < period <= _LONGEST_HEARTBEAT:
        return ""
    return f"a heartbeat every {period:g} s" if period else "no heartbeat ever"


def _applies_late(source: Source) -> str:
    return f"{source.delay} s late" if source.delay else ""


def _knows_no_key(source: Source) -> str:
    """MySQL 8.0.4 and later have the columns."""
    shut_out = source.has_key is False and not source.encrypted
    return "neither TLS nor a public key" if shut_out else ""


def _leaves_nothing_out(server: ServerFacts) -> Iterator[Found]:
    """Filters of replicas, and of binary logs if the option files could be read."""
    for source in server.sources or ():
        for each in source.channel.filters:
            yield Found(f"{source.label}: {each}")
    for option in server.options or ():
        if option.name in ("binlog_do_db", "binlog_ignore_db"):
            yield Found(f"{option.name} = {option.value}", option.where)


TABLE: Table[ServerFacts] = (
    row("POSITIONS", FAILURE, _each_source(_by_file),
        "replication positions are GTIDs (SOURCE_AUTO_POSITION = 1, MASTER_USE_GTID = slave_pos)",
        "a file and an offset mean nothing on the other node: a rebuilt node, or one that was"
        " restored, goes on at the wrong place, and what one node alone has cannot be told: such a"
        " standby is refused",
        "with the replica stopped: CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 (MySQL),"
        " CHANGE MASTER TO MASTER_USE_GTID = slave_pos (MariaDB)"),
    row("CONNECT_RETRY", WARNING, _each_source(_retries_late),
        f"a receiver tries to connect again within {_LONGEST_RETRY} s",
        "after a restart of the peer the standby waits for the next try, and lacks what is written"
        " meanwhile; the default is 60 s",
        "SOURCE_CONNECT_RETRY = 1 (MASTER_CONNECT_RETRY) in CHANGE REPLICATION SOURCE (CHANGE"
        " MASTER)"),
    row("RETRY_COUNT", FAILURE, _each_source(_gives_up),
        "a receiver goes on trying for a day at least",
        "if the peer is down for longer, the receiver gives up for good, and the node is no standby"
        " any more; MySQL 9 tries 10 times by default",
        "SOURCE_RETRY_COUNT = 86400 (MASTER_RETRY_COUNT) with a SOURCE_CONNECT_RETRY of 1"),
    row("HEARTBEAT", WARNING, _each_source(_beats_seldom),
        f"a MariaDB source sends heartbeats every {_LONGEST_HEARTBEAT:g} s or more often",
        "after the old node's disk was full, a promotion waits for two heartbeats to know that it"
        " has everything",
        "MASTER_HEARTBEAT_PERIOD = 1 in CHANGE MASTER"),
    row("DELAY", WARNING, _each_source(_applies_late),
        "the replica does not delay on purpose what it applies",
        "a promotion has to apply everything that waits, so clients are out for the length of the"
        " delay",
        "SOURCE_DELAY = 0 (MASTER_DELAY); keep a delayed replica as a third server"),
    row("FILTERS", WARNING, _leaves_nothing_out,
        "replication leaves nothing out",
        "after a failover clients miss what was left out; if that was the mysql schema, accounts"
        " too",
        "remove the replicate_* options from my.cnf, and CHANGE REPLICATION FILTER on MySQL; then"
        " copy what is missing"),
    row("SOURCE_KEY", WARNING, _each_source(_knows_no_key),
        "a MySQL receiver uses TLS or gets the source's public key",
        "caching_sha2_password lets an account in without either only as long as the source"
        " remembers it: after the source's restart the receiver is shut out (error 2061)",
        "SOURCE_SSL = 1, or GET_SOURCE_PUBLIC_KEY = 1, in CHANGE REPLICATION SOURCE"),
)  # fmt: skip
