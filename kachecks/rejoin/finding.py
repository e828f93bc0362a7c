"""A thing that is in the way of a node that comes back."""

from __future__ import annotations

from typing import NamedTuple

MAY, NOT_YET, DECIDE = 0, 1, 2
"""Exit statuses: nothing is in the way; it passes by itself; an operator has to decide."""

WORDS = {MAY: "fine", NOT_YET: "not yet", DECIDE: "needs a decision"}


class Finding(NamedTuple):
    """One thing in the way."""

    code: str
    status: int  # NOT_YET or DECIDE
    sentence: str
    choices: tuple[str, ...] = ()
