"""kachecks setup: the files of this node, filled in, for review or in place."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from kachecks import __version__
from kachecks.command_line import UNUSABLE, absolute, bare_operator_parser, not_empty, of_kind
from kachecks.commands.setup.answers import (
    QUESTIONS,
    ROUTER,
    ROUTER_ID,
    Answers,
    disagreement,
)
from kachecks.commands.setup.asking import complete
from kachecks.commands.setup.distribution import DISTRIBUTIONS, this_distribution
from kachecks.commands.setup.files import MADE, NewFile, files
from kachecks.commands.setup.next_steps import after_install, after_review
from kachecks.commands.setup.passwords import passwords
from kachecks.commands.setup.placing import Different, make_directory, place
from kachecks.commands.setup.snippets import SetupError
from kachecks.commands.text import wrap
from kachecks.config.options import DEFAULT_PATH, ConfigError
from kachecks.network import interfaces
from kachecks.report import say, say_lines

PROGRAMS = "/opt/kachecks/bin"
"""Where keepalived.conf and the drop-in look for them."""

DIFFERS = 1

_EPILOG = f"""\
Give the same options on both nodes, but for --node. What is not given is told by this host (its
addresses and routes, the habits of its distribution), or asked where somebody is at a terminal.
Nothing is restarted, and no file is replaced: one that is there already and differs is named, and
nothing is written.

The passwords of kachecks' own accounts are the same on both nodes. They are never printed, and are
on no command line: node 1 gets random ones, or those of the option file that is there already, node
2 takes them from a copy of node 1's {DEFAULT_PATH} (--passwords-from).

Debian's paths and names were tried, those of Red Hat's family were not.

exit status:
  0  the files are written, or were there already just so
  1  a file is there already and differs; nothing was written
  3  an answer, a file or the command line cannot be used

examples:
  kachecks setup --to /root/review
  kachecks setup --server mariadb --vip 10.0.0.100/24 --node1-address 10.0.0.1 \
--node2-address 10.0.0.2 --to /root/review"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = bare_operator_parser(
        "kachecks setup",
        "Write all files that this node of a pair needs: option file, grants, my.cnf,"
        " keepalived.conf, systemd's drop-in and tmpfiles.",
        _EPILOG,
    )
    where = parsing.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--to", metavar="DIR", type=not_empty, help="write them below DIR, for review"
    )
    where.add_argument("--install", action="store_true", help="write them in place, as root")
    _add_questions(parsing)
    parsing.add_argument(
        "--passwords-from",
        metavar="FILE",
        type=not_empty,
        help="an option file that has them: node 1's",
    )
    parsing.add_argument(
        "--router-id",
        metavar="NUMBER",
        type=of_kind(ROUTER),
        default=ROUTER_ID,
        help="virtual_router_id, 1 to 255, used by nobody else on this network"
        f" (default {ROUTER_ID})",
    )
    parsing.add_argument(
        "--unicast",
        action="store_true",
        help="VRRP where multicast does not pass; on both nodes or on neither",
    )
    parsing.add_argument(
        "--distribution",
        choices=list(DISTRIBUTIONS),
        help="whose paths and units (default: this host's)",
    )
    parsing.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parsing


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, fill in, write, say what is next; the exit status."""
    options = vars(parser().parse_args(argv))
    directory, install, source = (options.pop(name) for name in ("to", "install", "passwords_from"))
    options["distribution"] = options["distribution"] or this_distribution()
    try:
        root = "" if install else absolute(directory)
        answers = complete(options)
        _must_agree(answers)
        if install:
            _must_be_this_node(answers)
        secret = passwords(source, root + DEFAULT_PATH, answers.node)
        wanted = files(answers, secret)
        if install:
            _must_have_directories(wanted)
        else:
            make_directory(root)
        written = place(wanted, root)
    except Different as error:
        say(f"kachecks setup: {error}; nothing was written: {_way_out(install)}", "stderr")
        return DIFFERS
    except (SetupError, ConfigError) as error:
        say(f"kachecks setup: {error}", "stderr")
        return UNUSABLE
    _tell(answers, written)
    say_lines("\n".join(after_install(answers) if install else after_review(answers, root)))
    return 0


def _add_questions(parsing: argparse.ArgumentParser) -> None:
    for question in QUESTIONS:
        parsing.add_argument(
            question.option,
            metavar=None if question.choices else question.metavar,
            choices=question.choices,
            type=of_kind(question.kind),
            help=question.meaning,
        )


def _must_agree(answers: Answers) -> None:
    wrong = disagreement(answers)
    if wrong:
        raise SetupError(wrong)


def _must_be_this_node(answers: Answers) -> None:
    """Raises SetupError: what is written in place would be another host's."""
    if os.geteuid() != 0:
        raise SetupError("--install must run as root; --to DIR need not")
    if answers.address not in interfaces.own_addresses():
        raise SetupError(
            f"this host has not {answers.address}, which is node {answers.node}'s own address:"
            " another --node, or --to DIR"
        )
    if not interfaces.exists(answers.interface):
        raise SetupError(f"this host has no interface {answers.interface}: another --interface")
    if not os.access(f"{PROGRAMS}/check_mysql", os.X_OK):
        raise SetupError(
            f"{PROGRAMS}/check_mysql is not there, and keepalived would run it: install kachecks"
            " there first"
        )


def _must_have_directories(wanted: Sequence[NewFile]) -> None:
    """Raises SetupError: a file would lie where nobody reads it."""
    for each in wanted:
        directory = os.path.dirname(each.path)
        if directory not in MADE and not os.path.isdir(directory):
            raise SetupError(
                f"{directory} is not there, so nobody would read {each.path}: install keepalived"
                " and the server first, or see --server and --distribution"
            )


def _way_out(install: bool) -> str:
    if install:
        return "make the files with --to DIR, compare, and merge by hand, or move yours away"
    return "name another DIR, or move it away"


def _tell(answers: Answers, written: Sequence[str]) -> None:
    """Whom they are for, and which are new."""
    whom = (
        f"node {answers.node}: {answers.server} at {answers.socket}, VIP {answers.vip} on"
        f" {answers.interface}, the other node {answers.peer}, witness {answers.witness or 'none'}"
    )
    say_lines("\n".join(wrap(whom, rest="  ")))
    for path in written:
        say(f"  written: {path}")
    if not written:
        say("  all files are there already just so")
