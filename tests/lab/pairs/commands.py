"""The suite's own commands, run by hand on a node."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.pairs.node import Node

BIN = "/opt/kachecks/bin"


def run(node: Node, program: str, *arguments: str) -> tuple[int, str]:
    """Exit status and what it said."""
    result = node.run([f"{BIN}/{program}", *arguments], check=False)
    return result.returncode, result.stdout + result.stderr


def said_in_json(node: Node, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and what a command of kachecks says to programs, with nothing on stderr."""
    done = node.run([f"{BIN}/kachecks", *arguments, "--json"], check=False)
    assert not done.stderr, done.stderr
    assert done.stdout, f"exit {done.returncode}, and nothing said"
    return done.returncode, json.loads(done.stdout)


def check(node: Node) -> dict[str, Any]:
    """What `check_mysql --json` says, which changes nothing: reason, exit, sentence, role, vip."""
    said: dict[str, Any] = json.loads(run(node, "check_mysql", "--json")[1])
    return said


def is_fit(node: Node) -> bool:
    """The check passes, so keepalived may give this node the virtual IP."""
    return run(node, "check_mysql")[0] == 0
