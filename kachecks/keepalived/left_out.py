"""What keepalived leaves out of a file with no more than a line in its log: 2.2.7 with ``-t``."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.keepalived.conf import Conf, Statement
from kachecks.keepalived.instance_lines import is_multicast
from kachecks.keepalived.outline import members
from kachecks.keepalived.values import address, within

_MOST = {"interval": 4294, "rise": 2**31 - 1, "fall": 2**31 - 1}
_FILES = ("track_file", "vrrp_track_file")


def left_out(conf: Conf) -> Iterator[tuple[str, str]]:
    """FILE:LINE and a sentence for each."""
    for script in conf.root.all("vrrp_script"):
        yield from _numbers(script)
    for definition in conf.root.all(*_FILES):
        yield from _weights(definition)
    for line in conf.root.entries("global_defs"):
        yield from _setting(line)
    for block in conf.root.all("vrrp_instance"):
        vrf = block.last("vrf")
        if vrf and block.last("interface"):
            yield vrf.where, "vrf does not go with an interface: keepalived goes on without vrf"
    yield from _groups(conf)


def _numbers(script: Statement) -> Iterator[tuple[str, str]]:
    for line in script.all(*_MOST):
        if within(line.value, 1, _MOST[line.name]) is None:
            yield (
                line.where,
                f"{line.name} {line.value} is no whole number from 1 to {_MOST[line.name]}:"
                " keepalived does not take it, and uses 1 where no other is written",
            )


def _weights(definition: Statement) -> Iterator[tuple[str, str]]:
    """Of a file the first that is not 1 counts."""
    first = ""
    for line in definition.all("weight"):
        if first:
            yield line.where, f"the weight is {first} already: keepalived passes this line over"
        elif line.value != "1":
            first = line.value


def _setting(line: Statement) -> Iterator[tuple[str, str]]:
    if line.name == "vrrp_version" and within(line.value, 2, 3) is None:
        yield line.where, f"vrrp_version {line.value}: only 2 and 3 exist, it is not taken"
    group = line.value if line.name in ("vrrp_mcast_group4", "vrrp_mcast_group6") else ""
    if group and not (address(group) and is_multicast(address(group))):
        yield line.where, f"{line.name} {group} is not multicast: keepalived passes it over"


def _groups(conf: Conf) -> Iterator[tuple[str, str]]:
    existing = {block.value for block in conf.root.all("vrrp_instance")}
    taken: dict[str, str] = {}
    for group in conf.root.all("vrrp_sync_group"):
        own = members(group)
        for name in own:
            if name not in existing:
                yield group.where, f"{name} in {group.value} is no vrrp_instance: it is left out"
            elif name in taken:
                yield (
                    group.where,
                    f"{name} is in vrrp_sync_group {taken[name]} already: keepalived leaves it out"
                    f" of {group.value}",
                )
            taken.setdefault(name, group.value)
        if not existing.intersection(own):
            yield group.where, f"keepalived removes {group.value}, which has no vrrp_instance"
