"""The datadir that every node of a flavour starts from: initialised once, then copied."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tests.lab import cache, snippets
from tests.lab.accounts import KACHECKS_PASSWORD
from tests.lab.node import Node
from tests.lab.server import Flavour


def datadir(flavour: Flavour, node_addresses: dict[str, str]) -> Path:
    """The cached template: kachecks' accounts for these addresses, the lab's own, no GTIDs.

    `node_addresses` fills NODE1_ADDRESS and NODE2_ADDRESS of the grants snippet.
    """
    words = {**node_addresses, "KACHECKS_PASSWORD": KACHECKS_PASSWORD}
    accounts = snippets.fill(snippets.SNIPPETS / flavour.grants_snippet, words)
    accounts += flavour.accounts()
    options = flavour.options("")
    key = hashlib.sha256(f"{options}\0{accounts}".encode()).hexdigest()[:12]
    name = f"datadir-{flavour.name}-{flavour.version}-{key}"

    def make(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache.root(), prefix="lab-template-") as work:
            _make(flavour, options, accounts, Path(work), target)

    return cache.made(name, make)


def _make(flavour: Flavour, options: str, accounts: str, work: Path, target: Path) -> None:
    node = Node("template", flavour, work)
    try:
        node.power_on()
        node.write("/etc/mysql/my.cnf", options)
        node.run(flavour.initialise_command(), timeout=120)
        node.start_mysqld(["--skip-log-bin"])  # so that both copies start with no GTIDs
        node.run(flavour.client_command(), input=accounts)
        node.stop_mysqld()
    finally:
        node.close()
    copy(node.datadir, target)
    # Else both copies would be one server to MySQL: it makes a new identity where it finds none.
    (target / "auto.cnf").unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy what is in `source` into `target`, sharing blocks where the file system can."""
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", str(target)], check=True)
