"""What a member of a cluster says of itself and of the others, as frozen values.

Both engines answer the same questions, each with a sentence, "" where nothing is wrong; so the
rules (verdict) know of no engine. Unknown is None.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple, shown
from kachecks.mysql.errors import Nonsense
from kachecks.mysql.facts import Row, is_on, number_of, text_of, uuid_of

GROUP, GALERA = "Group Replication", "Galera"

ONLINE, RECOVERING, UNREACHABLE = "ONLINE", "RECOVERING", "UNREACHABLE"
STATES = (ONLINE, RECOVERING, UNREACHABLE, "OFFLINE", "ERROR")
PRIMARY = "PRIMARY"
_ROLES = {each: each for each in (PRIMARY, "SECONDARY")}

SUSPICION = 5.0
"""Seconds of silence after which Group Replication suspects a member (a constant)."""

SWEEP = 15.0
"""Seconds between its looks at members under suspicion whose expel_timeout is not 0 (a constant;
measured: 21.7 s until writes with 5 or 1, 6.7 s with 0)."""

MORE = 5.0
"""Seconds for the rest of it: view, election, what the new primary still applies."""

LEAST_STALL = 10.0
"""Seconds that a write must at least have waited to count as stalled, as with a pair."""

WITHOUT_SWEEP = 12.0
"""Seconds for all of it with expel_timeout 0."""


class GroupMember(NamedTuple):
    """One member, as another one sees it."""

    id: str
    host: str
    port: int
    state: str  # one of STATES
    role: str  # PRIMARY, SECONDARY; "" where it is not ONLINE
    view: str
    queued: int | None  # transactions received and not applied

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.host} port {self.port}"

    @property
    def is_primary(self) -> bool:
        return self.role == PRIMARY


class Group(NamedTuple):
    """A member of Group Replication."""

    id: str  # its server_uuid
    members: tuple[GroupMember, ...]
    read_only: bool
    offline_mode: bool
    expel_seconds: int

    @property
    def engine(self) -> str:
        """Its name."""
        return GROUP

    @property
    def own(self) -> GroupMember | None:
        """This member's own row."""
        return next((each for each in self.members if each.id == self.id), None)

    @property
    def view(self) -> str:
        """The view of the group that this member believes in."""
        return self.own.view if self.own else ""

    @property
    def primary(self) -> GroupMember | None:
        """Who takes the writes, as this member sees it; itself, where there are several."""
        if self.own and self.own.is_primary:
            return self.own
        return next((each for each in self.members if each.is_primary), None)

    @property
    def is_writer(self) -> bool:
        """Applications can write here."""
        return self.primary is not None and self.primary.id == self.id and not self.read_only

    @property
    def all_online(self) -> bool:
        """Nobody joins, or is suspected: the engine refuses to change the primary otherwise."""
        return all(each.state == ONLINE for each in self.members)

    @property
    def no_quorum(self) -> str:
        """Half of the members or more cannot be reached."""
        if self.own is None or self.own.state not in (ONLINE, RECOVERING):
            return ""  # it is outside, and sees no group
        there = [each for each in self.members if each.state in (ONLINE, RECOVERING)]
        if 2 * len(there) > len(self.members):
            return ""
        silent = ", ".join(each.name for each in self.members if each not in there)
        return (
            f"of {len(self.members)} members this one can reach {len(there)}: {silent} are silent"
        )

    @property
    def outside(self) -> str:
        """It takes no part in the group."""
        if self.own is None:
            return "this server takes part in no group: START GROUP_REPLICATION"
        if self.own.state == ONLINE:
            return ""
        return f"this member is {self.own.state}: START GROUP_REPLICATION, or see its error log"

    @property
    def rejects(self) -> str:
        """It turns clients away."""
        return "offline_mode is ON: SET GLOBAL offline_mode = OFF" if self.offline_mode else ""

    @property
    def not_writer(self) -> str:
        """Another one is the primary, or nobody is."""
        if self.primary is None:
            return "no member is PRIMARY"
        return "" if self.primary.id == self.id else f"{self.primary.name} is PRIMARY"

    @property
    def closed(self) -> str:
        """It is the primary and takes no writes: a new one that still applies, or a replica of
        another cluster."""
        if self.not_writer or not self.read_only:
            return ""
        return "this member is PRIMARY, and read_only or super_read_only is ON"

    @property
    def donor(self) -> str:
        """Group Replication has no such state: a donor goes on as before."""
        return ""

    def behind(self, most: int) -> str:
        """More than ``most`` transactions wait for being applied."""
        queued = self.own.queued if self.own else None
        if queued is None or queued <= most:
            return ""
        return f"{queued} transactions wait for being applied: max_queue is {most}"

    def others_fit(self, most: int) -> int:
        """How many others could take over."""
        others = [each for each in self.members if each.id != self.id and each.state == ONLINE]
        return len([each for each in others if (each.queued or 0) <= most])

    @property
    def settles_within(self) -> float:
        """Seconds in which the engine is done with a member that has died."""
        if not self.expel_seconds:
            return WITHOUT_SWEEP
        return SUSPICION + self.expel_seconds + SWEEP + MORE

    @property
    def said(self) -> str:
        """A healthy member, in words."""
        role = "writer" if self.is_writer else f"{self.own.role if self.own else 'no'} member"
        online = len([each for each in self.members if each.state == ONLINE])
        return f"{GROUP}: {role}, {online} of {len(self.members)} members ONLINE"


_GALERA_STATES = ("Undefined", "Joining", "Donor/Desynced", "Joined", "Synced")
DONOR, JOINED, SYNCED = 2, 3, 4


class Galera(NamedTuple):
    """A member of Galera."""

    on: bool  # wsrep_on, global: with OFF its writes stay here
    status: str  # of the component that it sees: Primary, non-Primary, Disconnected
    ready: bool
    state: int | None  # wsrep_local_state
    size: int  # members of that component
    queue: int
    desync: bool
    rejects: str  # why clients are turned away
    read_only: bool
    suspect_seconds: float
    addresses: str  # wsrep_incoming_addresses, of all members

    @property
    def engine(self) -> str:
        """Its name."""
        return GALERA

    @property
    def is_writer(self) -> bool:
        """Applications can write here."""
        return not self.read_only

    @property
    def no_quorum(self) -> str:
        """It has lost the majority, or shuts down: then wsrep_local_state goes on saying Synced."""
        if not self.on or self.status != "non-Primary":
            return ""
        return f"this member is non-Primary (it sees {self.size} members, itself included)"

    @property
    def outside(self) -> str:
        """It takes no part in the cluster, or what is written here stays here."""
        if not self.on:
            return "wsrep_on is OFF: what is written here stays here; SET GLOBAL wsrep_on = ON"
        if self.status != "Primary":
            return f"wsrep_cluster_status is {self.status}: it is connected to no cluster"
        if self.state is None or self.state not in (DONOR, JOINED, SYNCED):
            return f"this member is {self._state}, and not Synced yet"
        return "" if self.ready else "wsrep_ready is OFF"

    @property
    def _state(self) -> str:
        return "without a wsrep_local_state" if self.state is None else _GALERA_STATES[self.state]

    @property
    def not_writer(self) -> str:
        """Each member may write."""
        return ""

    @property
    def closed(self) -> str:
        """Somebody has closed it, which with writers = one may be us."""
        if not self.read_only:
            return ""
        return "read_only is ON: SET GLOBAL read_only = OFF"

    @property
    def donor(self) -> str:
        """It sends another one a copy of its data, and may lag or block meanwhile."""
        if self.state != DONOR or self.desync:
            return ""
        return "this member sends another one a copy of its data (Donor/Desynced)"

    def behind(self, most: int) -> str:
        """It has received more than it has applied."""
        if self.queue > most:
            return f"{self.queue} transactions wait for being applied: max_queue is {most}"
        if self.desync:
            return "wsrep_desync is ON: it may fall behind; SET GLOBAL wsrep_desync = OFF"
        return "this member is Joined, and not Synced yet" if self.state == JOINED else ""

    def others_fit(self, most: int) -> int:  # noqa: ARG002 - it cannot see their queues
        """How many others are in the component; in what state, only they know."""
        return self.size - 1

    @property
    def settles_within(self) -> float:
        """Seconds in which the engine is done with a member that has died (measured: 6.3 s with
        evs.suspect_timeout 5)."""
        return self.suspect_seconds + MORE

    @property
    def said(self) -> str:
        """A healthy member, in words."""
        access = "read_only" if self.read_only else "open"
        return f"{GALERA}: {self._state}, {access}, {self.size} members in the Primary component"


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Member = Union[Group, Galera]


def parse_group(settings: Row, members: list[Row]) -> Group:
    """Raises KeyError, Nonsense."""
    return Group(
        id=uuid_of(settings, "server_uuid"),
        members=tuple(map(_parse_member, members)),
        read_only=is_on(settings, "read_only") or is_on(settings, "super_read_only"),
        offline_mode=is_on(settings, "offline_mode"),
        expel_seconds=number_of(settings, "expel_seconds"),
    )


def _parse_member(row: Row) -> GroupMember:
    state = text_of(row, "MEMBER_STATE")
    if state not in STATES:
        raise Nonsense("MEMBER_STATE is none that is known")
    offline_before_first_start = not row["MEMBER_ID"]
    return GroupMember(
        id="" if offline_before_first_start else uuid_of(row, "MEMBER_ID"),
        host=shown(row["MEMBER_HOST"] or "", 64),
        port=0 if row["MEMBER_PORT"] is None else number_of(row, "MEMBER_PORT"),
        state=state,
        role=_ROLES.get(row["MEMBER_ROLE"] or "", ""),
        view=shown(row["VIEW_ID"] or "", 64),
        queued=None if row["queued"] is None else number_of(row, "queued"),
    )


def parse_galera(settings: dict[str, str], status: dict[str, str]) -> Galera:
    """Raises KeyError, Nonsense, ValueError."""
    state = status.get("wsrep_local_state")
    if state is not None and state not in "01234":
        raise Nonsense("wsrep_local_state is none that is known")
    component = status.get("wsrep_cluster_status", "Disconnected")
    return Galera(
        on=settings["wsrep_on"] in ("1", "ON"),
        status=component if component in ("Primary", "non-Primary") else "Disconnected",
        ready=status.get("wsrep_ready") == "ON",
        state=None if state is None else int(state),
        size=int(status.get("wsrep_cluster_size", "0")),
        queue=int(status.get("wsrep_local_recv_queue", "0")),
        desync=settings.get("wsrep_desync") in ("1", "ON"),
        rejects=_why_rejected(settings, state == str(DONOR)),
        read_only=settings["read_only"] not in ("0", "OFF"),
        suspect_seconds=_suspect_seconds(settings.get("wsrep_provider_options", "")),
        addresses=shown(status.get("wsrep_incoming_addresses", ""), 200),
    )


def _why_rejected(settings: dict[str, str], donor: bool) -> str:
    if donor and settings.get("wsrep_sst_donor_rejects_queries") in ("1", "ON"):
        return "it is a donor, and wsrep_sst_donor_rejects_queries is ON"
    if settings.get("wsrep_reject_queries", "NONE") != "NONE":
        return "wsrep_reject_queries is set: SET GLOBAL wsrep_reject_queries = NONE"
    if settings.get("pxc_maint_mode", "DISABLED") != "DISABLED":
        return "pxc_maint_mode is not DISABLED"
    if settings.get("offline_mode", "OFF") in ("1", "ON"):
        return "offline_mode is ON: SET GLOBAL offline_mode = OFF"
    return ""


DEFAULT_SUSPICION = 5.0
"""evs.suspect_timeout where it is not told."""


def _suspect_seconds(options: str) -> float:
    """Of ``evs.suspect_timeout = PT5S`` (ISO 8601: PT1M30S, PT0.5S); the default where it is
    written in another way."""
    value = options.partition("evs.suspect_timeout = PT")[2].partition(";")[0].strip()
    minutes, given, rest = value.rpartition("M")
    if not value:
        return DEFAULT_SUSPICION
    try:
        return 60 * float(minutes if given else 0) + float(rest.rstrip("S") or 0)
    except ValueError:
        return DEFAULT_SUSPICION
