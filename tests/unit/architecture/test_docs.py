"""Every link and anchor between our pages leads somewhere, every page is found from the README, and
who searches for a reason or an exit status finds it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from kachecks.check.verdict import RULES
from kachecks.commands.doctor.tables import RULES as RULES_OF_DOCTOR
from tests.unit.architecture.sources import HOLE, ROOT, modules

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FOR_STRANGERS = (
    "applications",
    "faq",
    "install",
    "networks",
    "operate",
    "reference",
    "troubleshooting",
)


def prose(page: Path) -> str:
    """Without what was printed or is to be typed."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def slug(heading: str) -> str:
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Of its headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        name = slug(heading)
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


def test_pages_are_found_from_the_readme() -> None:
    found = {link.partition("#")[0] for link in links(ROOT / "README.md")}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= found


def test_the_picture_is_drawn_for_light_and_dark() -> None:
    """What is drawn has a colour in both, and every program is there on both nodes."""
    text = (ROOT / "docs/architecture.svg").read_text()
    light, _, dark = text.partition("@media (prefers-color-scheme: dark)")
    drawn = set(re.findall(r' class="(\w+)"', text))
    assert len(drawn) > 10
    for colours in (light, dark.partition("</style>")[0]):
        assert drawn <= set(re.findall(r"\.([a-z]+) \{", colours))
    for program in ("check_mysql", "notify_master", "notify_backup", "notify_down"):
        assert text.count(f">{program}<") == 2


@pytest.mark.parametrize("name", FOR_STRANGERS)
def test_a_page_begins_with_its_contents(name: str) -> None:
    """Every section of the second level is in the list at the top."""
    page = ROOT / f"docs/{name}.md"
    top, *_sections = prose(page).partition("\n## ")
    listed = set(re.findall(r"\]\(#([^)]+)\)", top))
    sections = re.findall(r"^## (.+)$", prose(page), re.MULTILINE)
    assert len(sections) > 5
    missing = [each for each in sections if slug(each) not in listed]
    assert not missing


def said_by_the_code() -> str:
    """Every text in the package, with a hole for each value: what pages are held against."""
    texts: list[str] = []
    for module in modules().values():
        for node in ast.walk(module):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(_part(each) for each in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def _part(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else HOLE


def test_sentences_are_those_of_the_code() -> None:
    """Who searches for the words that were printed finds the row."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    tables = text.split("| in the sentence | cause | cure |\n|---|---|---|\n")[1:]
    assert len(tables) == 2
    cells = [
        row.split(" | ")[0] for each in tables for row in each.partition("\n\n")[0].splitlines()
    ]
    phrases = {phrase for cell in cells for phrase in re.findall(r"`([^`]+)`", cell)}
    assert len(phrases) > 10
    said = said_by_the_code()
    assert not {phrase for phrase in phrases if phrase not in said}


@pytest.mark.parametrize("name", ["networks", "troubleshooting"])
def test_rules_of_doctor_are_there(name: str) -> None:
    text = prose(ROOT / f"docs/{name}.md")
    named = {
        rule
        for listed in re.findall(
            r"doctor`?(?: on both nodes)?[^`|.]{0,40}?:? ((?:`[A-Z_]+`(?:, )?)+)", text
        )
        for rule in re.findall(r"[A-Z_]+", listed)
    }
    assert named
    assert named <= {rule.name for rule in RULES_OF_DOCTOR}


def test_every_exit_status_is_explained() -> None:
    """In the order of the numbers, as keepalived logs them."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    table = text.partition("### Every exit status of check_mysql\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", table, re.MULTILINE)
    expected = sorted([(0, "OK"), *((rule.status, rule.reason) for rule in RULES)])
    assert [(int(number), reason) for number, reason in rows] == expected
