"""See it happen: two nodes, a client that writes through the virtual IP, and a fault.

    python -m tests.lab.pictures.demo [--flavour mariadb|mysql] [--fault kill|…]
        [--suite kachecks|recipe]

Needs root, and nothing but this machine: the nodes are namespaces.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts.accounts import SAMPLER_USER
from tests.lab.hosts.node import Node
from tests.lab.hosts.pair import VIP, Pair
from tests.lab.observing import transitions
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import rows_by_node
from tests.lab.pictures import timeline_svg
from tests.lab.pictures.timeline import Live, bars_for, figures, picture, table
from tests.lab.servers.flavour import FLAVOURS

_STEADY = 2.0
_DOWN_MARGIN = 30.0


@dataclass(frozen=True)
class Fault:
    """Something to do to the active node A, and how it comes back."""

    text: str
    play: Callable[[Pair], object]
    repair_text: str
    repair: Callable[[Pair], object]


def _start_mysqld(pair: Pair) -> None:
    if pair.a.mysqld_pid() is None:
        pair.a.start_mysqld()


def _start_both(pair: Pair) -> None:
    _start_mysqld(pair)
    if not pair.a.keepalived_pids():  # the recipe has stopped it
        pair.a.start_keepalived()


def _wake_up(pair: Pair) -> None:
    if pair.a.mysqld_pid() is not None:
        pair.a.kill_mysqld(signal.SIGCONT)
    _start_both(pair)


def _power_on(pair: Pair) -> None:
    pair.a.power_on()
    _start_both(pair)


def _notify_down(pair: Pair) -> None:
    command = "bin/notify_down" if pair.suite.name == "kachecks" else "mysql_down.sh"
    pair.a.run([f"/opt/kachecks/{command}"], check=False)


FAULTS = {
    "kill": Fault(
        "SIGKILL of mysqld on A",
        lambda pair: pair.a.kill_mysqld(),
        "mysqld on A started again",
        _start_both,
    ),
    "stop": Fault(
        "mysqld on A stopped",
        lambda pair: pair.a.stop_mysqld(),
        "mysqld on A started again",
        _start_both,
    ),
    "sigstop": Fault(
        "SIGSTOP of mysqld on A",
        lambda pair: pair.a.kill_mysqld(signal.SIGSTOP),
        "mysqld on A continued, or started if it was killed",
        _wake_up,
    ),
    "poweroff": Fault("power-off of A", lambda pair: pair.a.power_off(), "A powered on", _power_on),
    "notify_down": Fault(
        "notify_down on A", _notify_down, "keepalived on A started again", _start_both
    ),
    "keepalived-stop": Fault(
        "keepalived on A stopped",
        lambda pair: pair.a.stop_keepalived(),
        "keepalived on A started again",
        _start_both,
    ),
}


@contextlib.contextmanager
def live_lines(observer: Observer) -> Iterator[None]:
    """Print the timeline while the block runs."""
    live = Live(observer.nodes, observer.start, sys.stdout)
    live.header()
    over = threading.Event()

    def tell() -> None:
        while not over.wait(0.25):
            live.update(observer.record())

    teller = threading.Thread(target=tell, name="timeline", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        live.update(observer.record())


def play(pair: Pair, observer: Observer, fault: Fault) -> None:
    """Steady writes, the fault, the takeover, the return of A."""
    observer.wait_for_write(pair.a.name)
    time.sleep(_STEADY)
    mark = observer.mark(fault.text, fault=True)
    fault.play(pair)
    observer.wait_for_write(pair.b.name, after=mark.time, timeout=_DOWN_MARGIN)
    time.sleep(_STEADY)
    observer.mark(fault.repair_text)
    fault.repair(pair)
    _wait_for_return(pair, pair.a)
    time.sleep(_STEADY)


def _let_sampler_see_replication(pair: Pair) -> None:
    """For the timeline's sake; what it watches for the tests needs no privilege."""
    mariadb = "mariadb" in pair.flavour.version.lower()
    privilege = "SLAVE MONITOR" if mariadb else "REPLICATION CLIENT"
    pair.a.sql(f"GRANT {privilege} ON *.* TO {SAMPLER_USER}@localhost")


def _wait_for_return(pair: Pair, node: Node) -> None:
    """Until the node stands by and replicates, or ten seconds have shown that it does not."""
    with contextlib.suppress(LabError):
        pair.wait_until(lambda: node.keepalived_state() == "BACKUP", 5, "the node to stand by")
        pair.wait_replication_running(5)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.pictures.demo", description="Play a failover and watch it."
    )
    parser.add_argument("--flavour", choices=FLAVOURS, default="mariadb")
    parser.add_argument("--suite", choices=("kachecks", "recipe"), default="kachecks")
    parser.add_argument("--fault", choices=FAULTS, default="kill")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it there too, as SVG")
    options = parser.parse_args(argv)
    flavour = FLAVOURS[options.flavour]
    fault = FAULTS[options.fault]
    try:
        print(f"Starting two nodes with {flavour.name} {flavour.version} and {options.suite} …")
        with Pair(flavour, options.suite) as pair:
            print(
                f"A holds {VIP} and takes writes, B stands by. A client writes through the"
                f"\nvirtual IP. In {_STEADY:g} s: {fault.text}.\n"
            )
            _let_sampler_see_replication(pair)
            observer = Observer(pair.nodes, pair.client, VIP, pair.workdir)
            with observer, live_lines(observer):
                play(pair, observer, fault)
            with contextlib.suppress(LabError):
                pair.wait_replication_caught_up(5)
            record = observer.record()
            print(f"\n{picture(record, bars=bars_for(sys.stdout))}")
            print(f"\n{table(figures(record, rows_by_node(pair)))}")
            if options.picture:
                title = f"{pair.suite.name}, {flavour.name} {flavour.version}: {fault.text}"
                panel = timeline_svg.Panel(title, record, transitions.of_nodes(pair.nodes))
                options.picture.write_text(timeline_svg.picture([panel], title))
                print(f"\ntimeline: {options.picture}")
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
