"""The build backend (PEP 517): setuptools, after the manual and the completion were made.

pyproject.toml names it; setup.cfg lists what it makes as data files. It writes to ``build/share``
of the source tree, as setuptools does to ``build/lib``.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

from manual.pages import write

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_DIRECTORY = "build"


def build_wheel(
    directory: str, settings: dict[str, Any] | None = None, metadata: str | None = None
) -> str:
    """The hook of that name; the working directory is the source tree."""
    _forget()
    write(_DIRECTORY)
    made: str = build_meta.build_wheel(directory, settings, metadata)
    return made


def build_sdist(directory: str, settings: dict[str, Any] | None = None) -> str:
    """The hook of that name: sources alone, nothing that an earlier build has made."""
    _forget()
    made: str = build_meta.build_sdist(directory, settings)
    return made


def _forget() -> None:
    shutil.rmtree(os.path.join(_DIRECTORY, "share"), ignore_errors=True)
