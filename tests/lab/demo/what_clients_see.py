"""What an application sees when the VIP moves, as docs/applications.md shows it.

    python -m tests.lab.demo.what_clients_see [--flavour mysql] [switchover kill …]

plays each of these on a pair of its own, and prints what every kind of session got to see.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.lab.demo.chosen import chosen
from tests.lab.error import LabError
from tests.lab.faults.catalogue import FAULTS
from tests.lab.hosts.namespaces import ENVIRONMENT
from tests.lab.hosts.process import CHECKOUT
from tests.lab.pairs.commands import run
from tests.lab.pairs.pair import VIP, Pair

LATE = "late"
LATE_BY = 3
EVENTS: dict[str, tuple[str, Callable[[Pair], object]]] = {
    "switchover": ("kachecks switchover", lambda pair: run(pair.a, "kachecks", "switchover")),
    LATE: (f"SIGKILL of mysqld on A, B applies {LATE_BY} s late", FAULTS["kill"].play),
    **{name: (fault.text, fault.play) for name, fault in FAULTS.items()},
}


def main() -> int:
    """Play them one after the other."""
    flavour, wanted = chosen("what_clients_see", __doc__, "event", EVENTS)
    try:
        for event in wanted:
            with Pair(flavour, "kachecks") as pair:
                _play(pair, event)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _play(pair: Pair, event: str) -> None:
    text, play = EVENTS[event]
    with pair.client.popen(
        [sys.executable, "-m", "tests.lab.demo.sessions", "--host", VIP],
        env={**ENVIRONMENT, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as application:
        assert application.stdout is not None
        assert application.stdout.readline() == "ready\n"
        if event == LATE:
            pair.delay_replica(pair.b, LATE_BY)
            time.sleep(LATE_BY + 1)
        _tell(application, "fault")
        play(pair)
        pair.wait_until(lambda: pair.is_serving(pair.b), 30, "B to serve")
        time.sleep(1)
        _tell(application, "over")
        print(f"    {text} ({pair.flavour})")
        print("".join(f"      {line}" for line in application.stdout), flush=True)


def _tell(application: subprocess.Popen[str], line: str) -> None:
    assert application.stdin is not None
    application.stdin.write(f"{line}\n")
    application.stdin.flush()


if __name__ == "__main__":
    raise SystemExit(main())
