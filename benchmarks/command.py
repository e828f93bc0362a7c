"""What the benchmark commands have in common: options, heading, the JSON file, errors."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import heading, machine
from tests.lab.error import LabError
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import FLAVOURS

Results = dict[str, Any]


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """With the options that all of them have."""
    parsing = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parsing.add_argument("--flavour", choices=(*FLAVOURS, "both"), default="both")
    parsing.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    return parsing


def positive(text: str) -> int:
    """Of an option's value that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: expected 1 or more")
    return number


def run(
    name: str, options: argparse.Namespace, measure: Callable[[Flavour], tuple[str, Results]]
) -> int:
    """Measure each flavour; `measure` returns a table and the same for programs.

    The JSON file is written after each flavour, so that an error loses only what it stopped.
    """
    chosen = FLAVOURS if options.flavour == "both" else [options.flavour]
    here = machine()
    print(heading(here), flush=True)
    report: Results = {"benchmark": name, "machine": here, "servers": {}}
    for each in chosen:
        flavour = FLAVOURS[each]
        try:
            table, results = measure(flavour)
        except LabError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(f"\n{table}", flush=True)
        report["servers"][flavour.name] = {"version": flavour.version, **results}
        if options.json:
            options.json.write_text(f"{json.dumps(report, indent=2)}\n")
    return 0


def progress(words: Sequence[object]) -> None:
    """A line for who waits: to standard error, where a table's reader does not see it."""
    print(*words, file=sys.stderr, flush=True)
