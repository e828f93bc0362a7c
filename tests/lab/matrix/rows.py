"""Plays rows of the failure matrix and prints what the client saw.

    python -m tests.lab.matrix.rows 1 5 --flavour both --times 5

`both` are the two families, `all` further generations too. Without a row: all of them. `by-hand`
are those that `make test` leaves out, or plays on one family alone.
"""

from __future__ import annotations

import argparse
import sys

from tests.lab.matrix import command_line
from tests.lab.matrix.table import BY_HAND, ON_ONE, ROWS


def main() -> int:
    listed = "\n".join(f"  {row.name:<30}{row.what}" for row in ROWS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.matrix.rows",
        description=__doc__.partition("\n")[0],
        epilog=f"rows:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="as listed below")
    command_line.add_options(parser, times=1)
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS) - {"by-hand"}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    named = [name for name in options.rows if name in ROWS]
    if "by-hand" in options.rows:
        named += [name for name in ROWS if name in BY_HAND or name in ON_ONE]
    plays = {f"row {name}": ROWS[name].play for name in named or ROWS}
    return command_line.play(plays, command_line.flavours(options), options.times)


if __name__ == "__main__":
    sys.exit(main())
