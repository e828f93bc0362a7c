"""A monitoring system that looks at a pair each second, whether or not the last look has ended:
now as Nagios, now as Prometheus.

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
    form: str


class Scraper:
    """Looks at the pair from one node, in each format in turn."""

    def __init__(self, node: Node, idle: list[str] | None = None) -> None:
        self.node = node
        self._idle = idle
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
            form = FORMATS[len(self._looks) % len(FORMATS)]
            look = threading.Thread(target=self._look, args=(form,), daemon=True)
            look.start()
            self._looks.append(look)
            due += 1.0

    def _look(self, form: str) -> None:
        command = self._idle or [f"{BIN}/kachecks", "status", f"--format={form}"]
        begun = time.monotonic()
        done = self.node.run(command, check=False)
        said = done.stdout + done.stderr
        now = time.monotonic()
        self._answers.append(Answer(now, now - begun, done.returncode, said, form))

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
        return f"on {self.node.name}: {', '.join(times)}"

    def since(self, moment: float) -> list[Answer]:
        """Answers that came after it (time.monotonic)."""
        return [each for each in self.answers if each.at > moment]


class Scrapers(NamedTuple):
    """One on each node, and one that loads the same program and asks nobody."""

    lookers: list[Scraper]
    idler: Scraper

    @property
    def held_up(self) -> float:
        """Seconds by which a busy machine alone may hold a look up: once in its own process, and
        once in those that it asks."""
        return 2 * self.idler.slowest


_LOADS = "import psutil, kachecks.commands.status.monitor"


@contextlib.contextmanager
def scraping(pair: Pair) -> Iterator[Scrapers]:
    """From both nodes, in both formats."""
    idler = Scraper(pair.a, [f"{BIN}/python", "-c", _LOADS])
    scrapers = Scrapers([Scraper(node) for node in pair.nodes], idler)
    try:
        yield scrapers
    finally:
        for each in (*scrapers.lookers, idler):
            each.end()
