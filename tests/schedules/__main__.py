"""Play schedules: python -m tests.schedules --seed N, or --count N [--first M]."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import nullcontext

from tests.schedules.kinds import KINDS
from tests.schedules.planted import BUGS, RULES, planted
from tests.schedules.play import play


def main() -> int:
    """0: nothing went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.schedules", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one, with its log")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, default="", help="all of this kind, even if off")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--plant", choices=[*BUGS, *RULES], help="with this bug in the real code")
    options = parser.parse_args()
    with planted(options.plant) if options.plant else nullcontext():
        return run(options)


def run(options: argparse.Namespace) -> int:
    """One schedule, or many."""
    if options.seed is not None:
        result = play(options.seed, telling=True, kind=options.kind)
        print("\n".join(result.log))
        print(result.violation or "nothing went wrong")
        return bool(result.violation)
    begun, bad = time.perf_counter(), 0
    virtual = 0.0
    for seed in range(options.first, options.first + options.count):
        result = play(seed, kind=options.kind)
        virtual += result.ended
        if result.violation:
            bad += 1
            print(f"seed {seed}: {result.violation}", flush=True)
            if not options.keep_going:
                break
    seconds = time.perf_counter() - begun
    print(f"{seed - options.first + 1} schedules, {bad} bad, {virtual:.0f} s in {seconds:.1f} s")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
