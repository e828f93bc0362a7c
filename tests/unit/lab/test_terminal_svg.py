"""A terminal's screen as SVG: every letter in its place, and well-formed."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.lab.pictures.terminal_svg import BLANK, COLOURS, HEIGHT, MARGIN, WIDTH, Letter, picture

NAMESPACE = "{http://www.w3.org/2000/svg}"


def line(text: str, colour: str = "default", bold: bool = False) -> list[Letter]:
    return [Letter(letter, colour, bold) for letter in text]


def test_letters_stand_on_their_grid() -> None:
    lines = [line("role  "), [BLANK, *line("<a & b>", "green", bold=True)]]
    svg = ElementTree.fromstring(picture(lines, 8, "x < y"))  # noqa: S314 - our own
    role, names = svg.iter(f"{NAMESPACE}text")
    assert (role.text, role.get("x"), role.get("textLength")) == (
        "role",
        str(MARGIN),
        str(4 * WIDTH),
    )
    assert (names.text, names.get("x")) == ("<a & b>", str(MARGIN + WIDTH))
    assert float(names.get("y", 0)) - float(role.get("y", 0)) == HEIGHT
    assert (names.get("fill"), names.get("font-weight")) == (COLOURS["green"], "bold")
    assert (svg.get("width"), svg.get("height")) == (
        str(8 * WIDTH + 2 * MARGIN),
        str(2 * HEIGHT + 2 * MARGIN),
    )
