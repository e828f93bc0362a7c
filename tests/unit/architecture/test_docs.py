"""Every link and anchor between our pages leads somewhere, every page is found from the README, and
who searches for a reason or an exit status finds it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from kachecks.check.verdict import RULES
from tests.unit.architecture.sources import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FOR_STRANGERS = ("applications", "faq", "networks", "troubleshooting")


def prose(page: Path) -> str:
    """Without what was printed or is to be typed."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Of its headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(name if name not in found else f"{name}-{found.count(name)}")
    return frozenset(found)


def links(page: Path) -> list[str]:
    """To our own files; those to other places are not followed."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def broken(page: Path) -> list[str]:
    wrong = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert not broken(page)


def test_a_wrong_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One's `two`, three\n\n[a](#ones-two-three) [b](#two) [c](none.md)\n")
    assert broken(page) == ["#two", "none.md"]


@pytest.mark.parametrize("name", FOR_STRANGERS)
def test_pages_are_found_from_the_readme(name: str) -> None:
    assert f"docs/{name}.md" in links(ROOT / "README.md")


@pytest.mark.parametrize("name", FOR_STRANGERS)
def test_a_page_begins_with_its_contents(name: str) -> None:
    """Every section of the second level is in the list at the top."""
    page = ROOT / f"docs/{name}.md"
    top, *_sections = prose(page).partition("\n## ")
    listed = set(re.findall(r"\]\(#([^)]+)\)", top))
    sections = re.findall(r"^## (.+)$", prose(page), re.MULTILINE)
    assert len(sections) > 5
    missing = [
        each
        for each in sections
        if re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") not in listed
    ]
    assert not missing


def test_every_exit_status_is_explained() -> None:
    """In the order of the numbers, as keepalived logs them."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    table = text.partition("### Every exit status of check_mysql\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", table, re.MULTILINE)
    expected = sorted([(0, "OK"), *((rule.status, rule.reason) for rule in RULES)])
    assert [(int(number), reason) for number, reason in rows] == expected
