"""A hook of mkdocs (mkdocs.yml): the pages, written for GitHub, as Python-Markdown wants them.

For CommonMark what belongs to an item of a list is indented as far as the item's text, and a list
may follow a line of text at once; Python-Markdown wants four columns and an empty line. Pure.
"""

from __future__ import annotations

import re

_ITEM = re.compile(r"(\d+\.|-) +(?=\S)")
_WIDTH = 4


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with its lists indented anew; what stands between fences stays as it is."""
    made: list[str] = []
    items: list[tuple[int, int]] = []  # of each open item: where its text begins, and will begin
    fenced, loose, empty = False, False, True
    for line in markdown.split("\n"):
        text = line.lstrip(" ")
        depth = len(items)
        if text and not fenced:
            while items and len(line) - len(text) < items[-1][0]:
                items.pop()
        before, after = items[-1] if items else (0, 0)
        rest = line[before:] if text else ""
        item = _ITEM.match(rest) if not fenced else None
        if item:
            begins = depth == len(items) and not _is_item(made[-1:])  # the first of its list
            if (begins or loose) and not empty:
                made.append("")
            loose = False
            items.append((before + item.end(), after + _WIDTH))
            rest = f"{item[1]:<{_WIDTH}}{rest[item.end() :]}"
        made.append(f"{' ' * after}{rest}" if text else "")
        fenced ^= text.startswith("```")
        empty = not text
        loose |= empty
    return "\n".join(made)


def _is_item(last: list[str]) -> bool:
    return bool(last and _ITEM.match(last[0].lstrip(" ")))
