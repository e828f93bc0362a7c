"""A package's ``__init__`` says what lives there, and holds nothing."""

from __future__ import annotations

import ast

import pytest

from tests.unit.architecture.sources import modules

PACKAGES = sorted(name for name in modules() if name.endswith("/__init__.py"))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_one_docstring(name: str) -> None:
    module = modules()[name]
    assert len(module.body) == 1
    assert ast.get_docstring(module)


def test_there_are_packages() -> None:
    assert {"mysql/__init__.py", "commands/doctor/host/__init__.py"} <= set(PACKAGES)
