"""May this member hold the VIP? One ordered table of rules over facts, like that of a pair
(check.verdict): the first rule that fits and fails decides, else the first that fits.

The engine decides who is in the cluster, and with Group Replication who writes. So nothing here
closes a server to protect another one, and mysqld is never killed. *Holder* is who has the VIP.
"""

from __future__ import annotations

from kachecks.check.verdict import (
    FINE,
    NO_SERVICE,
    NOT_KNOWN,
    SERVICE,
    STANDBY,
    Severity,
    Verdict,
)
from kachecks.config.options import Config
from kachecks.lean import NamedTuple
from kachecks.mysql.errors import ABSENT, BUSY, MUTE, REFUSING, UNASKABLE, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.cluster.facts import Member
    from kachecks.state.maintenance import Maintenance
    from kachecks.state.signs import Signs

GRACE = 5.0
"""Seconds for a hook to make a member the writer, and for a new primary to apply what it has
received, before a holder that is none is unfit."""


class Findings(NamedTuple):
    """What a closer look has found; sentences are "" where nothing is wrong."""

    stalled: str = ""
    disk_full: str = ""
    disk_read_only: str = ""
    signs: Signs | None = None  # of writes that may be about to stall; None: nothing to remember

    @property
    def degraded(self) -> str:
        """What keeps this server from writing, "" if nothing does."""
        return self.stalled or self.disk_full or self.disk_read_only

    @property
    def wrong(self) -> bool:
        """Something is or may be wrong, so the next check takes a closer look again."""
        return bool(self.degraded or (self.signs is not None and self.signs.seen))


class Observation(NamedTuple):
    """All that one run has seen."""

    vip_here: bool
    member: Member | None  # None: it could not be asked (failure says why), or has no engine
    failure: str = ""  # one of the words of mysql.errors
    detail: str = ""  # the failure in words
    no_engine: str = ""  # a sentence: neither engine is loaded
    stale: str = ""  # what it says of the group may be what was true before a cut
    superseded: bool = False  # it has served with the VIP, and another one was made the writer
    pulling: bool = False  # a hook is at work to make it the writer
    unfit_for: float = 0.0  # s for which checks have found it closed, or no writer with the VIP
    gave_way: str = ""  # why this node is unfit until it may return
    maintenance: Maintenance | None = None
    vip_elsewhere: bool = False  # another host answers for the VIP
    takes_turns: bool = (
        False  # the disk was in trouble before the VIP came: the others are no better
    )
    found: Findings = Findings()
    vips_missing: str = ""  # these of several VIPs are not here, while others are

    @property
    def role(self) -> str:
        """holder or standby."""
        return "holder" if self.vip_here else "standby"


class MemberVerdict(Verdict):
    """What the check answers. A server that hangs while something is done about it does not keep
    the VIP: nothing had to be closed first."""

    @property
    def status_if_open(self) -> int:
        """The same: the engine sees to it that no two members write what the other lacks."""
        return self.status


class Effect(NamedTuple):
    """What a rule does to a node."""

    words: str
    fails: Callable[[Observation, Config], bool]

    def __str__(self) -> str:
        return self.words


def _another_is_fit(seen: Observation, config: Config) -> bool:
    if seen.member is None or seen.takes_turns:
        return False
    return seen.member.others_fit(config.max_queue) > 0


def _not_for_long(seen: Observation, _config: Config) -> bool:
    return seen.superseded or (not seen.pulling and seen.unfit_for > GRACE)


FAIL = Effect("fail", lambda _seen, _config: True)
KEEP = Effect("keep, alert", lambda _seen, _config: False)
NOT_ASKED = Effect("not asked: only the holder has to be the writer", KEEP.fails)
IF_ANOTHER_IS_FIT = Effect("fail if another member is fit, else keep, alert", _another_is_fit)
WHILE_VIP_IS_ELSEWHERE = Effect(
    "fail while another host answers for the VIP, else keep, alert",
    lambda seen, _config: seen.vip_elsewhere,
)
AFTER_GRACE = Effect(
    f"keep while a hook is at work and for {GRACE:g} s, then fail; fail at once if it had served",
    _not_for_long,
)
IF_IT_LASTS = Effect(
    f"fail after {GRACE:g} s",
    lambda seen, _config: seen.unfit_for > GRACE,
)
DONOR_FAILS = Effect(
    "keep, alert (donor = fail: fail)", lambda _seen, config: config.donor == "fail"
)
CONNECTIONS = Effect(
    "keep, alert (too_many_connections = fail: fail)",
    lambda _seen, config: config.too_many_connections == "fail",
)


class Rule(NamedTuple):
    """A reason, its exit status, and what it means for the node with the VIP and for the others."""

    reason: str
    status: int
    severity: Severity
    holder: Effect
    standby: Effect
    meaning: str
    fits: Callable[[Observation, Config], str]  # the sentence, "" where the rule does not fit


def judge(seen: Observation, config: Config) -> MemberVerdict:
    """The first rule that fails; else the first that fits."""
    kept: MemberVerdict | None = None
    for rule in RULES:
        sentence = rule.fits(seen, config)
        if not sentence:
            continue
        effect = rule.holder if seen.vip_here else rule.standby
        if effect.fails(seen, config):
            return MemberVerdict(rule.reason, rule.status, sentence, seen.role)
        kept = kept or MemberVerdict(rule.reason, 0, sentence, seen.role)
    return kept or MemberVerdict("OK", 0, _healthy(seen), seen.role)


def needs_link(seen: Observation, config: Config) -> bool:
    """The verdict depends on whether another host answers for the VIP."""
    if seen.vip_here or seen.vip_elsewhere:
        return False
    return judge(seen._replace(vip_elsewhere=True), config) != judge(seen, config)


def severity_of(verdict: Verdict) -> str:
    """How bad it is, in a word of monitoring."""
    for rule in RULES:
        if rule.reason == verdict.reason:
            return rule.severity.holder if verdict.role == "holder" else rule.severity.standby
    return FINE


def explain() -> str:
    """The table of rules, for people."""
    lines = []
    for rule in RULES:
        lines.append(f"{rule.reason} (exit {rule.status}): {rule.meaning}")
        if rule.holder == rule.standby:
            lines.append(f"    holder and standby: {rule.holder}")
        else:
            lines.append(f"    holder:  {rule.holder}")
            lines.append(f"    standby: {rule.standby}")
    lines.append("OK (exit 0): none of these")
    return "\n".join(lines)


def _failure(*words: str) -> Callable[[Observation, Config], str]:
    return lambda seen, _config: (seen.detail or seen.failure) if seen.failure in words else ""


def _member(what: str) -> Callable[[Observation, Config], str]:
    return lambda seen, _config: "" if seen.member is None else str(getattr(seen.member, what))


def _found(what: str) -> Callable[[Observation, Config], str]:
    return lambda seen, _config: str(getattr(seen.found, what))


def _not_a_member(seen: Observation, _config: Config) -> str:
    return seen.no_engine or ("" if seen.member is None else seen.member.outside)


def closes_standbys(seen: Observation, config: Config) -> bool:
    """Galera with writers = one: who does not have the VIP is read_only because of us."""
    return seen.member is not None and seen.member.engine == "Galera" and config.writers == "one"


def _closed(seen: Observation, config: Config) -> str:
    if seen.member is None or (not seen.vip_here and closes_standbys(seen, config)):
        return ""
    return seen.member.closed


def _not_writer(seen: Observation, _config: Config) -> str:
    if seen.member is None or not seen.vip_here:
        return ""
    return seen.member.not_writer and f"the VIP is here, and {seen.member.not_writer}"


def _behind(seen: Observation, config: Config) -> str:
    return "" if seen.member is None else seen.member.behind(config.max_queue)


def _cannot_tell(seen: Observation, config: Config) -> str:
    said = _failure(UNASKABLE, UNKNOWN)(seen, config)
    if said or not seen.vips_missing:
        return said
    return (
        f"of vip in {config.path} {seen.vips_missing} is not on this host, and the rest is:"
        " make vip and virtual_ipaddress in keepalived.conf the same"
    )


RULES = (
    Rule(
        "MYSQLD_DOWN",
        10,
        SERVICE,
        FAIL,
        FAIL,
        "nobody listens: connection refused, or no socket (2002, 2003)",
        _failure(REFUSING),
    ),
    Rule(
        "MYSQLD_HUNG",
        11,
        SERVICE,
        FAIL,
        FAIL,
        "no answer within hung_after (2013, 3024)",
        _failure(MUTE, ABSENT),
    ),
    Rule(
        "NO_QUORUM",
        40,
        NO_SERVICE,
        FAIL,
        FAIL,
        "non-Primary (Galera); half of the members or more are silent (Group Replication)",
        _member("no_quorum"),
    ),
    Rule(
        "NOT_A_MEMBER",
        41,
        SERVICE,
        FAIL,
        FAIL,
        "joining, OFFLINE, RECOVERING, ERROR, wsrep_on = OFF, or the plugin is not loaded",
        _not_a_member,
    ),
    Rule(
        "STALE_VIEW",
        44,
        SERVICE,
        FAIL,
        FAIL,
        "after a cut or a pause: it says what was true before, and the group does not answer it",
        lambda seen, _config: seen.stale,
    ),
    Rule(
        "REJECTS_CLIENTS",
        42,
        SERVICE,
        FAIL,
        FAIL,
        "wsrep_reject_queries, a donor that rejects queries, pxc_maint_mode, offline_mode",
        lambda seen, _config: "" if seen.member is None else seen.member.rejects,
    ),
    Rule(
        "GAVE_WAY",
        16,
        SERVICE,
        FAIL,
        FAIL,
        "this node was superseded, or could not be made the writer; until it may return",
        lambda seen, _config: seen.gave_way,
    ),
    Rule(
        "WRITES_STALLED",
        12,
        SERVICE,
        IF_ANOTHER_IS_FIT,
        WHILE_VIP_IS_ELSEWHERE,
        "the same writer waits for longer than the engine needs for a dead member; a mute disk",
        _found("stalled"),
    ),
    Rule(
        "DISK_FULL",
        13,
        SERVICE,
        IF_ANOTHER_IS_FIT,
        WHILE_VIP_IS_ELSEWHERE,
        "less than min_free is left for datadir, binary log or tmpdir",
        _found("disk_full"),
    ),
    Rule(
        "FILESYSTEM_READ_ONLY",
        14,
        SERVICE,
        IF_ANOTHER_IS_FIT,
        WHILE_VIP_IS_ELSEWHERE,
        "the file system of datadir, binary log or tmpdir is mounted read-only",
        _found("disk_read_only"),
    ),
    Rule(
        "MAINTENANCE",
        18,
        STANDBY,
        KEEP,
        FAIL,
        "an operator keeps this node out of the election until a time (kachecks maintenance)",
        lambda seen, _config: seen.maintenance.sentence if seen.maintenance else "",
    ),
    Rule(
        "NOT_WRITER",
        45,
        NO_SERVICE,
        AFTER_GRACE,
        NOT_ASKED,
        "Group Replication: the VIP is here, and another member is PRIMARY, or nobody is",
        _not_writer,
    ),
    Rule(
        "CLOSED",
        43,
        NO_SERVICE,
        AFTER_GRACE,
        IF_IT_LASTS,
        "read_only, and not by us (writers = one); PRIMARY with super_read_only",
        _closed,
    ),
    Rule(
        "DONOR",
        46,
        STANDBY,
        DONOR_FAILS,
        WHILE_VIP_IS_ELSEWHERE,
        "Galera: it sends another member a copy of its data (state 2)",
        _member("donor"),
    ),
    Rule(
        "BEHIND",
        47,
        STANDBY,
        KEEP,
        WHILE_VIP_IS_ELSEWHERE,
        "more than max_queue transactions wait for being applied; wsrep_desync; state Joined",
        _behind,
    ),
    Rule(
        "TOO_MANY_CONNECTIONS",
        25,
        SERVICE,
        CONNECTIONS,
        FAIL,
        "alive, but no connection is left for this check (1040, 1203, 1226)",
        _failure(BUSY),
    ),
    Rule(
        "UNKNOWN",
        30,
        NOT_KNOWN,
        KEEP,
        FAIL,
        "the check cannot tell: access denied, missing privilege, error; some VIPs missing",
        _cannot_tell,
    ),
)

OWN_RULES = tuple(
    sorted((each for each in RULES if each.status >= 40), key=lambda each: each.status)
)
"""Those that a pair does not have."""


def _healthy(seen: Observation) -> str:
    if seen.member is None:
        return "nothing is known to be wrong"
    place = "the VIP is here" if seen.vip_here else "the VIP is elsewhere"
    return f"{seen.member.said}; {place}"
