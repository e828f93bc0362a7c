"""Both clients, each in a process of its own, and where its server listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.doubles.asker import Asker


@pytest.fixture(scope="module")
def askers() -> Iterator[list[Asker]]:
    """The C extension where it can be loaded, and the client of our own."""
    with closing(Asker("c")) as extension, closing(Asker("wire")) as wire:
        yield [extension, wire] if extension.extension else [wire]


@pytest.fixture(params=["c", "wire"])
def asker(request: pytest.FixtureRequest, askers: list[Asker]) -> Asker:
    found = [each for each in askers if each.driver == request.param]
    if not found:
        pytest.skip("the C extension of mysql-connector-python cannot be loaded here")
    return found[0]


@pytest.fixture(params=["unix", "tcp"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "s.sock" if request.param == "unix" else None
