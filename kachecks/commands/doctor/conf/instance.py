"""doctor on the vrrp_instance of a pair: rules over one node's keepalived.conf. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import Setup, vips
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table
from kachecks.keepalived.instance import OWNER, Instance

_SLOW = 100  # ms that a takeover after a voluntary release may wait for VRRP
_TOLD = ("auth_pass", "nopreempt does nothing", "state MASTER", "no authentication")
"""Corrections of keepalived that a rule of their own tells."""


def _carries_vip(setup: Setup) -> Iterator[Found]:
    wanted = vips(setup.config)
    said = ", ".join(sorted(wanted))
    if setup.instance is None:
        names = ", ".join(one.name for one in setup.instances) or "there is none"
        yield Found(
            f"no vrrp_instance has {said} as virtual_ipaddress ({names})",
            setup.conf.path,
            setup.node,
            f"make vip in {setup.config.path} and virtual_ipaddress in {setup.conf.path} the same",
        )
        return
    carried = setup.carried(setup.instance)
    if carried != wanted:
        yield Found(
            f"vrrp_instance {setup.instance.name} has {', '.join(sorted(carried))},"
            f" the option file has vip = {said}",
            setup.instance.where,
            setup.node,
            f"make vip in {setup.config.path} and virtual_ipaddress of {setup.instance.name} the"
            " same",
        )
    for other in setup.instances:
        if other is not setup.instance and setup.carried(other) & wanted:
            yield Found(
                f"vrrp_instance {other.name} has {said} as well as {setup.instance.name}",
                other.where,
                setup.node,
                f"remove {said} from vrrp_instance {other.name}",
            )


def _runs(setup: Setup) -> Iterator[Found]:
    if setup.instance and setup.instance.dropped:
        yield Found(
            f"keepalived runs without vrrp_instance {setup.instance.name}:"
            f" {setup.instance.dropped}",
            setup.instance.where,
            setup.node,
        )


def _as_written(setup: Setup) -> Iterator[Found]:
    notes = setup.conf.notes + (setup.instance.notes if setup.instance else ())
    for note in notes:
        if not any(told in note for told in _TOLD):
            where, _, sentence = note.partition(": ")
            yield Found(sentence, where, setup.node)


def _is_backup(setup: Setup) -> Iterator[Found]:
    if setup.instance and setup.instance.state != "BACKUP":
        yield Found(
            f"vrrp_instance {setup.instance.name} has state {setup.instance.state}",
            setup.instance.where,
            setup.node,
            f"write `state BACKUP` in vrrp_instance {setup.instance.name}",
        )


def _does_not_preempt(setup: Setup) -> Iterator[Found]:
    stated = setup.block.last("nopreempt", "preempt")
    if setup.instance and (stated is None or stated.name != "nopreempt"):
        yield Found(
            f"vrrp_instance {setup.instance.name} has no nopreempt",
            setup.instance.where,
            setup.node,
            f"write `nopreempt` in vrrp_instance {setup.instance.name}",
        )


def _is_no_owner(setup: Setup) -> Iterator[Found]:
    if setup.instance and setup.instance.priority == OWNER:
        yield Found(
            f"vrrp_instance {setup.instance.name} has priority {OWNER}",
            setup.instance.where,
            setup.node,
            f"give vrrp_instance {setup.instance.name} priority 250 on one node, 249 on the other",
        )


def _takes_over_fast(setup: Setup) -> Iterator[Found]:
    instance = setup.instance
    if instance is None:
        return
    wait = skew_ms(instance)
    if wait > _SLOW:
        yield Found(
            f"with priority {instance.priority} this node waits {wait:.0f} ms more than it must"
            " when the other one has released the VIP",
            instance.where,
            setup.node,
            f"give vrrp_instance {instance.name} priority 250 on one node, 249 on the other",
        )


def skew_ms(instance: Instance) -> float:
    """Milliseconds from the other node's release (priority 0) to this one's MASTER.

    RFC 3768 and RFC 5798, Skew_Time: (256 - priority) / 256, of a second or, in version 3, of the
    advert interval.
    """
    unit = instance.advert_int if instance.version == 3 else 1.0
    return (256 - instance.priority) / 256 * unit * 1000


TABLE: Table[Setup] = (
    (
        Rule(
            "VIP_INSTANCE",
            FAILURE,
            "one vrrp_instance has exactly the addresses of vip in the option file",
            "kachecks looks for vip; keepalived moves virtual_ipaddress. Where they differ, a node"
            " never counts as holder and never opens, or opens without the clients' address.",
            "make vip in the option file and virtual_ipaddress in keepalived.conf the same",
        ),
        _carries_vip,
    ),
    (
        Rule(
            "INSTANCE_DROPPED",
            FAILURE,
            "keepalived accepts the vrrp_instance",
            "keepalived logs a line and runs without an instance that it cannot use: no VIP here.",
            "correct what the sentence names, and try it with keepalived -t",
        ),
        _runs,
    ),
    (
        Rule(
            "NOT_AS_WRITTEN",
            WARNING,
            "keepalived does what keepalived.conf says",
            "keepalived seldom refuses a file: it logs a line and goes on with a default, or"
            " without the statement.",
            "correct the line",
        ),
        _as_written,
    ),
    (
        Rule(
            "STATE_BACKUP",
            FAILURE,
            "state BACKUP on both nodes",
            "a node with state MASTER claims the VIP one advert after its start, from a node that"
            " serves; and nopreempt means nothing with it.",
            "write `state BACKUP` in the vrrp_instance of both nodes",
        ),
        _is_backup,
    ),
    (
        Rule(
            "NOPREEMPT",
            FAILURE,
            "nopreempt on both nodes",
            "a node that comes back with the higher priority takes the VIP from the one that"
            " serves: each repair is a second outage. On one node alone it protects only the"
            " other one.",
            "write `nopreempt` in the vrrp_instance of both nodes",
        ),
        _does_not_preempt,
    ),
    (
        Rule(
            "PRIORITY_OWNER",
            FAILURE,
            f"a priority below {OWNER}",
            f"priority {OWNER} is the owner of the address (RFC 5798): nopreempt and checks with a"
            " weight do nothing, and it takes the VIP whenever it is up.",
            "use 250 on one node and 249 on the other",
        ),
        _is_no_owner,
    ),
    (
        Rule(
            "PRIORITY_LOW",
            WARNING,
            f"a priority so high that a takeover waits at most {_SLOW} ms for VRRP",
            "after a voluntary release the other node waits (256 - priority) / 256 s: 23 ms with"
            " 250, 609 ms with 100. It is part of every switchover and failover.",
            "use 250 on one node and 249 on the other",
        ),
        _takes_over_fast,
    ),
)
