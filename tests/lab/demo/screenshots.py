"""Pictures of `kachecks status` for the manual, of a real pair on which something has happened.

    python -m tests.lab.demo.screenshots [DIRECTORY]

Needs root, what the lab needs, and pyte (a terminal emulator). Writes one SVG for each window of
WINDOWS into the directory, docs by default.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import termios
from pathlib import Path
from typing import Any, NamedTuple

import pyte

from tests.lab import prepare
from tests.lab.hosts.process import CHECKOUT
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.pictures.terminal_svg import BLANK, Letter, picture
from tests.lab.servers.flavours import MYSQL

KACHECKS = "/opt/kachecks/bin/kachecks"
DOCS = CHECKOUT / "docs"


class Window(NamedTuple):
    """A size of a terminal."""

    columns: int
    lines: int


WINDOWS = (Window(80, 24), Window(200, 50))


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.demo.screenshots", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("directory", nargs="?", type=Path, default=DOCS)
    directory = parser.parse_args().directory
    prepare.prepare([MYSQL])
    with Pair(MYSQL, "kachecks") as pair:
        play(pair)
        for window in WINDOWS:
            screen = screen_of(pair.a, [KACHECKS, "status"], window)
            path = directory / f"status-{window.columns}x{window.lines}.svg"
            title = f"kachecks status in a terminal of {window.columns} x {window.lines}"
            path.write_text(picture(letters(screen), window.columns, title))
            print(path)


def play(pair: Pair) -> None:
    """B takes over and A returns, then falls behind: a night as they come."""
    pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, node INT)")
    pair.wait_replication_caught_up()
    pair.a.kill_mysqld()
    pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to take over")
    pair.a.start_mysqld()
    pair.wait_replication_caught_up()
    pair.wait_until(lambda: pair.a.keepalived_state() == "BACKUP", 20, "A to stand by")
    pair.delay_replica(pair.a, 3600)
    for _ in range(12):
        pair.b.sql("INSERT INTO app.t (node) VALUES (2)")
    pair.wait_until(lambda: _received(pair), 20, "A to have received what it does not apply")


def _received(pair: Pair) -> bool:
    row = pair.a.sql("SHOW REPLICA STATUS")[0]
    return bool(row["Retrieved_Gtid_Set"]) and bool(row["Seconds_Behind_Source"])


def screen_of(node: Node, argv: list[str], window: Window) -> Any:
    """The screen after a program has run in a terminal of that size."""
    master, slave = pty.openpty()
    size = struct.pack("HHHH", window.lines, window.columns, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    screen = pyte.Screen(window.columns, window.lines)
    stream = pyte.ByteStream(screen)
    stream.feed(f"# kachecks {' '.join(argv[1:])}\r\n".encode())
    with node.popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment):
        os.close(slave)
        try:
            while data := os.read(master, 65536):
                stream.feed(data)
        except OSError:  # nobody has the other end open any more
            pass
        finally:
            os.close(master)
    return screen


def letters(screen: Any) -> list[list[Letter]]:
    """What the emulator has, cell by cell."""
    lines = []
    for number in range(screen.lines):
        line = screen.buffer[number]
        cells = [line[column] for column in range(screen.columns)]
        lines.append([Letter(cell.data or BLANK.data, cell.fg, cell.bold) for cell in cells])
    return lines


if __name__ == "__main__":
    main()
