"""Whether mysqld had ended when the virtual IP left its node."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP


class WatchedRelease:
    """Looks, about a thousand times a second, whether mysqld outlives the VIP on a node.

    A process that is seen alive after the VIP has been seen gone has outlived it: no delay of
    this thread can make that up.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stat = node.path(f"/proc/{node.mysqld_pid()}/stat")
        self.vip_left: float | None = None
        self.outlived = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> WatchedRelease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def must_have_come_after_mysqld(self) -> None:
        """Raises AssertionError: the VIP never left, or mysqld outlived that."""
        assert self.vip_left is not None, "the VIP never left"
        assert not self.outlived, "the VIP left before mysqld had ended"

    def _look(self) -> None:
        while not self._stop.is_set():
            if not self._node.has_vip(VIP):
                self.vip_left = self.vip_left or time.time()
                self.outlived = self.outlived or _alive(self._stat)
                return
            time.sleep(0.001)


def _alive(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
