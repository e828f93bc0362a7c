"""A file that fills a node's datadir."""

from __future__ import annotations

import errno
import shutil

from tests.lab.pairs.node import Node


class Filler:
    """A file that takes all the room there is in a node's datadir but ``left`` bytes."""

    BLOCK = bytes(64 << 10)

    def __init__(self, node: Node, left: int) -> None:
        self._file = node.datadir / "filler"
        # Written, not allocated in one go: the server takes room at the same time.
        with self._file.open("wb", buffering=0) as file:
            while shutil.disk_usage(node.datadir).free > left:
                try:
                    file.write(self.BLOCK)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break

    def remove(self) -> None:
        """There is room again."""
        self._file.unlink()
