"""Writes a node's files: the snippets, filled in, and what the scenario wants different."""

from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from kachecks.commands.setup.snippets import filled
from tests.lab.pairs import snippets
from tests.lab.pairs.node import Node
from tests.lab.pairs.snippets import Words
from tests.lab.servers.flavour import OPTION_FILE

#: What the options of semi-synchronous replication begin with: comments in the snippets.
SEMI_SYNC = ("rpl_semi_sync", "plugin_load_add")


def server_options(
    node: Node, words: Words, added: Mapping[str, object], semi_sync: bool = False
) -> None:
    """my.cnf; `added` goes to the end of [mysqld]."""
    fragment = snippets.fill(snippets.SNIPPETS / node.flavour.options_snippet, words)
    if semi_sync:
        fragment = snippets.uncommented(fragment, *SEMI_SYNC)
    lines = "".join(f"{key} = {value}\n" for key, value in added.items())
    node.write(OPTION_FILE, f"{node.flavour.options(fragment)}\n[mysqld]\n{lines}")


def keepalived_conf(node: Node, template: str, words: Words) -> None:
    """keepalived.conf, and beside it what the package itself has there."""
    for name, source in node.flavour.keepalived.files.items():
        node.write(f"/etc/keepalived/{name}", source.read_text())
    node.write("/etc/keepalived/keepalived.conf", filled(template, words))


def option_file(
    node: Node, template: Path, words: Words, overrides: Mapping[str, Optional[object]]
) -> None:
    """kachecks.cnf; a key of `overrides` without a section belongs to [kachecks]."""
    options = {key if "." in key else f"kachecks.{key}": value for key, value in overrides.items()}
    text = snippets.with_options(snippets.fill(template, words), options)
    node.write("/etc/kachecks/kachecks.cnf", text, mode=0o600)
