"""kachecks elect A.conf B.conf [C.conf ...]: who holds the VIP, by the election rules of VRRP.

Reads the keepalived.conf of all nodes. Says who holds the VIP in every situation of two of them
and, in words, why a pair of configurations never fails over. Of more than two nodes each pair is
looked at, as A and B: who holds the VIP among several is the one that wins against each of the
others that live. No running keepalived is asked.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from kachecks import __version__
from kachecks.command_line import bare_operator_parser, not_empty, of_kind, unusable
from kachecks.commands.elect.pairing import paired
from kachecks.commands.elect.report import as_json, as_text
from kachecks.config.kinds import ON_THE_LINK
from kachecks.keepalived.conf import Conf, ConfError, own_config_id, read
from kachecks.keepalived.election import higher_address
from kachecks.keepalived.file_findings import file_findings
from kachecks.keepalived.findings import FAILURE, WARNING, ElectionFinding, findings
from kachecks.keepalived.group_findings import group_findings
from kachecks.keepalived.instance import Instance, canonical
from kachecks.keepalived.situations import Sides, situations
from kachecks.keepalived.takeover_findings import takeover_findings
from kachecks.lean import shown
from kachecks.report import say_lines

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
    parsing = parser()
    options = parsing.parse_args(argv)
    if len(options.more) > len(MORE):
        parsing.error(f"at most {2 + len(MORE)} files can be compared")
    try:
        first = (
            read(options.a, options.config_id_a, options.keepalived),
            read(options.b, options.config_id_b, options.keepalived),
        )
        nodes = [_Node(name, conf) for name, conf in zip("AB", first)]
        nodes += [
            _Node(name, read(path, None, options.keepalived))
            for name, path in zip(MORE, options.more)
        ]
        elections = [
            election
            for one, other in combinations(nodes, 2)
            for election in _elections(one, other, options)
        ]
    except ConfError as error:
        return unusable("kachecks elect", str(error), options.json)
    status = max(
        (finding.level for _, found in elections for finding in found),
        default=0,
    )
    told = [(sides, situations(sides), found) for sides, found in elections]
    said = json.dumps(as_json(told, status), indent=2) if options.json else as_text(told, status)
    say_lines(said)
    return status


_LONGEST_VERSION = 20

MORE = "CDEFGHI"
"""The names of the nodes besides A and B: more members than nine no group has."""


class _Node(NamedTuple):
    """One node, by its file."""

    name: str  # A, B, ...
    conf: Conf

    def given(self, options: argparse.Namespace, what: str) -> Any:
        """The option of A or B; the others have none."""
        return getattr(options, f"{what}_{self.name.lower()}", None)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = bare_operator_parser(
        "kachecks elect",
        "Say who holds the VIP in every situation of two nodes, by the election rules of VRRP; of"
        " more than two nodes, for each pair of them.",
        _STATUSES,
    )
    parsing.add_argument("a", metavar="A.conf", type=not_empty, help="keepalived.conf of one node")
    parsing.add_argument("b", metavar="B.conf", type=not_empty, help="keepalived.conf of the other")
    parsing.add_argument(
        "more",
        metavar="C.conf",
        nargs="*",
        default=[],  # else argparse says that they are required
        type=not_empty,
        help="those of more nodes, of a cluster (read as on this host where they have @ID lines)",
    )
    parsing.add_argument(
        "--instance", metavar="NAME", type=not_empty, help="look only at this vrrp_instance"
    )
    for node in "ab":
        _add_options_of(node, parsing)
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


def _add_options_of(node: str, parsing: argparse.ArgumentParser) -> None:
    parsing.add_argument(
        f"--config-id-{node}",
        metavar="ID",
        type=not_empty,
        help=f"what keepalived gets with -i on {node.upper()}; for @ID lines"
        " (default: this host's name)",
    )
    parsing.add_argument(
        f"--address-{node}",
        metavar="IP",
        type=of_kind(ON_THE_LINK),
        help=f"address of {node.upper()} on the VRRP interface, which decides between equal"
        " priorities, and is what unicast comes from (default: unicast_src_ip or mcast_src_ip)",
    )


def _version(text: str) -> tuple[int, int]:
    """Major and minor. Raises ArgumentTypeError: it is no version."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    numbers = major.isdecimal() and minor.isdecimal()
    if not numbers or len(text) > _LONGEST_VERSION:
        found = shown(text, _LONGEST_VERSION)
        raise argparse.ArgumentTypeError(f"{found} is no version, such as 2.2.7")
    return int(major), int(minor)


def _elections(
    first: _Node, second: _Node, options: argparse.Namespace
) -> Iterator[tuple[Sides, list[ElectionFinding]]]:
    """The pairs of instances that an election is held between, and what is found about each."""
    one, other = first.conf, second.conf
    lone: list[ElectionFinding] = []
    addresses = first.given(options, "address") or "", second.given(options, "address") or ""
    pairs = paired(one, other, options.instance, lone)
    held = [
        Sides(
            _sending_from(a, addresses[0], [a for a, _ in pairs]),
            _sending_from(b, addresses[1], [b for _, b in pairs]),
            higher_address(addresses[0] or a.source, addresses[1] or b.source),
        )
        for a, b in pairs
    ]
    general = [
        *_unchosen(first, options),
        *_unchosen(second, options),
        *_same_file(first, second, options),
        *_in_one(one),
        *_in_one(other),
        *lone,
        *group_findings(held),
    ]
    for sides in held:
        found = [*findings(sides), *takeover_findings(sides), *general]
        yield sides, sorted(found, key=lambda finding: -finding.level)
        general = []  # these are said once


def _sending_from(instance: Instance, address: str, of_node: Sequence[Instance]) -> Instance:
    """The instance with the address it was said to have, as far as that is the source of unicast.

    It is not where another interface is in question too. IPv6 has its own rule: without
    unicast_src_ip it sends from no such address.
    """
    fits = instance.peers and instance.family == 4 and not instance.source and address
    if not fits or len({each.interface for each in of_node}) > 1:
        return instance
    return instance._replace(source=canonical(address))


def _unchosen(node: _Node, options: argparse.Namespace) -> Iterator[ElectionFinding]:
    """The file has lines for named hosts, and it was not said which host it is read for."""
    conf = node.conf
    if conf.ids and node.given(options, "config_id") is None:
        named = ", ".join(f"@{name}" for name in sorted(conf.ids))
        yield ElectionFinding(
            1,
            "CONFIG_ID_GUESSED",
            f"there are lines for {named}, and they were read as on {own_config_id()};"
            + (
                f" --config-id-{node.name.lower()} ID names another host"
                if node.name in "AB"
                else " name its file as A or B to say which host it is for"
            ),
            conf.path,
        )


def _in_one(conf: Conf) -> Iterator[ElectionFinding]:
    for found in file_findings(conf):
        level = FAILURE if found.fatal else WARNING
        yield ElectionFinding(level, found.code, found.sentence, found.where)


def _same_file(
    first: _Node, second: _Node, options: argparse.Namespace
) -> Iterator[ElectionFinding]:
    one, other = first.conf, second.conf
    ids = first.given(options, "config_id"), second.given(options, "config_id")
    if ids[0] == ids[1] and os.path.samefile(one.path, other.path):
        yield ElectionFinding(
            FAILURE,
            "SAME_FILE",
            "both nodes' files are the same one, so that nothing can be said about the pair: name"
            " the other node's, or two --config-id",
            other.path,
        )
