"""keepalived's permission to hold the virtual IP: the track_file of its configuration."""

from __future__ import annotations

import re

from tests.lab.pairs.node import Node


def withdraw(node: Node) -> None:
    """keepalived there drops to FAULT within milliseconds and lets the virtual IP go."""
    _write(node, "0")


def grant(node: Node) -> None:
    _write(node, "1")


def _write(node: Node, text: str) -> None:
    conf = node.path("/etc/keepalived/keepalived.conf").read_text()
    found = re.search(r'^\s*track_file\s+\w+\s*{\s*file\s+"([^"]+)"', conf, re.M)
    assert found, "no track_file in keepalived.conf"
    # In place, as keepalived watches it: a new file by that name would do as well.
    node.path(found[1]).write_text(f"{text}\n")
