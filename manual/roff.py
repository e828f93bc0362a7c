"""Manual pages in roff, with the man macros that groff and mandoc both know (man(7))."""

from __future__ import annotations

from collections.abc import Iterable

_SPECIAL = {"\\": "\\e", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", "-": "\\-"}
"""What a formatter would make another character of: typed text must come out as it was."""


def escaped(text: str) -> str:
    """The text as it is, anywhere but at the beginning of a line."""
    special = "".join(_SPECIAL.get(each, each) for each in text)
    return "".join(each if ord(each) < 128 else f"\\[u{ord(each):04X}]" for each in special)


def bold(text: str) -> str:
    """Typed as it is."""
    return f"\\fB{escaped(text)}\\fR"


def italic(text: str) -> str:
    """Stands for something else."""
    return f"\\fI{escaped(text)}\\fR"


class Page:
    """One page, written from top to bottom."""

    def __init__(self, name: str, section: int, version: str, purpose: str) -> None:
        self.file = f"{name}.{section}"
        release = f"kachecks {version}"
        self._lines = [
            '.\\" Made from the tables of kachecks at build time.',
            # No date: two builds of a release are the same.
            f'.TH {escaped(name.upper())} {section} "" "{escaped(release)}" "kachecks"',
            ".nh",  # a name that is broken cannot be searched for
            ".ad l",
        ]
        self.section("NAME")
        self._lines.append(f"{escaped(name)} \\- {escaped(purpose)}")

    def section(self, title: str) -> None:
        """A heading."""
        self._lines.append(f'.SH "{escaped(title)}"')

    def paragraph(self, text: str) -> None:
        """Prose, filled."""
        self._begin()
        self._lines += _sentences(text)

    def raw(self, line: str) -> None:
        """A paragraph of text that is escaped already."""
        self._begin()
        self._lines.append(line)

    def term(self, term: str, *texts: str) -> None:
        """A term, escaped already, and texts about it, each on a line of its own."""
        self._lines += [".TP", term]
        for number, text in enumerate(texts):
            self._lines += [".br"] if number else []
            self._lines += _sentences(text)

    def literal(self, lines: Iterable[str]) -> None:
        """Lines as they are, indented."""
        self._begin()
        self._lines += [".RS 4", ".nf"]
        self._lines += [_at_start(escaped(line)) for line in lines]
        self._lines += [".fi", ".RE"]

    def see_also(self, pages: list[str]) -> None:
        """Pages such as ``kachecks(8)``."""
        self.section("SEE ALSO")
        parts = (page.split("(") for page in pages)
        self.raw(",\n".join(f"{bold(name)}({number}" for name, number in parts))

    def _begin(self) -> None:
        """A paragraph; a heading begins one by itself."""
        if not self._lines[-1].startswith(".SH"):
            self._lines.append(".PP")

    def text(self) -> str:
        """The whole page."""
        return "\n".join(self._lines) + "\n"


def _sentences(text: str) -> list[str]:
    return [_at_start(escaped(line.strip())) for line in text.splitlines() if line.strip()]


def _at_start(line: str) -> str:
    """A dot at the beginning would be a request. (A quote is escaped anyway.)"""
    return f"\\&{line}" if line.startswith(".") else line
