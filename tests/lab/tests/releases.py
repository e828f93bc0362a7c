"""The Debian releases that tests on machines are played with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.lab.error import LabError
from tests.lab.machines.tree import BOOKWORM, RELEASES, Release, tree

TRIED = [RELEASES[suite] for suite in os.environ.get("LAB_RELEASES", BOOKWORM.suite).split()]


def each_release() -> Any:
    """A fixture on one line: each release that is tried, as a Release."""

    @pytest.fixture(scope="module", params=TRIED, ids=str)
    def release(request: pytest.FixtureRequest) -> Release:
        found: Release = request.param
        return found

    return release


def system(release: Release) -> Path:
    """Its tree. A test is skipped where it cannot be had, but in CI, where it has to be."""
    try:
        return tree(release)
    except LabError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
