"""The operator's alert program of the lab: it keeps what it is told.

Name it in the option file: playing(flavour, {"alert": alerts.PROGRAM}).
"""

from __future__ import annotations

import json
from typing import Any

from tests.lab.pairs.node import Node

PROGRAM = "/etc/kachecks/alert"
_RECEIVED = "/run/alerts"


def install(node: Node) -> None:
    """From now on; what came before is not kept. Two that are told at once write one after the
    other."""
    script = f"#!/bin/sh\nexec 9>> {_RECEIVED} && flock 9 && {{ cat; echo; }} >&9\n"
    node.write(PROGRAM, script, mode=0o755)


def received(node: Node) -> list[dict[str, Any]]:
    """Every record that has arrived whole, the oldest first."""
    file = node.path(_RECEIVED)
    if not file.exists():
        return []
    lines = file.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.strip() and line.endswith("\n")]


def told(node: Node, text: str) -> bool:
    """Whether one of them has `text` in its sentence."""
    return any(text in record["sentence"] for record in received(node))
