"""What is not as it should be in one keepalived.conf, whatever the other node's says. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kachecks.keepalived.conf import Conf, Statement
from kachecks.keepalived.left_out import left_out
from kachecks.keepalived.values import address

_PLACE_HOLDER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_ADDRESSES = ("virtual_ipaddress", "unicast_peer")
_DEFINITIONS = {
    "vrrp_script": "track_script",
    "track_file": "track_file",
    "vrrp_track_file": "track_file",
    "vrrp_track_process": "track_process",
}


class FileFinding(NamedTuple):
    """One thing in one file."""

    code: str
    sentence: str
    where: str  # FILE:LINE
    fatal: bool = False


def file_findings(conf: Conf) -> list[FileFinding]:
    """Everything that is found without another file."""
    return [
        *_templates(conf),
        *_in_fault(conf),
        *_passed_over(conf),
        *_untracked(conf),
        *_without_user(conf),
    ]


def _passed_over(conf: Conf) -> Iterator[FileFinding]:
    for note in conf.notes:
        where, _, sentence = note.partition(": ")
        yield FileFinding("PASSED_OVER", sentence, where)
    for where, sentence in left_out(conf):
        yield FileFinding("PASSED_OVER", sentence, where)


def _templates(conf: Conf) -> Iterator[FileFinding]:
    """A sample that was copied and not edited."""
    for block in conf.root.all("vrrp_instance"):
        lines = [*block.entries(*_ADDRESSES), *block.all("interface", "unicast_src_ip")]
        for line in lines:
            for word in line.words[:2]:
                held = _PLACE_HOLDER.search(word)
                if held:
                    yield FileFinding(
                        "PLACE_HOLDER",
                        f"{held[0]} is a place-holder of a sample: write what it stands for",
                        line.where,
                        fatal=True,
                    )
                    return


def _in_fault(conf: Conf) -> Iterator[FileFinding]:
    """Instances that are in FAULT from the start: both were started with keepalived 2.2.7.

    With multicast a source that is the virtual address does no harm. An ipvlan does not take its
    address from mcast_src_ip.
    """
    for block in conf.root.all("vrrp_instance"):
        lines = block.entries("virtual_ipaddress", "virtual_ipaddress_excluded")
        vips = [address(line.name) for line in lines]
        source, ipvlan = block.last("unicast_src_ip"), block.last("use_ipvlan")
        peers = any(address(line.name) for line in block.entries("unicast_peer"))
        if source and peers and address(source.value) in {*vips} - {""}:
            yield FileFinding(
                "SOURCE_IS_VIP",
                f"{source.value} is a virtual address of {block.value} as well: a node that does"
                " not hold it stays in FAULT and never takes it; write an address that the node"
                " always has",
                source.where,
                fatal=True,
            )
        is_ipv4 = any(vips) and not any(":" in vip for vip in vips)
        if ipvlan and is_ipv4 and not any(map(address, ipvlan.words[1:])):
            yield FileFinding(
                "IPVLAN_SOURCE",
                f"use_ipvlan of {block.value} has no address, and without one keepalived stays in"
                " FAULT: write the source address behind it",
                ipvlan.where,
                fatal=True,
            )


def _untracked(conf: Conf) -> Iterator[FileFinding]:
    """Checks that are defined but not tracked: keepalived does not even run them."""
    blocks = conf.root.all("vrrp_instance", "vrrp_sync_group")
    for definition, keyword in _DEFINITIONS.items():
        used = {entry.name for block in blocks for entry in block.entries(keyword)}
        for statement in conf.root.all(definition):
            if statement.value not in used:
                yield FileFinding(
                    "NOT_TRACKED",
                    f"{definition} {statement.value} is in no {keyword}: it has no effect",
                    statement.where,
                )


def _without_user(conf: Conf) -> Iterator[FileFinding]:
    """Scripts that keepalived drops where there is no user for them.

    Without script_user it takes the user keepalived_script, and where there is none, root, but not
    under enable_script_security (get_default_script_user in lib/notify.c).
    """
    settings = Statement((), "", tuple(conf.root.entries("global_defs")))
    if not settings.last("enable_script_security"):
        return
    told = settings.last("script_user")
    for script in conf.root.all("vrrp_script"):
        if not script.last("user") and not (told and told.value):
            yield FileFinding(
                "SCRIPT_USER",
                f"vrrp_script {script.value} has no user, and there is no script_user: where no"
                " user keepalived_script exists, keepalived goes on without this check",
                script.where,
            )
