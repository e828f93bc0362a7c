"""The lines of docs/install.md for a second pair make what the lab plays as one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.lab.hosts.process import CHECKOUT
from tests.lab.pairs.second_pair import NAME, PORT, ROUTER_ID, second_blocks
from tests.lab.pairs.snippets import SNIPPETS

SECTION = re.compile(r"\n## Several pairs on one host\n(.+?)\n## ", re.DOTALL)
LINES = re.compile(r"^ +sed .+?> /etc/\S+$", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Those that make the option file and keepalived.conf, without where their output goes."""
    section = SECTION.search((CHECKOUT / "docs/install.md").read_text())
    assert section
    return [re.sub(r" >+ /etc/\S+$", "", each) for each in LINES.findall(section[1])]


def made(command: str, snippet: str, directory: Path) -> str:
    """What the command makes of a snippet; the words in capitals stay."""
    for name in ("keepalived/keepalived.conf", "kachecks/kachecks.cnf"):
        path = directory / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(snippet)
    return subprocess.run(
        ["sh", "-ec", command], cwd=directory, capture_output=True, text=True, check=True
    ).stdout


def code(text: str) -> list[list[str]]:
    bare = (line.partition("#")[0].split() for line in text.splitlines())
    return [line for line in bare if line]


@pytest.mark.parametrize("node", [1, 2])
def test_keepalived_conf(node: int, tmp_path: Path) -> None:
    snippet = (SNIPPETS / f"keepalived.conf.node{node}").read_text()
    with_its_id = snippet.replace("virtual_router_id 51", f"virtual_router_id {ROUTER_ID}")
    assert code(made(commands()[1], with_its_id, tmp_path)) == code(second_blocks(snippet))


def test_option_file(tmp_path: Path) -> None:
    snippet = (SNIPPETS / "kachecks.cnf").read_text()
    text = made(commands()[0], snippet, tmp_path)
    assert ["name", "=", NAME] in code(text)
    assert ["port", "=", str(PORT)] in code(text)
    before, after = code(snippet), code(text)
    assert [line for line in after if line not in before] == [
        ["name", "=", NAME],
        ["port", "=", str(PORT)],
    ]
