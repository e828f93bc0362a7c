"""What ``kachecks rejoin`` knows of the pair, as frozen values. Unknown is None, never a guess."""

from __future__ import annotations

from typing import NamedTuple

from kachecks.check.verdict import Verdict
from kachecks.mysql.facts import Channel, Facts
from kachecks.mysql.gtid import Position

HERE, THERE = "this node", "the other node"
"""The names by which people are told which server is meant."""


class Side(NamedTuple):
    """A mysqld that has answered."""

    facts: Facts
    position: Position
    purged: str  # MySQL: gtid_purged, what its binary logs no longer hold; "" on MariaDB
    binlog: str  # path and base name of its binary logs, "" without


class Gap(NamedTuple):
    """The gap between two servers: what one has committed and the other lacks, and the replication
    that should bring it."""

    source: str  # HERE or THERE
    replica: str
    channels: tuple[Channel, ...]  # those of the replica that read from the source
    left: str  # GTIDs, "" nothing
    transactions: int | None  # in left; None: they cannot be counted
    listed: tuple[str, ...]  # left, in parts for people
    after: str  # MariaDB: the GTIDs after which they begin, "" where one is not known
    upto: str  # MariaDB: the last of each domain
    purged: str  # of left: neither received nor still in the source's binary logs
    lost: str  # of left: made by the replica itself, which no longer has them
    rate: float | None  # transactions a second by which it shrank while it was watched


class Comparison(NamedTuple):
    """Everything that was seen of both nodes."""

    vip_here: bool
    verdict: Verdict  # of the check, on this node
    gave_way: str  # why this node has given way, "" if it did not
    proven: bool  # this node has everything: it was up to date, or open with its peer gone
    here: Side
    there: Side | None
    stale: str = ""  # why this node may not open without the other one, as it was late
    trouble: str = ""  # why there is no other server, in words
    answers: bool = False  # the other server sends errors, so it is alive
    not_our_pair: str = ""  # why the other server is not a pair with this one
    to_here: Gap | None = None  # what the other node has and this one lacks
    to_there: Gap | None = None


MAY, NOT_YET, DECIDE = 0, 1, 2
"""Exit statuses: nothing is in the way; it passes by itself; an operator has to decide."""

WORDS = {MAY: "fine", NOT_YET: "not yet", DECIDE: "needs a decision"}


class RejoinFinding(NamedTuple):
    """One thing in the way."""

    code: str
    status: int  # NOT_YET or DECIDE
    sentence: str
    choices: tuple[str, ...] = ()
