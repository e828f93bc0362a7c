"""Feed every parser with broken input for a while.

    python -m tests.fuzz [TARGET ...] --seconds 60 [--seed N]

Exit 0: nothing came out but what the parser says it raises, and no input took longer than a second.
Otherwise the input is printed and kept in a file, which --replay TARGET FILE plays again.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS, Target

LONGEST = 1.0
"""Seconds of CPU for one input."""

MEMORY = 1 << 30
"""Bytes of address space for all of it."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60, help="for each target; default 60")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if options.replay:
        name, file = options.replay
        with TARGETS[name]() as target:
            target.feed(Path(file).read_bytes())
        return 0
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    print(f"seed {options.seed}")
    failed = [
        name
        for name in options.targets or TARGETS
        if not fuzz(name, random.Random(f"{options.seed} {name}"), options.seconds)  # noqa: S311
    ]
    return 1 if failed else 0


def fuzz(name: str, draw: random.Random, seconds: float) -> bool:
    """Whether nothing was found."""
    count, slowest, end = 0, 0.0, time.monotonic() + seconds
    with TARGETS[name]() as target:
        while time.monotonic() < end:
            data = mutated(draw, draw.choice(target.seeds), target.seeds)
            begin = time.process_time()
            trouble = fed(target, data)
            took = time.process_time() - begin
            slowest, count = max(slowest, took), count + 1
            if took > LONGEST:
                trouble = trouble or f"took {took:.1f} s"
            if trouble:
                with tempfile.NamedTemporaryFile(prefix=f"{name}-", delete=False) as kept:
                    kept.write(data)
                print(f"{name}: input {count}, kept in {kept.name}\n{data[:500]!r}\n{trouble}")
                return False
    print(f"{name:<20}{count:>10} inputs, slowest {slowest * 1000:.0f} ms", flush=True)
    return True


def fed(target: Target, data: bytes) -> str:
    """What came out that should not, "" nothing."""
    try:
        target.feed(data)
    except Exception:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    sys.exit(main())
