"""doctor on the vrrp_instance of a pair: rules over one node's keepalived.conf. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kachecks.commands.doctor.conf.setup import Setup, vips
from kachecks.commands.doctor.rule import FAILURE, HERE, WARNING, Finder, Found, Table, row
from kachecks.keepalived.conf import Statement
from kachecks.keepalived.file_findings import file_findings
from kachecks.keepalived.instance import OWNER, Instance, same_vrid

_SLOW = 100  # ms that a takeover after a voluntary release may wait for VRRP
_TOLD = ("auth_pass", "nopreempt does nothing", "state MASTER", "no authentication")
"""Corrections by keepalived that have a rule of their own."""
_OF_FILES = ("PASSED_OVER", "PLACE_HOLDER", "SOURCE_IS_VIP", "IPVLAN_SOURCE")
"""What is found in a file alone and has no rule of its own; on this host SCRIPT_USER has one."""


def instance_with(
    wrong: Callable[[Instance, Statement], bool], sentence: str, cure: str = "", stated: str = ""
) -> Finder[Setup]:
    """A rule about the instance with the VIP: ``wrong`` must not be true.

    Args:
        wrong: gets the instance and its block in the file.
        sentence, cure: formatted with ``own``, such as "vrrp_instance mysql", and ``instance``.
        stated: the statement to blame, where the block has it; else the instance is.
    """

    def finder(setup: Setup) -> Iterator[Found]:
        instance = setup.instance
        if instance and wrong(instance, setup.block):
            words = {"own": f"vrrp_instance {instance.name}", "instance": instance}
            blamed = setup.block.last(stated) or instance
            yield Found(sentence.format(**words), blamed.where, cure.format(**words))

    return finder


def _may_preempt(_instance: Instance, block: Statement) -> bool:
    stated = block.last("nopreempt", "preempt")
    return stated is None or stated.name != "nopreempt"


def _carries_vip(setup: Setup) -> Iterator[Found]:
    wanted = vips(setup.config)
    said = ", ".join(sorted(wanted))
    if setup.instance is None:
        names = ", ".join(one.name for one in setup.instances) or "there is none"
        yield Found(
            f"no vrrp_instance has {said} as virtual_ipaddress ({names})",
            setup.conf.path,
            f"make vip in {setup.config.path} and virtual_ipaddress in {setup.conf.path} the same",
        )
        return
    name = setup.instance.name
    carried = setup.carried(setup.instance)
    if carried != wanted:
        yield Found(
            f"vrrp_instance {name} has {', '.join(sorted(carried))}, the option file has"
            f" vip = {said}",
            setup.instance.where,
            f"make vip in {setup.config.path} and virtual_ipaddress of {name} the same",
        )
    for other in setup.instances:
        if other is not setup.instance and setup.carried(other) & wanted:
            yield Found(
                f"vrrp_instance {other.name} has {said} as well as {name}",
                other.where,
                f"remove {said} from vrrp_instance {other.name}",
            )


def _as_written(setup: Setup) -> Iterator[Found]:
    codes = _OF_FILES if setup.node == HERE else (*_OF_FILES, "SCRIPT_USER")
    found = [one for one in file_findings(setup.conf) if one.code in codes]
    notes = [f"{one.where}: {one.sentence}" for one in found]
    for note in (*notes, *(setup.instance.notes if setup.instance else ())):
        if not any(told in note for told in _TOLD):
            where, _, sentence = note.partition(": ")
            yield Found(sentence, where)


def _ends(setup: Setup) -> Iterator[Found]:
    ends = setup.conf.ends or next((one.ends for one in setup.instances), "")
    if ends and ends != same_vrid(setup.instances):  # VRID_UNIQUE
        where, _, why = ends.partition(": ")
        yield Found(f"keepalived ends: {why}", where)


def _takes_over_fast(setup: Setup) -> Iterator[Found]:
    instance = setup.instance
    wait = _skew_ms(instance) if instance else 0.0
    if instance and wait > _SLOW:
        yield Found(
            f"with priority {instance.priority} this node waits {wait:.0f} ms more than it must"
            " when the other one has released the VIP",
            instance.where,
            f"give vrrp_instance {instance.name} priority 250 on one node, 249 on the other",
        )


def _skew_ms(instance: Instance) -> float:
    """Milliseconds from the other node's release (priority 0) until this one is MASTER.

    RFC 3768 and RFC 5798, Skew_Time: (256 - priority) / 256, of a second or, in version 3, of the
    advert interval.
    """
    unit = instance.advert_int if instance.version == 3 else 1.0
    return (256 - instance.priority) / 256 * unit * 1000


TABLE: Table[Setup] = (
    row("VIP_INSTANCE", FAILURE, _carries_vip,
        "one vrrp_instance has exactly the addresses of vip in the option file",
        "kachecks looks for vip, but keepalived moves virtual_ipaddress. Where they differ, a node"
        " never counts as holder and never opens, or it opens without the clients' address.",
        "make vip in the option file and virtual_ipaddress in keepalived.conf the same"),
    row("KEEPALIVED_ENDS", FAILURE, _ends,
        "keepalived does not end because of what it reads",
        "a keyword without its value, or one vrrp_instance that lacks what it needs, ends all of"
        " keepalived when it starts or is reloaded: this node never gets the VIP.",
        "correct what the sentence names, and try it with keepalived -t"),
    row("NOT_AS_WRITTEN", WARNING, _as_written,
        "keepalived does what keepalived.conf says",
        "keepalived seldom refuses a file: it logs a line and goes on with a default, or without"
        " the statement.",
        "correct the line"),
    row("STATE_BACKUP", FAILURE,
        instance_with(lambda instance, _block: instance.state != "BACKUP",
                      "{own} has state {instance.state}", "write `state BACKUP` in {own}"),
        "state BACKUP on both nodes",
        "keepalived clears nopreempt and preempt_delay where state is MASTER, so that a node that"
        " comes back with the higher priority takes the VIP from the one that serves.",
        "write `state BACKUP` in the vrrp_instance of both nodes"),
    row("NOPREEMPT", FAILURE,
        instance_with(_may_preempt, "{own} has no nopreempt", "write `nopreempt` in {own}"),
        "nopreempt on both nodes",
        "without it, a node that comes back with the higher priority takes the VIP from the one"
        " that serves, so that each repair is a second outage. Set on one node only, it protects"
        " only the other one.",
        "write `nopreempt` in the vrrp_instance of both nodes"),
    row("PRIORITY_OWNER", FAILURE,
        instance_with(lambda instance, _block: instance.priority == OWNER,
                      f"{{own}} has priority {OWNER}",
                      "give {own} priority 250 on one node, 249 on the other"),
        f"a priority below {OWNER}",
        f"priority {OWNER} means the owner of the address (RFC 5798): it takes the VIP whenever it"
        " is up, and neither nopreempt nor a check with a weight changes that.",
        "use 250 on one node and 249 on the other"),
    row("PRIORITY_LOW", WARNING, _takes_over_fast,
        f"a priority so high that a takeover waits at most {_SLOW} ms for VRRP",
        "after a voluntary release the other node waits (256 - priority) / 256 s: 23 ms with 250,"
        " 609 ms with 100. It is part of every switchover and failover.",
        "use 250 on one node and 249 on the other"),
)  # fmt: skip
