"""doctor's rules on a member of a cluster. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kachecks.cluster.facts import Galera, Group
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row

if TYPE_CHECKING:
    from kachecks.cluster.facts import Member

_LEAST_SUSPICION = 2.0
"""Seconds. With 1 the whole cluster lost its quorum, twice of two tries (Galera 26.4.23)."""

_VOTES = 3


class MemberFacts(NamedTuple):
    """What is known of this node's server."""

    member: Member | None
    trouble: str  # why it is not known; "" it is
    variables: dict[str, str]
    privileges: str  # what SHOW GRANTS has told, in capitals, without names of accounts
    channels: tuple[str, ...]  # asynchronous ones that run
    one_writer: bool  # writers = one


def _asked(facts: MemberFacts) -> Iterator[Found]:
    if facts.member is None:
        yield Found(facts.trouble)


def _is_member(facts: MemberFacts) -> Iterator[Found]:
    if facts.member is None:
        return
    for sentence in (facts.member.no_quorum, facts.member.outside, facts.member.rejects):
        if sentence:
            yield Found(sentence)


def _votes(facts: MemberFacts) -> Iterator[Found]:
    member = facts.member
    if member is None:
        return
    number = len(member.members) if isinstance(member, Group) else member.size
    if number < _VOTES:
        yield Found(f"this member sees {number}, itself included")


def _expel(facts: MemberFacts) -> Iterator[Found]:
    member = facts.member
    if isinstance(member, Group) and member.expel_seconds:
        yield Found(f"group_replication_member_expel_timeout is {member.expel_seconds}")


def _majority(facts: MemberFacts) -> Iterator[Found]:
    name = "group_replication_unreachable_majority_timeout"
    if isinstance(facts.member, Group) and facts.variables.get(name) == "0":
        yield Found(f"{name} is 0")


def _single_primary(facts: MemberFacts) -> Iterator[Found]:
    name = "group_replication_single_primary_mode"
    if isinstance(facts.member, Group) and facts.variables.get(name) == "OFF":
        yield Found(f"{name} is OFF")


def _channels(facts: MemberFacts) -> Iterator[Found]:
    for _ in facts.channels[:1]:
        yield Found(f"this member reads from outside the group, by {len(facts.channels)} channels")


def _suspicion(facts: MemberFacts) -> Iterator[Found]:
    member = facts.member
    if isinstance(member, Galera) and member.suspect_seconds < _LEAST_SUSPICION:
        yield Found(f"evs.suspect_timeout is {member.suspect_seconds:g} s")


def _sst(facts: MemberFacts) -> Iterator[Found]:
    if isinstance(facts.member, Galera) and facts.variables.get("wsrep_sst_method") == "rsync":
        yield Found("wsrep_sst_method is rsync")


def _grants(facts: MemberFacts) -> Iterator[Found]:
    if facts.member is None:
        yield not_checked("the server cannot be asked")
        return
    if isinstance(facts.member, Group):
        needed = ["PROCESS", "CONNECTION_ADMIN", "GROUP_REPLICATION_ADMIN"]
    else:
        needed = ["PROCESS", "CONNECTION ADMIN"]
        needed += ["READ_ONLY ADMIN"] if facts.one_writer else []
    missing = [each for each in needed if each not in facts.privileges]
    if missing and "ALL PRIVILEGES" not in facts.privileges:
        yield Found(f"our account lacks {', '.join(missing)}")


_IN_MY_CNF = "in [mysqld] of my.cnf on all members (keepalived-snippets/clusters)"

TABLE: Table[MemberFacts] = (
    row(
        "MEMBER_ASKED",
        FAILURE,
        _asked,
        "the server of this node can be asked, and has an engine",
        "The check says UNKNOWN or fails, and no hook can do its work.",
        "mend [client] in the option file, the account, or the server",
    ),
    row(
        "MEMBER_OF_CLUSTER",
        FAILURE,
        _is_member,
        "this member is in the cluster, with a quorum, and takes clients",
        "It is not fit to have the VIP.",
        "see what the check says: check_mysql -v",
    ),
    row(
        "MEMBER_GRANTS",
        FAILURE,
        _grants,
        "our account may see and cut connections, and make this member the writer",
        "It is not known before the VIP comes; then it goes back, and nobody serves meanwhile.",
        "run the grants file of keepalived-snippets/clusters again",
    ),
    row(
        "THREE_VOTES",
        WARNING,
        _votes,
        "the cluster has three members at least",
        "Of two members neither has a majority when the other one dies.",
        "a third member, or an arbitrator (garbd) for Galera",
    ),
    row(
        "EXPEL_TIMEOUT",
        WARNING,
        _expel,
        "group_replication_member_expel_timeout = 0",
        "A dead primary costs 22 s of writes instead of 7 (9.7.4). With 0 whoever is silent for"
        " more than 5 s is out and joins again: whether that is worth it is yours to say.",
        f"set loose_group_replication_member_expel_timeout = 0 {_IN_MY_CNF}",
    ),
    row(
        "UNREACHABLE_MAJORITY",
        WARNING,
        _majority,
        "group_replication_unreachable_majority_timeout is not 0",
        "Clients of a member that is cut off wait without end for their commits.",
        f"set loose_group_replication_unreachable_majority_timeout = 8 {_IN_MY_CNF}",
    ),
    row(
        "SINGLE_PRIMARY",
        WARNING,
        _single_primary,
        "group_replication_single_primary_mode = ON",
        "Each member is a primary then, and the one with the VIP is not made the only one.",
        "SELECT group_replication_switch_to_single_primary_mode()",
    ),
    row(
        "OUTSIDE_CHANNELS",
        WARNING,
        _channels,
        "no channel reads from outside the group",
        "While one runs on the primary no other member can be made primary: no switchover.",
        "STOP REPLICA before a switchover",
    ),
    row(
        "SUSPECT_TIMEOUT",
        FAILURE,
        _suspicion,
        "evs.suspect_timeout is 2 s at least",
        "A busy moment takes the quorum away from the whole cluster.",
        f'set wsrep_provider_options = "evs.suspect_timeout=PT2S" {_IN_MY_CNF}',
    ),
    row(
        "SST_METHOD",
        WARNING,
        _sst,
        "wsrep_sst_method is not rsync",
        "While another member copies its data from this one, writes stand still here: 4 s for"
        " 900 MB.",
        f"set wsrep_sst_method = mariabackup {_IN_MY_CNF}",
    ),
)
