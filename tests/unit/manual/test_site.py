"""Lists as Python-Markdown wants them."""

from __future__ import annotations

import pytest

from manual.site import on_page_markdown


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("text\n\nmore", "text\n\nmore"),
        (
            "1. one\n   goes on\n\n       code\n\n   more\n2. two",
            "1.  one\n    goes on\n\n        code\n\n    more\n\n2.  two",
        ),
        ("- one\n  goes on\n- two\n\ntext", "-   one\n    goes on\n-   two\n\ntext"),
        ("text:\n1. one", "text:\n\n1.  one"),
        ("1. one\n   - a\n     b\n2. two", "1.  one\n    -   a\n        b\n2.  two"),
        ("    - code\n    1. code", "    - code\n    1. code"),
        ("```\n1. as it is\n```\n1. one", "```\n1. as it is\n```\n\n1.  one"),
        ("10. ten\n    goes on", "10. ten\n    goes on"),
        ("- one\n\ntext", "-   one\n\ntext"),
        ("- one\n\n  more\n- two\n- three", "-   one\n\n    more\n\n-   two\n-   three"),
        ("a - b\n-1 and -2", "a - b\n-1 and -2"),
    ],
)  # fmt: skip
def test_lists(page: str, wanted: str) -> None:
    assert on_page_markdown(page) == wanted
