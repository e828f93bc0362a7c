"""``kachecks status --format=nagios``: by the guidelines of the Monitoring Plugins, which Nagios,
Icinga, Naemon and others read. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.status.facts import Status
from kachecks.commands.status.judgement import Summary, lag
from kachecks.commands.status.monitored import missing, severity, unseen
from kachecks.lean import shown

_LONGEST = 500
"""Characters of a sentence: GTID sets are longer, and some daemons read 4 KiB in all."""


def as_lines(status: Status, told: Summary, max_lag: float) -> list[str]:
    """The status word, one sentence and the figures on the first line; then what is wrong, and what
    could not be seen.

    Args:
        max_lag: seconds, the threshold of the two lags.
    """
    figures = " ".join(_figures(status, max_lag))
    return [
        f"{said(severity(status, told), told.sentence)} | {figures}",
        *(_plain(f"wrong: {each}") for each in told.problems),
        *(_plain(f"not seen: {each}") for each in unseen(status)),
    ]


def cannot_look(sentence: str) -> str:
    """The line where there was no look at all."""
    return said("unknown", sentence)


def said(word: str, sentence: str) -> str:
    """The status word and one sentence, without figures."""
    return f"KACHECKS {word.upper()}: {_plain(sentence)}"


def _plain(sentence: str) -> str:
    """A bar would begin the figures."""
    return shown(sentence, _LONGEST).replace("|", "/")


def _figures(status: Status, max_lag: float) -> Iterator[str]:
    """Each as label=value[unit];warn;crit;min."""
    for which, node in (("this", status.here), ("other", status.there)):
        yield f"{which}_lag={_number(lag(node), 's')};{max_lag:g};;0"
        yield f"{which}_missing={_number(missing(node))};;;0"
    yield f"check={_number(_rounded(status.check_seconds), 's')};;;0"
    yield f"look={_number(_rounded(status.look_seconds), 's')};;;0"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _number(value: float | None, unit: str = "") -> str:
    """U: it could not be determined."""
    return "U" if value is None else f"{value:.12g}{unit}"
