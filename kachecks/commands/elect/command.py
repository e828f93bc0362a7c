"""kachecks elect A.conf B.conf: who holds the VIP, by the election rules of VRRP.

Reads the keepalived.conf of both nodes. Says who holds the VIP in every situation and, in words,
why a pair of configurations never fails over. No running keepalived is asked.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence

from kachecks import __version__
from kachecks.command_line import UNUSABLE, bare_operator_parser
from kachecks.commands.elect.report import as_json, as_text
from kachecks.keepalived.conf import Conf, ConfError, own_config_id, read
from kachecks.keepalived.election import higher_address
from kachecks.keepalived.file_findings import file_findings
from kachecks.keepalived.findings import FAILURE, WARNING, ElectionFinding, findings
from kachecks.keepalived.instance import Instance, instances
from kachecks.keepalived.situations import Sides, situations
from kachecks.report import say, say_lines

_STATUSES = """\
exit status:
  0  the VIP fails over as it should
  1  it does, with warnings
  2  it never fails over, or both nodes hold it at once
  3  a file cannot be used, or wrong command line

examples:
  kachecks elect /etc/keepalived/keepalived.conf /tmp/the-other-node.conf
  kachecks elect --config-id-a=db1 --config-id-b=db2 keepalived.conf keepalived.conf"""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print, return the exit status of the worst finding."""
    options = parser().parse_args(argv)
    try:
        confs = [
            read(options.a, options.config_id_a, options.keepalived),
            read(options.b, options.config_id_b, options.keepalived),
        ]
        elections = list(_elections(confs[0], confs[1], options))
    except ConfError as error:
        say(f"kachecks elect: {error}")
        return UNUSABLE
    status = max(
        (finding.level for _, found in elections for finding in found),
        default=0,
    )
    told = [(sides, situations(sides), found) for sides, found in elections]
    said = json.dumps(as_json(told, status), indent=2) if options.json else as_text(told, status)
    say_lines(said)
    return status


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = bare_operator_parser(
        "kachecks elect",
        "Say who holds the VIP in every situation of two nodes, by the election rules of VRRP.",
        _STATUSES,
    )
    parsing.add_argument("a", metavar="A.conf", help="keepalived.conf of one node")
    parsing.add_argument("b", metavar="B.conf", help="keepalived.conf of the other")
    parsing.add_argument("--instance", metavar="NAME", help="look only at this vrrp_instance")
    for node in "ab":
        parsing.add_argument(
            f"--config-id-{node}",
            metavar="ID",
            help=f"what keepalived gets with -i on {node.upper()}; for @ID lines"
            " (default: this host's name)",
        )
        parsing.add_argument(
            f"--address-{node}",
            metavar="IP",
            default="",
            help=f"address of {node.upper()} on the VRRP interface, which decides between equal"
            " priorities (default: unicast_src_ip or mcast_src_ip)",
        )
    parsing.add_argument(
        "--keepalived",
        metavar="VERSION",
        type=_version,
        help="of the keepalived that reads both files, such as 2.1.5: what is later or earlier"
        " another thing is then that one's (default: 2.2, with the keywords of all)",
    )
    parsing.add_argument("--json", action="store_true", help="for programs")
    parsing.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parsing


def _version(text: str) -> tuple[int, int]:
    """Major and minor. Raises ArgumentTypeError: it is no version."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    if not (major.isdecimal() and minor.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text} is no version, such as 2.2.7")
    return int(major), int(minor)


def _elections(
    one: Conf, other: Conf, options: argparse.Namespace
) -> Iterator[tuple[Sides, list[ElectionFinding]]]:
    """The pairs of instances that an election is held between, and what is found about each."""
    lone: list[ElectionFinding] = []
    pairs = _paired(one, other, options.instance, lone)
    general = [
        *_unchosen(one, options.config_id_a, "a"),
        *_unchosen(other, options.config_id_b, "b"),
        *_same_file(one, other, options),
        *_in_one(one),
        *_in_one(other),
        *lone,
    ]
    for a, b in pairs:
        addresses = (options.address_a or a.source, options.address_b or b.source)
        sides = Sides(a, b, higher_address(*addresses))
        yield sides, sorted([*findings(sides), *general], key=lambda finding: -finding.level)
        general = []  # these are said once


def _paired(
    one: Conf, other: Conf, name: str | None, lone: list[ElectionFinding]
) -> list[tuple[Instance, Instance]]:
    """Instances that belong together: by name, or by VRID and family, or as the only ones in their
    files.

    Raises:
        ConfError: no pair can be made.
    """
    left, right = _called(one, name), _called(other, name)
    pairs = []
    for same in (_name, _network):
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


def _name(instance: Instance) -> object:
    return instance.name


def _network(instance: Instance) -> object:
    return instance.family, instance.vrid


def _unchosen(conf: Conf, config_id: str | None, node: str) -> Iterator[ElectionFinding]:
    """The file has lines for named hosts, and it was not said which host it is read for."""
    if conf.ids and config_id is None:
        named = ", ".join(f"@{name}" for name in sorted(conf.ids))
        yield ElectionFinding(
            1,
            "CONFIG_ID_GUESSED",
            f"there are lines for {named}, and they were read as on {own_config_id()};"
            f" --config-id-{node} ID names another host",
            conf.path,
        )


def _in_one(conf: Conf) -> Iterator[ElectionFinding]:
    for found in file_findings(conf):
        level = FAILURE if found.fatal else WARNING
        yield ElectionFinding(level, found.code, found.sentence, found.where)


def _same_file(one: Conf, other: Conf, options: argparse.Namespace) -> Iterator[ElectionFinding]:
    if options.config_id_a == options.config_id_b and os.path.samefile(one.path, other.path):
        yield ElectionFinding(
            FAILURE,
            "SAME_FILE",
            "both nodes' files are the same one, so that nothing can be said about the pair: name"
            " the other node's, or two --config-id",
            other.path,
        )
