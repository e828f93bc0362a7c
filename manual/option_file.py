"""The manual page of the option file, from its table of keys."""

from __future__ import annotations

from kachecks import __version__
from kachecks.config.options import DEFAULT_PATH, GROUPS, KEYS, Key
from manual.roff import Page, bold, italic

_GROUPS = {
    "kachecks": "The pair, and what to do when.",
    "client": "How to reach this node's own server.",
    "peer": "How to reach the other node's server, at the address peer of [kachecks].",
}


def option_file(others: list[str]) -> Page:
    """The page; ``others`` are the pages to see too."""
    page = Page("kachecks.cnf", 5, __version__, "option file of kachecks")
    page.section("DESCRIPTION")
    page.paragraph(
        f"{DEFAULT_PATH}, or the file that --defaults-file names. It has the form of MySQL's own"
        " option files: groups in brackets, key = value, comments that begin with # or ;, values"
        " in single or double quotes, - and _ alike in keys. Of two equal keys the last one wins."
        " An unknown key, and a line with !include, is an error that names the line."
    )
    page.paragraph(
        "A file with a password is refused when group or others may read it: chmod 600."
        " Nothing is looked up in DNS: addresses are numbers."
    )
    for group in GROUPS:
        page.section(f"[{group}]")
        page.paragraph(_GROUPS[group])
        for key in KEYS:
            if key.group == group:
                page.term(f"{bold(key.name)} = {italic(key.kind.expected)}", *_meaning(key))
    page.section("EXAMPLES")
    page.literal(
        [
            "[kachecks]",
            "vip       = 192.0.2.100",
            "interface = eth0",
            "peer      = 192.0.2.2",
            "witness   = 192.0.2.254",
            "[client]",
            "user      = kachecks",
            "password  = ...",
        ]
    )
    page.see_also(others)
    return page


def _meaning(key: Key) -> list[str]:
    """A sentence, and what it is without the line."""
    meaning = f"Seconds: {key.meaning}" if key.unit == "s" else key.meaning
    said = [f"{meaning[:1].upper()}{meaning[1:]}."]
    if key.required:
        said.append("Required.")
    elif key.default is not None:
        said.append(f"Default: {key.default}")
    return said
