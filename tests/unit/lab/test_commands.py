"""Every command of the lab and of the benchmarks that a reader is told of can be started."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.lab.hosts.process import CHECKOUT

READ = [CHECKOUT / "README.md", CHECKOUT / "Makefile", *(CHECKOUT / "docs").glob("*.md")]
READ += [*(CHECKOUT / "tests/lab").rglob("*.py"), *(CHECKOUT / "benchmarks").glob("*.py")]
COMMAND = re.compile(r"-m\s+((?:tests\.lab|benchmarks)(?:\.\w+)*)(?![.\w{])")
COMMANDS = sorted({name for file in READ for name in COMMAND.findall(file.read_text())})


def test_some_are_found() -> None:
    assert {"tests.lab", "tests.lab.demo.failover", "benchmarks.scale"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_a_program(name: str) -> None:
    found = find_spec(name)
    assert found is not None
    if found.submodule_search_locations:
        found = find_spec(f"{name}.__main__")
        assert found is not None
    assert found.origin is not None
    assert '__name__ == "__main__"' in Path(found.origin).read_text()
