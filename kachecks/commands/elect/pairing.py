"""Which vrrp_instance of one file is held against which of the other."""

from __future__ import annotations

from kachecks.keepalived.conf import Conf, ConfError
from kachecks.keepalived.findings import FAILURE, ElectionFinding
from kachecks.keepalived.instance import Instance, instances


def paired(
    one: Conf, other: Conf, name: str | None, lone: list[ElectionFinding]
) -> list[tuple[Instance, Instance]]:
    """Instances that belong together: those that hear each other, then by name, then by VRID, or as
    the only ones in their files.

    Raises:
        ConfError: no pair can be made.
    """
    left, right = _called(one, name), _called(other, name)
    pairs = []
    for same in (_heard, _name, _link, _network):
        for a in list(left):
            match = next((b for b in right if same(a) == same(b)), None)
            if match:
                pairs.append((a, match))
                left.remove(a)
                right.remove(match)
    if len(left) == len(right) == 1:
        pairs.append((left.pop(), right.pop()))
    if not pairs:
        raise ConfError(
            f"{one.path}: none of its instances is one of {other.path}: --instance NAME"
        )
    for instance, path in [(a, other.path) for a in left] + [(b, one.path) for b in right]:
        lone.append(
            ElectionFinding(
                FAILURE,
                "ONE_NODE_ONLY",
                f"vrrp_instance {instance.name} has no partner in {path}: nobody takes over",
                instance.where,
            )
        )
    return pairs


def _called(conf: Conf, name: str | None) -> list[Instance]:
    """All instances, or those of that name. Raises ConfError: there is none."""
    found = [each for each in instances(conf) if name is None or each.name == name]
    if not found:
        raise ConfError(f"{conf.path}: has no vrrp_instance{'' if name is None else f' {name}'}")
    return found


def _heard(instance: Instance) -> object:
    """What two instances hear each other by, whatever they are called."""
    return (*_network(instance), instance.vips) if instance.vips else instance.where


def _name(instance: Instance) -> object:
    return instance.name


def _link(instance: Instance) -> object:
    return (*_network(instance), instance.interface)


def _network(instance: Instance) -> tuple[int, int]:
    return instance.family, instance.vrid
