"""What runs elsewhere is what runs here: pre-commit has the lines of `make lint`, the workflow has
.ci/run."""

from __future__ import annotations

import re

from tests.unit.architecture.sources import ROOT


def test_pre_commit_has_the_lines_of_make_lint() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    here = [
        line.replace("$(IN_VENV)", ".venv/bin") for line in re.findall(r"^\t(.+)$", recipe, re.M)
    ]
    assert len(here) > 3
    assert re.findall(r"^ +entry: (.+)$", hooks, re.M) == here


def test_the_workflow_calls_the_command_of_ci() -> None:
    steps = re.findall(r"- run: (.+)", (ROOT / ".github/workflows/ci.yml").read_text())
    assert steps[-1] == ".ci/run"
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_every_page_is_in_the_sites_navigation() -> None:
    named = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M))
    pages = {str(page.relative_to(ROOT)) for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]}
    assert named == pages
