"""Every row of the failure matrix many times, several pairs at once, and what came of it.

    python -m tests.lab.matrix.marathon --times 20 --jobs 3 --results FILE     (root; hours)

Each run is a process of its own and adds a line of JSON to FILE; a marathon that was broken off
goes on where it stopped, and a run whose watchers came late is played again the next time. At the
end, and with --summary at any time, the table is printed. With --keep its numbers are added to
those in played.tsv, which count as played.
"""

from __future__ import annotations

import argparse
import dataclasses
import faulthandler
import json
import statistics
import subprocess
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.lab.matrix import command_line, played
from tests.lab.matrix.table import ROWS
from tests.lab.observing.verify import NotProvenError, proven
from tests.lab.servers.flavours import ALL_FLAVOURS

LONGEST_RUN = 240
"""Seconds; the longest row takes about 60."""

TELLS_AFTER = LONGEST_RUN - 10
"""Seconds after which a run that is not over says what each of its threads is doing."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.matrix.marathon", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all by default")
    command_line.add_options(parser, times=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("marathon.jsonl"))
    parser.add_argument("--summary", action="store_true", help="play nothing, print the table")
    parser.add_argument("--keep", action="store_true", help="add FILE to played.tsv, play nothing")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return play(options.rows[0], options.flavour)
    if options.keep:
        played.write(played.with_more(played.read(), results_in(options.results)), ROWS)
        options.results.unlink()
        return 0
    if not options.summary:
        flavours = [flavour.name for flavour in command_line.flavours(options)]
        run_all(options.rows or list(ROWS), flavours, options)
    print(table(results_in(options.results)))
    return 0


def play(row: str, flavour: str) -> int:
    """One run, in this process; its outcome as one line of JSON."""
    faulthandler.dump_traceback_later(TELLS_AFTER)
    entry: dict[str, Any] = {"row": row, "flavour": flavour}
    try:
        entry.update(dataclasses.asdict(proven(lambda: ROWS[row].play(ALL_FLAVOURS[flavour]))))
    except NotProvenError as error:
        entry["unproven"] = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is an outcome
        entry["failed"] = f"{type(error).__name__}: {error}"
    print(json.dumps(entry))
    return 0


def run_all(rows: list[str], flavours: list[str], options: argparse.Namespace) -> None:
    """What is missing in the results to have each row so many times, in rounds."""
    known = played.with_more(played.read(), results_in(options.results))
    done = {key: one.runs for key, one in known.items()}
    missing = [
        (row, flavour)
        for turn in range(options.times)
        for row in rows
        for flavour in flavours
        if done.get((row, flavour), 0) <= turn
    ]
    writing = threading.Lock()

    def one(what: tuple[str, str]) -> None:
        entry = played_apart(*what)
        with writing, options.results.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        if "unproven" in entry:
            print(f"proves nothing: row {what[0]} {what[1]} (machine too busy)", flush=True)
        if "failed" in entry:
            print(f"FAILED: row {what[0]} {what[1]}: {entry['failed'][:300]}", flush=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, missing))


def played_apart(row: str, flavour: str) -> dict[str, Any]:
    """One run in a process of its own, which takes its namespaces with it however it ends."""
    argv = [sys.executable, "-m", "tests.lab.matrix.marathon", "--one", "--flavour", flavour, row]
    try:
        ran = subprocess.run(argv, capture_output=True, text=True, timeout=LONGEST_RUN, check=False)
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as late:
        told = (late.stderr or b"").decode(errors="replace")[-6000:]
        return {"row": row, "flavour": flavour, "failed": f"not over after {LONGEST_RUN} s: {told}"}
    except (IndexError, ValueError):
        return {"row": row, "flavour": flavour, "failed": ran.stderr[-2000:]}
    return found


def results_in(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


def table(entries: list[dict[str, Any]]) -> str:
    """One line per row and flavour."""
    by_row: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    proving = [entry for entry in entries if "unproven" not in entry]
    for entry in proving:
        by_row[entry["row"], entry["flavour"]].append(entry)
    lines = [
        f"{'row':<30}{'flavour':<14}{'runs':>5}{'failed':>7}  outage median (worst)"
        "  lost  both open  both VIP"
    ]
    order = {row: number for number, row in enumerate(ROWS)}
    for (row, flavour), runs in sorted(by_row.items(), key=lambda item: order[item[0][0]]):
        good = [entry for entry in runs if "failed" not in entry]
        failed = len(runs) - len(good)
        line = f"{row:<30}{flavour:<14}{len(runs):>5}{failed:>7}"
        if good:
            outages = [entry["outage"] for entry in good]
            line += (
                f"  {statistics.median(outages):8.2f} s ({max(outages):.2f} s)"
                f"  {max(entry['lost'] for entry in good):>4}"
                f"  {max(entry['both_open'] for entry in good):>7.2f} s"
                f"  {max(entry['both_vip'] for entry in good):>6.2f} s"
            )
        lines.append(line)
    if len(proving) < len(entries):
        lines.append(f"{len(entries) - len(proving)} runs proved nothing: the machine was too busy")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
