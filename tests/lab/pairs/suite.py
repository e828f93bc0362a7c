"""What moves with the VIP: kachecks, the shell recipe that it is measured against, or nothing."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional

from tests.lab.error import LabError
from tests.lab.hosts.process import CHECKOUT
from tests.lab.pairs import snippets
from tests.lab.pairs.snippets import SNIPPETS

CHECKS_AND_HOOKS = (
    "vrrp_script",
    "track_script",
    "track_file",
    "notify_master",
    "notify_backup",
    "notify_fault",
    "notify_stop",
)


@dataclass(frozen=True)
class Suite:
    """What the nodes get besides MySQL and keepalived.

    `keepalived_conf` holds the text for node 1, node 2 and so on, before the words in capitals are
    replaced; `directory` is seen at /opt/kachecks in each node.
    """

    name: str
    keepalived_conf: tuple[str, ...]
    directory: Optional[Path] = None
    visible: tuple[Path, ...] = ()  # what the programs in it need besides, if it is under /tmp
    option_file: Optional[Path] = None  # becomes /etc/kachecks/kachecks.cnf
    server_options: Mapping[str, str] = field(default_factory=dict)  # for [mysqld]
    opens: bool = False  # whether the node with the VIP becomes writable by itself


def none() -> Suite:
    """keepalived alone: the snippets without check, permit and hooks. Both servers stay closed."""
    return Suite("none", _confs(*CHECKS_AND_HOOKS))


def kachecks() -> Suite:
    """The package, from $LAB_VENV or the virtual environment that the lab itself runs in."""
    venv = Path(os.environ.get("LAB_VENV", sys.prefix)).resolve()
    if not (venv / "bin/check_mysql").exists():
        raise LabError(f"kachecks is not installed in {venv}; `make venv`, or set LAB_VENV=DIR")
    return Suite(
        "kachecks",
        _confs(),
        directory=owned_by_root(venv),
        visible=(CHECKOUT, venv, Path(sys.base_prefix)),
        option_file=SNIPPETS / "kachecks.cnf",
        opens=True,
    )


def vrrp3(suite: Suite) -> Suite:
    """The same on VRRPv3; the option files need VRRP3_OPTIONS."""
    fragment = snippets.without_comments((SNIPPETS / "keepalived.conf.vrrp3").read_text())
    line = re.compile(r"^ *advert_int .*\n", re.M)
    first, second = (line.sub(fragment, conf) for conf in suite.keepalived_conf)
    return replace(suite, keepalived_conf=(first, second))


VRRP3_OPTIONS = {"advert_int": 0.2, "peer_grace": 4.6}
"""As keepalived.conf.vrrp3 says."""


def recipe() -> Suite:
    """The common shell recipe of benchmarks/recipe: its one recipe.conf serves both nodes.

    It knows nothing of read_only, so both servers are open from the start.
    """
    directory = CHECKOUT / "benchmarks/recipe"
    conf = (directory / "recipe.conf").read_text()
    return Suite(
        "recipe",
        (conf.replace("NODE_PRIORITY", "101"), conf.replace("NODE_PRIORITY", "100")),
        directory=owned_by_root(directory),
        server_options={"read_only": "OFF", "loose_super_read_only": "OFF"},
        opens=True,
    )


SUITES = {"none": none, "kachecks": kachecks, "recipe": recipe}


def _confs(*left_out: str) -> tuple[str, str]:
    texts = [(SNIPPETS / f"keepalived.conf.node{number}").read_text() for number in (1, 2)]
    first, second = (snippets.without_blocks(text, *left_out) for text in texts)
    return first, second


def owned_by_root(directory: Path) -> Path:
    """`directory`, if keepalived may run what is in it. Raises LabError."""
    if directory.stat().st_uid != 0:
        raise LabError(
            f"{directory} must belong to root, as must all that is in it: keepalived runs no"
            f" script of anybody else's (`chown -R root:root {directory}`)"
        )
    return directory
