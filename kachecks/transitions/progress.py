"""Long work says how far it has got: at most one line a second.

tell = ProgressLines(clock.now, report.say)
while ...:
    tell(lambda: transactions_left())
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


EVERY = 1.0
"""Seconds between two lines; work that ends sooner says nothing."""

RECENT = 5
"""Lines over which the rate is averaged, so that it follows a change without jumping."""


class Progress:
    """How fast the number of transactions left goes down. Times come in as arguments."""

    def __init__(self, now: float) -> None:
        """Work begins at ``now`` (s)."""
        self._begun = now
        self._said = now
        self._counts: list[tuple[float, int]] = []

    def due(self, now: float) -> bool:
        """It is time to count: at once the first time, then once a second."""
        return not self._counts or now - self._said >= EVERY

    def line(self, now: float, left: int | None) -> str:
        """What to say at ``now``; "" if the last line is less than a second old.

        Args:
            left: transactions; None: they cannot be counted.
        """
        rate = self._rate(now, left)
        if now - self._said < EVERY:
            return ""
        self._said = now
        return f"{sentence(left, rate)} ({now - self._begun:.0f} s so far)"

    def _rate(self, now: float, left: int | None) -> float | None:
        """Transactions a second over the last RECENT lines; None: not known yet."""
        if left is None:
            self._counts = []
            return None
        self._counts = [*self._counts[-RECENT:], (now, left)]
        at, before = self._counts[0]
        return (before - left) / (now - at) if now > at else None


class ProgressLines:
    """Counts what is left whenever a line is due, and prints the line."""

    def __init__(self, clock: Callable[[], float], say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._progress = Progress(clock())

    def __call__(self, count: Callable[[], int | None]) -> None:
        """Called once per round of the work; ``count`` is called only when a line is due."""
        now = self._clock()
        if self._progress.due(now):
            line = self._progress.line(now, count())
            if line:
                self._say(line)


def sentence(left: int | None, rate: float | None) -> str:
    """``1,234 transactions left, 560/s, about 2 s``; what is unknown is left out."""
    if left is None:
        return "transactions are left, their number is not known"
    noun = "transaction" if left == 1 else "transactions"
    said = f"{left:,} {noun} left"
    if rate is None or not left:
        return said
    if rate < 0:
        return f"{said}, {-rate:,.0f}/s more than are applied"
    if rate < 0.05:
        return f"{said}, none applied meanwhile"
    return f"{said}, {rate:,.{0 if rate >= 10 else 1}f}/s, about {_duration(left / rate)}"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} s"
