"""keepalived stopped and restarted as systemd does it with the drop-in of the snippets."""

from __future__ import annotations

from tests.lab.pairs.node import Node
from tests.lab.pairs.snippets import SNIPPETS


def stop_keepalived(node: Node, *, check: bool = True) -> None:
    """systemctl stop keepalived, in systemd's order. `check`: each command must succeed.

    systemd itself goes on where one fails.
    """
    node.run(drop_in_command("ExecStop"), check=check)
    node.stop_keepalived()
    node.run(drop_in_command("ExecStopPost"), check=check)


def drop_in_command(key: str) -> list[str]:
    """The command line of the systemd drop-in behind ``key``, such as ExecStop."""
    for line in (SNIPPETS / "kachecks-keepalived.service.d.conf").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == key and value.strip():
            return value.strip().lstrip("-").split()
    raise AssertionError(f"no {key}= in the drop-in")
