"""May this node hold the VIP? One ordered table of rules over facts; the first rule that fits and
fails decides, and where none fails the first that fits.

Pure: no connection, no clock. ``--explain`` and the manual print the same table. A dead server
gives way; where the check cannot tell, the VIP stays where it is.
"""

from __future__ import annotations

from kachecks.config.options import Config
from kachecks.lean import NamedTuple
from kachecks.mysql.errors import ABSENT, BUSY, MUTE, OPEN, REFUSING, UNASKABLE, UNKNOWN
from kachecks.mysql.facts import (
    Channel,
    Facts,
    by_file,
    channels_by_address,
    filtered,
    in_words_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kachecks.state.maintenance import Maintenance
    from kachecks.state.marks import Known
    from kachecks.state.signs import Signs


STALLED_AFTER = 10
"""Seconds of this node's clock after which a write counts as stalled, if it waits for something
that no client can bring about; and a disk that has not answered for as long."""

NOT_OPEN_AFTER = 5.0
"""Seconds after which it is told that a node with the VIP is still closed: a promotion that has
little to apply needs less than one."""


class Findings(NamedTuple):
    """What a closer look has found; sentences are "" where nothing is wrong."""

    peer: str = ""  # one of the words of mysql.errors; "" where it was not asked
    others: str = ""  # where the peer is gone: GTIDs here that this server has not made
    peer_fit: bool = False  # it answers, is closed, replicates and has no lag
    gives_way: bool = False  # the peer has been fit for long enough to take over at once
    stalled: str = ""
    disk_full: str = ""
    disk_read_only: str = ""
    two_writers: str = ""
    unable: str = ""  # this server could not take writes, however wide it is opened
    ours_to_close: bool = False  # of the two writers this node is the one to give way
    errant: str = ""
    reset: bool = False  # the open peer lacks transactions of its own that this standby has
    up_to_date: bool = False  # all that the peer has committed has been received here
    caught_up: bool = False  # ... and applied, though this server says that it is late
    identity: str = ""  # of the peer, where it tells its channel from others
    behind: str = ""  # this standby has lacked what the peer had for more than max_lag
    connected: bool = False  # the peer does not answer, and replication with it is connected
    serves: bool = False  # the peer cannot be asked, and another host answers for the VIP
    stale: str = ""  # the same while the peer cannot be asked, as far as it is known
    late: bool = False  # it is known to be late by more than max_lag
    known: Known | None = None  # of the peer's transactions, for the next look
    not_our_pair: str = ""  # another server than the peer answers at its address
    held_up: str = ""  # every write waits for a lock that one connection holds
    channels_unknown: bool = False  # this server has not told how it replicates
    peer_waits: bool = False  # the peer has said who it is, and not how it replicates
    unanswered: bool = False  # this server has not answered all that was asked beside the peer
    readers: frozenset[int] = frozenset()  # ports of who reads the binary log here, if several do
    signs: Signs | None = None  # of writes that may be about to stall; None: nothing to remember

    @property
    def wrong(self) -> bool:
        """Something is or may be wrong, so the next check takes a closer look again."""
        trouble = self.degraded or self.two_writers or self.unable or self.not_our_pair
        behind = self.errant or self.behind or self.stale
        unsure = behind or self.peer_waits or self.unanswered
        return bool(trouble or unsure or (self.signs is not None and self.signs.seen))

    @property
    def degraded(self) -> str:
        """What keeps this server from writing, "" if nothing does."""
        return self.stalled or self.disk_full or self.disk_read_only


NOTHING_FOUND = Findings()


class Observation(NamedTuple):
    """All that one run has seen."""

    vip_here: bool
    promoting: bool  # a promotion is at work on this node
    facts: Facts | None  # None: the server could not be asked, failure says why
    failure: str = ""  # one of the words of mysql.errors
    detail: str = ""  # the failure in words
    peer: str = ""  # one of the words of mysql.errors; "" where it was not asked
    isolated: str = ""  # a sentence that nobody answers; "" if somebody does
    gave_way: str = ""  # why this node is unfit until it may return
    vip_elsewhere: bool = False  # another host answers for the VIP
    found: Findings = NOTHING_FOUND  # by a closer look, where one was due
    maintenance: Maintenance | None = None  # in force on this node
    unopened_for: float = 0.0  # s for which checks have found this server closed with the VIP here
    status_waits: bool = False  # the server has said who it is, and not how it replicates
    vips_missing: str = ""  # these of several VIPs are not here, while others are

    @property
    def holder(self) -> bool:
        """The VIP is here and this node is open or promoting; unknown counts as open."""
        return self.vip_here and (self.facts is None or self.facts.writable or self.promoting)

    @property
    def unopened(self) -> bool:
        """The VIP is here, and the server is closed: nobody serves."""
        return self.vip_here and self.facts is not None and not self.facts.writable


class Effect(NamedTuple):
    """What a rule does to a node: whether it fails, which an option or what was seen may change."""

    fails: bool
    option: str = ""
    value: str = ""  # with this value of the option it is the other way round
    only_if: Callable[[Observation], bool] | None = None  # fails only then
    words: str = ""  # of only_if

    def failing(self, seen: Observation, config: Config) -> bool:
        """Whether the check fails on what was seen, under this option file."""
        if self.only_if is not None and not self.only_if(seen):
            return False
        swapped = bool(self.option) and getattr(config, self.option) == self.value
        return self.fails != swapped

    def __str__(self) -> str:
        text = "fail" if self.fails else "keep, alert"
        if self.only_if is not None:
            text = f"fail {self.words}, else keep, alert"
        if not self.option:
            return text
        other = "keep, alert" if self.fails else "fail"
        return f"{text} ({self.option} = {self.value}: {other})"


FAIL = Effect(True)
KEEP = Effect(False)
IF_PEER_IS_FIT = Effect(
    True, only_if=lambda seen: seen.found.gives_way, words="if the peer is fit to take over"
)
WHILE_VIP_IS_ELSEWHERE = Effect(
    True,
    only_if=lambda seen: seen.vip_elsewhere,
    words="while another host answers for the VIP",
)
IF_OURS_TO_CLOSE = Effect(
    True,
    only_if=lambda seen: seen.found.ours_to_close,
    words="with the higher server_id, or at the third look",
)
IF_BROKEN = Effect(
    True,
    "on_broken_replica",
    "open",
    only_if=lambda seen: seen.peer == OPEN or not _gave_up_waiting(seen),
    words="if the peer is open, or its error is none of waiting for a lock (1205, 1213)",
)


class Severity(NamedTuple):
    """How bad a finding is for those who are paged: one of the words of monitoring below."""

    holder: str
    standby: str


FINE, WARNING, CRITICAL, CANNOT_TELL = "ok", "warning", "critical", "unknown"
"""The words of monitoring. Critical: nobody serves, or nobody may in a moment."""

NO_SERVICE = Severity(CRITICAL, CRITICAL)
SERVICE = Severity(CRITICAL, WARNING)  # the service hangs on it, but where it is a standby's
STANDBY = Severity(WARNING, WARNING)  # the service goes on, and there may be nobody to take over
NOT_KNOWN = Severity(CANNOT_TELL, CANNOT_TELL)


class Rule(NamedTuple):
    """A reason, its exit status, and what it means for the node that holds the VIP or stands by."""

    reason: str
    status: int
    severity: Severity
    holder: Effect
    standby: Effect
    meaning: str
    fits: Callable[[Observation, Config], str]  # the sentence, "" where the rule does not fit


GONE_ANYWAY = frozenset({"MYSQLD_DOWN", "MYSQLD_HUNG", "ISOLATED"})
"""Reasons for which a holder gives the VIP away even if its server could not be closed."""


class Verdict(NamedTuple):
    """What the check answers."""

    reason: str
    status: int  # for keepalived: 0 may hold the VIP
    sentence: str
    role: str  # holder or standby

    @property
    def problem(self) -> bool:
        """Worth an alert, whether or not the node fails."""
        return self.reason != "OK"

    @property
    def status_if_open(self) -> int:
        """The exit status while this node's server is not closed, or could not be.

        A living server that may be open keeps the VIP, since the other node could only open beside
        it. A dead or hung server gives way all the same. So does one that is cut off: its peer
        opens by the clock, and keeping the VIP would make things worse.
        """
        leaves = self.role == "standby" or self.reason in GONE_ANYWAY
        return self.status if leaves else 0


def judge(seen: Observation, config: Config) -> Verdict:
    """The first rule that fails; else the first that fits: what keeps a node never hides what
    closes it."""
    role = "holder" if seen.holder else "standby"
    kept: Verdict | None = None
    for rule in RULES:
        sentence = rule.fits(seen, config)
        if not sentence:
            continue
        effect = rule.holder if seen.holder else rule.standby
        if effect.failing(seen, config):
            return Verdict(rule.reason, rule.status, sentence, role)
        kept = kept or Verdict(rule.reason, 0, sentence, role)
    return kept or Verdict("OK", 0, _healthy(seen, config), role)


def severity_of(verdict: Verdict) -> str:
    """How bad it is, in a word of monitoring."""
    for rule in RULES:
        if rule.reason == verdict.reason:
            return rule.severity.holder if verdict.role == "holder" else rule.severity.standby
    return FINE


def needs_peer(seen: Observation, config: Config) -> bool:
    """The verdict on a standby depends on whether the peer is open, and the peer was not asked
    yet."""
    if seen.holder or seen.peer or seen.facts is None:
        return False
    asked = seen._replace(peer=OPEN)
    return judge(asked, config) != judge(seen, config)


def explain() -> str:
    """The table of rules, for people."""
    lines = []
    for rule in RULES:
        lines.append(f"{rule.reason} (exit {rule.status}): {rule.meaning}")
        if str(rule.holder) == str(rule.standby):
            lines.append(f"    holder and standby: {rule.holder}")
        else:
            lines.append(f"    holder:  {rule.holder}")
            lines.append(f"    standby: {rule.standby}")
    lines.append("OK (exit 0): none of these")
    return "\n".join(lines)


def _failure(*words: str) -> Callable[[Observation, Config], str]:
    return lambda seen, _config: (seen.detail or seen.failure) if seen.failure in words else ""


def _found(what: str) -> Callable[[Observation, Config], str]:
    return lambda seen, _config: str(getattr(seen.found, what))


def _without_gtids(seen: Observation, config: Config) -> str:
    return by_file(_channels(seen, config))


def _not_replicating(seen: Observation, config: Config) -> str:
    if seen.facts is None or seen.facts.channels or not seen.facts.channels_known:
        return filtered(_channels(seen, config))
    cure = in_words_of(seen.facts.version, "CHANGE REPLICATION SOURCE TO")
    return f"this server does not replicate from {config.peer}: {cure} it"


def _applier_stopped(seen: Observation, config: Config) -> str:
    for channel in _channels(seen, config):
        if not channel.applier:
            cure = ": was it stopped by hand? START REPLICA SQL_THREAD"
            cure = in_words_of(seen.facts.version, cure) if seen.facts else cure
            said = f"{channel.applier_said}{'' if channel.applier_errno else cure}"
            return f"the applier{_named(channel)} has stopped: {said}"
    return ""


def _gave_up_waiting(seen: Observation) -> bool:
    """No applier has stopped but for a lock that a client holds (1205, 1213): a promotion cuts that
    client and starts it again. (Not where the receiver was stopped, too: on MariaDB what is in its
    relay log would be thrown away.)"""
    facts = seen.facts
    return facts is not None and all(
        each.applier or (each.applier_gave_up_waiting and each.receiver != "No")
        for each in facts.channels
    )


def _receiver_stopped(seen: Observation, config: Config) -> str:
    """A standby is not unfit because its receiver lost a dead peer, or one in offline_mode: that is
    when it is needed, and a promotion asks that peer what is missing. On
    the holder, only a receiver that has given up counts, or is turned away by a peer that lives: a
    standby that is being restarted is no news."""
    for channel in _channels(seen, config):
        given_up = channel.receiver == "No" or channel.turned_away
        down = given_up if seen.holder else not (channel.receiving or channel.source_offline)
        if down and (seen.holder or seen.peer == OPEN):
            source = f"{channel.source_host} port {channel.source_port}"
            said = f"is not connected to {source}: {channel.receiver_said}"
            return f"the receiver{_named(channel)} {said}"
    return ""


def _lag(seen: Observation, config: Config) -> str:
    for channel in () if seen.found.caught_up else _channels(seen, config):
        lag = channel.lag_seconds
        late = lag is not None and lag > config.max_lag
        if late and (seen.holder or seen.peer == OPEN):
            return f"{lag} s behind {channel.source_host}{_named(channel)}: max_lag is " + (
                f"{config.max_lag:g} s"
            )
    return "" if seen.holder else seen.found.behind


def _not_open(seen: Observation, _config: Config) -> str:
    if not seen.unopened or seen.unopened_for <= NOT_OPEN_AFTER:
        return ""
    at_work = "a promotion is at work" if seen.promoting else "no promotion is at work"
    return (
        f"the VIP is here, but this server has been closed for {seen.unopened_for:.0f} s, and so"
        f" nobody serves; {at_work}"
    )


def _cannot_tell(seen: Observation, config: Config) -> str:
    said = _failure(UNASKABLE, UNKNOWN)(seen, config) or seen.found.not_our_pair
    if said or not seen.vips_missing:
        return said
    return (
        f"of vip in {config.path} {seen.vips_missing} is not on this host, and the rest is:"
        " make vip and virtual_ipaddress in keepalived.conf the same"
    )


# In the order of the worst finding: what closes an open node comes before what keeps it. The very
# first is ISOLATED, as the peer counts the seconds until this node is closed (two_clocks): a mysqld
# that hangs or ends besides has less time than elsewhere.
RULES = (
    Rule(
        "ISOLATED",
        15,
        SERVICE,
        FAIL,
        FAIL,
        "neither the peer's host nor a witness has answered for isolation_timeout",
        lambda seen, _config: seen.isolated,
    ),
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
        "GAVE_WAY",
        16,
        SERVICE,
        FAIL,
        FAIL,
        "this node was superseded, or its promotion was refused; until it may return",
        lambda seen, _config: seen.gave_way,
    ),
    Rule(
        "TWO_WRITERS",
        17,
        NO_SERVICE,
        IF_OURS_TO_CLOSE,
        FAIL,
        "this node and the peer are both open",
        _found("two_writers"),
    ),
    Rule(
        "WRITES_STALLED",
        12,
        SERVICE,
        IF_PEER_IS_FIT,
        WHILE_VIP_IS_ELSEWHERE,
        "the same writer waits for disk space, commit or semi-sync, or a disk is mute, for 10 s",
        _found("stalled"),
    ),
    Rule(
        "DISK_FULL",
        13,
        SERVICE,
        IF_PEER_IS_FIT,
        WHILE_VIP_IS_ELSEWHERE,
        "less than min_free is left for datadir, binary log or tmpdir",
        _found("disk_full"),
    ),
    Rule(
        "FILESYSTEM_READ_ONLY",
        14,
        SERVICE,
        IF_PEER_IS_FIT,
        WHILE_VIP_IS_ELSEWHERE,
        "the file system of datadir, binary log or tmpdir is mounted read-only",
        _found("disk_read_only"),
    ),
    Rule(
        "UNABLE_TO_SERVE",
        19,
        SERVICE,
        IF_PEER_IS_FIT,
        FAIL,
        "offline_mode, innodb_read_only, innodb_force_recovery, transaction_read_only, a member of"
        " Group Replication",
        _found("unable"),
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
        "WRITES_HELD_UP",
        28,
        SERVICE,
        KEEP,
        FAIL,
        "every write has waited for 10 s for a lock that a connection holds, which is named",
        _found("held_up"),
    ),
    Rule(
        "WITHOUT_GTIDS",
        26,
        STANDBY,
        KEEP,
        FAIL,
        "this server replicates by file and offset, so nobody can tell what it lacks",
        _without_gtids,
    ),
    Rule(
        "APPLIER_STOPPED",
        20,
        STANDBY,
        KEEP,
        IF_BROKEN,
        "what the peer writes is not applied here",
        _applier_stopped,
    ),
    Rule(
        "NOT_REPLICATING",
        21,
        STANDBY,
        KEEP,
        Effect(True, "on_broken_replica", "open"),
        "no replication channel is configured, or it has a filter and leaves something out",
        _not_replicating,
    ),
    Rule(
        "ERRANT_TRANSACTIONS",
        22,
        STANDBY,
        KEEP,
        FAIL,
        "this standby has transactions of its own that the peer lacks",
        _found("errant"),
    ),
    Rule(
        "RECEIVER_STOPPED",
        23,
        STANDBY,
        KEEP,
        FAIL,
        "standby: not connected to a peer that is open; holder: it has given up, or is refused",
        _receiver_stopped,
    ),
    Rule(
        "LAG",
        24,
        STANDBY,
        KEEP,
        FAIL,
        "further behind than max_lag; standby: while the peer is open",
        _lag,
    ),
    Rule(
        "STALE",
        29,
        STANDBY,
        KEEP,
        Effect(True, "on_stale_replica", "open"),
        "standby: the peer is away, and this one was behind it by more than max_lag when it served",
        _found("stale"),
    ),
    Rule(
        "TOO_MANY_CONNECTIONS",
        25,
        SERVICE,
        Effect(False, "too_many_connections", "fail"),
        FAIL,
        "alive, but no connection is left for this check (1040, 1203, 1226)",
        _failure(BUSY),
    ),
    Rule(
        "NOT_OPEN",
        27,
        NO_SERVICE,
        KEEP,
        KEEP,
        "the VIP is here, but this server has been closed for 5 s: nobody serves",
        _not_open,
    ),
    Rule(
        "UNKNOWN",
        30,
        NOT_KNOWN,
        KEEP,
        FAIL,
        "the check cannot tell: access denied, missing privilege, error; some VIPs missing; another"
        " server at the peer's address",
        _cannot_tell,
    ),
)


def _channels(seen: Observation, config: Config) -> tuple[Channel, ...]:
    return () if seen.facts is None else channels_by_address(seen.facts.channels, config.peer)


def _named(channel: Channel) -> str:
    return f" of channel {channel.label}" if channel.name else ""


def _healthy(seen: Observation, config: Config) -> str:
    facts = seen.facts
    if facts is None:
        return "nothing is known to be wrong"
    access = "open" if facts.writable else "closed" if facts.closed else "closed for most"
    place = "the VIP is here" if seen.vip_here else "the VIP is elsewhere"
    said = []
    for channel in _channels(seen, config):
        known = channel.lag_seconds is not None and channel.receiving
        lag = f"{channel.lag_seconds} s behind" if known else "lag unknown"
        said.append(f"{lag}, receiver {channel.receiver}")
    return f"{facts.version} {access}, {place}; {', '.join(said)}"
