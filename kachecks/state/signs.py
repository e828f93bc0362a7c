"""What closer looks have seen that may come to stalled writes, for as long as it lasts.

One look proves nothing: a commit was on its way, a disk was busy, or this very process had no CPU.
What counts is decided by check.stalled; here is only how one look tells the next.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.state.marks import number


class Progress(NamedTuple):
    """What moves while a server writes; "" where it was not asked, or cannot be known."""

    committed: str = ""  # stands for its GTID position
    acknowledged: str = ""  # transactions that a semi-synchronous replica has
    binlog: str = ""  # name and size of the newest binary log
    device: str = ""  # writes that the device below the binary log has completed

    def passed(self, earlier: Progress, *fields: str) -> bool:
        """One of these is known to have moved since then."""
        pairs = [(getattr(earlier, field), getattr(self, field)) for field in fields]
        return any(before and now and before != now for before, now in pairs)


class Sign(NamedTuple):
    """A connection that waits, or a process that hangs."""

    what: str  # which one, in what state
    since: float  # of CLOCK_BOOTTIME: the first of the looks in a row that have seen it
    looks: int = 1  # in a row
    began: float = 0.0  # a connection's statement, by this clock, as the server tells it


class Signs(NamedTuple):
    """Those of one look."""

    seen: tuple[Sign, ...] = ()
    progress: Progress = Progress()


def parse(text: str) -> Signs:
    """What ``as_text`` has made; no signs where it is damaged."""
    first, *lines = text.split("\n")
    try:
        fields = [line.split(" ", 3) for line in lines]
        return Signs(
            tuple(
                Sign(what, number(since), int(looks), number(began))
                for since, looks, began, what in fields
            ),
            Progress(*(first.split("\t") if text else ())),
        )
    except (TypeError, ValueError):
        return Signs()


def as_text(signs: Signs) -> str:
    """One line of progress, and one for each sign. No text of a server is in it."""
    lines = [f"{each.since:.3f} {each.looks} {each.began:.3f} {each.what}" for each in signs.seen]
    return "\n".join(["\t".join(signs.progress), *lines])
