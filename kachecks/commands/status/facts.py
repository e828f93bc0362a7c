"""What ``kachecks status`` knows of the pair, as frozen values. Unknown is None, never a guess."""

from __future__ import annotations

from typing import NamedTuple

from kachecks.check.verdict import Verdict
from kachecks.keepalived.vrrp_state import Vrrp
from kachecks.mysql.facts import Channel, Facts
from kachecks.state.maintenance import Maintenance
from kachecks.state.transition import Transition


class Lacks(NamedTuple):
    """What a server has not applied of what the other one has committed."""

    gtids: str  # "" nothing
    transactions: int | None  # None: they cannot be counted


NO_KEEPALIVED = "none"
"""The VRRP state of a node on which no keepalived runs."""


class ServerSeen(NamedTuple):
    """A mysqld that has answered."""

    facts: Facts
    host: str | None  # the name of its host
    uptime: int | None  # s
    position: str | None  # GTIDs of all that it has committed
    lacks: Lacks | None = None  # None: the two could not be compared
    idle_events: str = ""  # names of events that do not run here, as they came by replication
    idle_events_trouble: str = ""  # why they are not known
    prepared: int | None = None  # XA transactions; None: not known
    channels: tuple[Channel, ...] = ()  # those of facts that read from the other node


class NodeSeen(NamedTuple):
    """One side of the screen."""

    name: str  # host name or address
    address: str  # "" where it is not known
    vip: bool | None  # every VIP of the pair is there
    vip_said: str  # how that is known, or why it is not
    vrrp: Vrrp | None
    vrrp_state: str  # MASTER, BACKUP, ..., NO_KEEPALIVED; "" unknown
    vrrp_said: str  # how that is known, or why it is not
    server: ServerSeen | None
    trouble: str  # why there is no server, in words
    promoting: bool  # a promotion is at work there
    verdict: Verdict | None
    verdict_said: str  # what the verdict is based on, or why there is none

    @property
    def open(self) -> bool | None:
        """An ordinary account may write."""
        return None if self.server is None else self.server.facts.writable


class MarksSeen(NamedTuple):
    """The marks that kachecks has set on this node."""

    gave_way: str  # why it gave way, "" if it did not
    gave_way_ago: float  # s
    leaving: bool
    permit: bool | None  # keepalived may hold the VIP; None: there is no permit file
    maintenance: Maintenance | None
    at_work: str  # what the hook at work is doing, such as promote; "" none is
    last_verdict: str  # reason and exit status of keepalived's last check, "" none
    check_age: float | None  # s since keepalived last ran the check; None: never since the boot


class Status(NamedTuple):
    """All of it."""

    time: float  # s since the epoch
    pair: str  # its name
    vips: tuple[str, ...]
    here: NodeSeen
    there: NodeSeen
    marks: MarksSeen | None
    marks_said: str  # why they are not known
    transitions: tuple[Transition, ...] | None  # of this node, the latest first
    transitions_said: str  # why they are not known
    disks_said: str  # why the verdict of this node knows nothing of mysqld's disks; "" it does
    check_seconds: float | None  # what the rules of the check took; None: not ended yet
    look_seconds: float  # what the whole look took
