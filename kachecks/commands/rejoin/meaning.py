"""What an error means, and what to do about it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kachecks.mysql.facts import Version, in_words_of


class Meaning(NamedTuple):
    """What an error number means."""

    sentence: str
    choices: tuple[str, ...]
    on_active: tuple[str, ...] = ()  # the choices where it is the serving node that cannot apply

    def in_words_of(self, version: Version) -> Meaning:
        """The same, with statements that a server of this version knows."""
        choices, on_active = (
            tuple(in_words_of(version, each) for each in told)
            for told in (self.choices, self.on_active)
        )
        return Meaning(self.sentence, choices, on_active)
