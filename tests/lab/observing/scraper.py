"""A monitoring system that looks at a pair each second, whether or not the last look has ended.

with scraping(pair) as scrapers:
    ...  # a fault
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.lab.pairs.commands import BIN
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair

FORMATS = ("nagios", "prometheus")


class Answer(NamedTuple):
    """What one look has said, when it was there (time.monotonic), and after how many seconds."""

    at: float
    took: float
    status: int
    text: str


class Scraper:
    """Looks at the pair from one node, in one format."""

    def __init__(self, node: Node, form: str, command: list[str] | None = None) -> None:
        self.name = f"{form} on {node.name}"
        self.node = node
        self.form = form
        self._command = command or [f"{BIN}/kachecks", "status", f"--format={form}"]
        self._answers: list[Answer] = []
        self._looks: list[threading.Thread] = []
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._go_on, daemon=True)
        self._begun = time.monotonic()
        self._ended = 0.0
        self._clock.start()

    def _go_on(self) -> None:
        due = self._begun
        while not self._over.wait(max(0.0, due - time.monotonic())):
            look = threading.Thread(target=self._look, daemon=True)
            look.start()
            self._looks.append(look)
            due += 1.0

    def _look(self) -> None:
        begun = time.monotonic()
        done = self.node.run(self._command, check=False)
        said = done.stdout + done.stderr
        now = time.monotonic()
        self._answers.append(Answer(now, now - begun, done.returncode, said))

    def end(self) -> None:
        """No more looks; those under way are waited for."""
        self._ended = time.monotonic()
        self._over.set()
        self._clock.join(10)
        for look in self._looks:
            look.join(30)

    @property
    def answers(self) -> list[Answer]:
        """In the order in which they came."""
        return sorted(self._answers)

    @property
    def longest_gap(self) -> float:
        """Seconds without an answer, from the first one to the end."""
        times = [each.at for each in self.answers]
        times.append(max(self._ended, times[-1]))
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    @property
    def slowest(self) -> float:
        """Seconds that the slowest look has taken."""
        return max(each.took for each in self.answers)

    def __str__(self) -> str:
        """For whoever must understand a gap: when each answer came, and what it took."""
        times = (f"{each.at - self._begun:.2f} ({each.took:.2f})" for each in self.answers)
        return f"{self.name}: {', '.join(times)}"

    def since(self, moment: float) -> list[Answer]:
        """Answers that came after it (time.monotonic)."""
        return [each for each in self.answers if each.at > moment]


class Scrapers(NamedTuple):
    """Those of both nodes, in both formats."""

    lookers: list[Scraper]
    idlers: list[Scraper]
    """They load the same program, and ask nobody."""

    @property
    def held_up(self) -> float:
        """Seconds by which the machine alone has held a look up, as it was busy."""
        return max(each.slowest for each in self.idlers)


_LOADS = "import psutil, kachecks.commands.status.monitor"


@contextlib.contextmanager
def scraping(pair: Pair) -> Iterator[Scrapers]:
    """From both nodes, in both formats."""
    idle = [f"{BIN}/python", "-c", _LOADS]
    scrapers = Scrapers(
        [Scraper(node, form) for node in pair.nodes for form in FORMATS],
        [Scraper(node, "nothing", idle) for node in pair.nodes],
    )
    try:
        yield scrapers
    finally:
        for each in (*scrapers.lookers, *scrapers.idlers):
            each.end()
