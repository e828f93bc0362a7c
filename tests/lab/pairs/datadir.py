"""The datadir that every node of a flavour starts from: initialised once, then copied."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.lab.hosts import workdir
from tests.lab.pairs import snippets
from tests.lab.pairs.node import Node
from tests.lab.pairs.snippets import Words
from tests.lab.servers import cache
from tests.lab.servers.flavour import OPTION_FILE, Flavour


def template(flavour: Flavour, words: Words) -> Path:
    """The cached one: with kachecks' accounts, by the grants snippet, the lab's, and no GTIDs."""
    grants = snippets.fill(snippets.SNIPPETS / flavour.grants_snippet, words)
    return made_by(flavour, grants + flavour.accounts())


def made_by(flavour: Flavour, accounts: str, snippet: str = "") -> Path:
    """The cached one in which root has run these statements, with no GTIDs.

    `snippet`: what the server needs in its my.cnf for that; it has nobody but itself to talk to.
    """
    options = flavour.options(snippet)
    key = hashlib.sha256(f"{options}\0{accounts}".encode()).hexdigest()[:12]
    name = f"datadir-{flavour.name}-{flavour.version}-{key}"

    def make(target: Path) -> None:
        work = workdir.create()
        try:
            _make(flavour, options, accounts, work, target)
        finally:
            shutil.rmtree(work)

    return cache.made(name, make)


def _make(flavour: Flavour, options: str, accounts: str, work: Path, target: Path) -> None:
    node = Node("template", flavour, work)
    try:
        node.power_on()
        node.run(["ip", "link", "set", "lo", "up"])
        node.write(OPTION_FILE, options)
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
