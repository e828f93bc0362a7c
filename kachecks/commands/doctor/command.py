"""kachecks doctor: is the setup right? Every precondition as a rule, with a cure.

It looks at keepalived.conf, this host and both nodes' servers, and changes nothing. It runs the
check twice, the way keepalived runs it but without --fence: once as it is, and once with a server
that does not exist.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from kachecks.command_line import UNUSABLE, absolute, not_empty, operator_parser, unusable
from kachecks.commands.doctor.conf import file
from kachecks.commands.doctor.conf.file import Reading, read_conf
from kachecks.commands.doctor.conf.setup import Setup, Setups, setup, vips
from kachecks.commands.doctor.host.facts import KeepalivedProgram
from kachecks.commands.doctor.host.keepalived import conf_of, config_id_of
from kachecks.commands.doctor.host.kernel import addresses
from kachecks.commands.doctor.host.look import look_at_host
from kachecks.commands.doctor.host.run import keepalived, running_keepalived
from kachecks.commands.doctor.member.look import look_at_member
from kachecks.commands.doctor.report import as_json, as_text, rule_as_json, rule_list, rule_text
from kachecks.commands.doctor.rule import BOTH, HERE, PEER, Finding, Rule
from kachecks.commands.doctor.server.probe import ask_servers
from kachecks.commands.doctor.tables import (
    ALL_RULES,
    RULES,
    RULES_OF_MEMBER,
    of_both,
    of_conf,
    of_host,
    of_member,
    of_servers,
)
from kachecks.config.options import Config, ConfigError, load
from kachecks.keepalived.instance import canonical
from kachecks.node import Node
from kachecks.report import say_lines
from kachecks.state.files import PERMIT, path_of

_EPILOG = """\
exit status:
  0  all is as it should be
  1  there are warnings, or rules that could not be checked
  2  there are failures
  3  a file cannot be used (without an option file, keepalived.conf is read all the same), or wrong
     command line

examples:
  kachecks doctor
  kachecks doctor --peer-config node2.conf   compare both nodes' keepalived.conf
  kachecks doctor --explain CHECK_FENCES     why a rule is there, and its cure
  kachecks doctor --explain                  all rules
  kachecks doctor --json | jq '.findings[].rule'"""


def main(argv: Sequence[str] | None = None) -> int:
    """Look, judge, print; the exit status of the worst finding. Raises ConfigError."""
    options = parser().parse_args(argv)
    if options.explain is not None:
        return _explain(options.explain, options.json)
    path = absolute(options.defaults_file)  # the check is run in another directory
    try:
        config = load(path)
    except ConfigError as error:
        _tell(_without_option_file(str(error), options), UNUSABLE, options.json)
        return UNUSABLE
    seen = (_look_at_member if config.cluster else _look)(config, options)
    if seen is None:
        return UNUSABLE
    status = max((finding.level for finding in seen.findings), default=0)
    _tell(seen, status, options.json, RULES_OF_MEMBER if config.cluster else RULES)
    return status


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks doctor",
        "Say what is wrong with the setup of this node and its pair, why it matters, and the cure."
        "\nRun it as root; it changes nothing.",
        _EPILOG,
    )
    a_file: dict[str, Any] = {"metavar": "FILE", "type": not_empty}
    an_id = {**a_file, "metavar": "ID"}
    parsing.add_argument(
        "--keepalived-conf",
        **a_file,
        help="this node's keepalived.conf (default: what the running keepalived reads,"
        " else /etc/keepalived/keepalived.conf)",
    )
    parsing.add_argument(
        "--config-id",
        **an_id,
        help="what keepalived gets with -i, for @ID lines (default: as for the running keepalived,"
        " else this host's name)",
    )
    parsing.add_argument(
        "--peer-config",
        **a_file,
        help="a copy of the other node's keepalived.conf",
    )
    parsing.add_argument(
        "--peer-config-id",
        **an_id,
        help="the same for the other node's keepalived.conf",
    )
    parsing.add_argument("--json", action="store_true", help="for programs")
    parsing.add_argument(
        "--explain",
        metavar="RULE",
        nargs="?",
        const="",
        help="what a rule looks at, why, and the cure; all rules in short without RULE",
    )
    return parsing


class _Seen(NamedTuple):
    """What was found, and in what."""

    findings: list[Finding]
    looked_at: dict[str, Any]


def _tell(seen: _Seen, status: int, as_data: bool, rules: tuple[Rule, ...] = RULES) -> None:
    if as_data:
        say_lines(json.dumps(as_json(seen.findings, status, seen.looked_at), indent=2))
        return
    looked_at = {name.replace("_", " "): value for name, value in seen.looked_at.items()}
    said = [f"{name}: {value}" for name, value in looked_at.items() if value]
    say_lines(as_text(seen.findings, rules, said))


def _without_option_file(error: str, options: argparse.Namespace) -> _Seen:
    """keepalived.conf can be read all the same. No other rule knows what to look at."""
    running, _ = running_keepalived()
    path = options.keepalived_conf or conf_of(running or ())
    config_id = options.config_id or config_id_of(running or ())
    findings = of_conf(read_conf(HERE, path, config_id), None)
    of_the_file = {rule for rule, _ in file.TABLE}
    findings += [
        Finding(rule, BOTH, error, "", rule.cure, checked=False)
        for rule in RULES
        if rule not in of_the_file
    ]
    return _Seen(findings, {"option_file": None, "keepalived_conf": path})


def _look(config: Config, options: argparse.Namespace) -> _Seen | None:
    """None where a file that was named cannot be used; the user has been told so."""
    node = Node(config)
    running, capabilities = running_keepalived()
    path = options.keepalived_conf or conf_of(running or ())
    config_id = options.config_id or config_id_of(running or ())
    program = keepalived(path, config_id)._replace(arguments=running, capabilities=capabilities)
    reading = read_conf(HERE, path, config_id, program.version)
    peer = None
    if options.peer_config:
        peer = read_conf(PEER, options.peer_config, options.peer_config_id)
        if peer.error:
            unusable("kachecks doctor", peer.error, options.json)
            return None
    here = _setup(config, reading, program)
    servers = ask_servers(node)
    findings = [
        *of_conf(reading, here),
        *(_of_peer(config, peer, here) if peer else []),
        *of_host(look_at_host(node, here, program, servers)),
        *of_servers(servers),
    ]
    looked_at = {
        "option_file": config.path,
        "keepalived_conf": path,
        "peer_config": options.peer_config,
        "keepalived": ".".join(map(str, program.version or ())) or None,
    }
    return _Seen(findings, looked_at)


def _look_at_member(config: Config, options: argparse.Namespace) -> _Seen | None:
    """The same of a member of a cluster: its keepalived.conf by the rules of one node, its server.
    What all files together come to is told by kachecks elect."""
    running, _ = running_keepalived()
    path = options.keepalived_conf or conf_of(running or ())
    config_id = options.config_id or config_id_of(running or ())
    program = keepalived(path, config_id)
    reading = read_conf(HERE, path, config_id, program.version)
    here = None
    if reading.conf is not None:
        here = setup(HERE, config, reading.conf, frozenset(), _permit(config), program.version)
    findings = of_member(reading, here, look_at_member(Node(config)))
    return _Seen(findings, {"option_file": config.path, "keepalived_conf": path})


def _setup(config: Config, reading: Reading, program: KeepalivedProgram) -> Setup | None:
    if reading.conf is None:
        return None
    other_end = frozenset({canonical(config.peer)})
    return setup(HERE, config, reading.conf, other_end, _permit(config), program.version)


def _of_peer(config: Config, reading: Reading, here: Setup | None) -> list[Finding]:
    """The peer's file by the rules of one node, as if its option file were like ours; then both
    files together."""
    assert reading.conf
    own = frozenset(entry.address for entry in addresses()) - vips(config)
    peer = setup(PEER, config, reading.conf, own, _permit(config))
    return of_conf(reading, peer) + (of_both(Setups(here, peer)) if here else [])


def _permit(config: Config) -> str:
    return path_of(config.run_dir, config.name, PERMIT)


def _explain(name: str, as_data: bool) -> int:
    chosen = [rule for rule in ALL_RULES if not name or rule.name == name.upper()]
    if not chosen:
        near = get_close_matches(name.upper(), [rule.name for rule in ALL_RULES], 1)
        hint = f"did you mean {near[0]}?" if near else "--explain alone lists them all"
        return unusable("kachecks doctor", f"there is no rule {name}; {hint}", as_data)
    if as_data:
        say_lines(json.dumps([rule_as_json(rule) for rule in chosen], indent=2))
    else:
        say_lines(rule_text(chosen[0]) if name else rule_list(chosen))
    return 0
