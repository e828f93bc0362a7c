"""The timeline of what an observer sees, printed while it happens."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from tests.lab.observing.observer import Observer
from tests.lab.pictures.live import LiveLines


@contextlib.contextmanager
def live_lines(observer: Observer, *, one_writer: bool = True) -> Iterator[None]:
    """Print the timeline while the block runs."""
    live = LiveLines(observer.nodes, observer.start, sys.stdout, one_writer=one_writer)
    live.header()
    over = threading.Event()

    def tell() -> None:
        while not over.wait(0.25):
            live.update(observer.record())

    teller = threading.Thread(target=tell, name="timeline", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        live.update(observer.record())
