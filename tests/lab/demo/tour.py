"""The operator's commands on a real pair, as the manual shows them.

    python -m tests.lab.demo.tour [--flavour mysql]

prints each command and what it said.
"""

from __future__ import annotations

import time

from tests.lab.demo.chosen import chosen
from tests.lab.matrix.scenario import playing
from tests.lab.pairs.commands import is_fit, run
from tests.lab.pairs.node import Node


def main() -> int:
    """Play the tour."""
    flavour, _ = chosen("tour", __doc__)
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        show(a, "status")
        show(a, "doctor")
        show(a, "switchover", "--dry-run")
        show(a, "switchover")
        scenario.wait_for_write_on(b)
        scenario.pair.wait_until(lambda: is_fit(a), 20, "A to be fit")
        show(a, "maintenance", "on", "--for", "2h", "--reason", "new disks")
        scenario.pair.wait_until(lambda: a.keepalived_state() == "FAULT", 5, "A to be unfit")
        show(b, "status")
        show(a, "status")
        show(b, "switchover")
        show(a, "maintenance", "off")
        time.sleep(3)
        show(a, "rejoin")
        show(b, "status")
    return 0


def show(node: Node, *arguments: str) -> None:
    """One command, what it printed, and its exit status where that is not 0."""
    status, said = run(node, "kachecks", *arguments)
    quoted = " ".join(f"'{each}'" if " " in each else each for each in arguments)
    ending = f"\n    [exit {status}]" if status else ""
    lines = "\n".join(f"    {line}".rstrip() for line in said.rstrip().splitlines())
    print(f"    {node.name}# kachecks {quoted}\n{lines}{ending}\n", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
