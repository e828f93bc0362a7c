"""A is cut off from everybody just while B's promotion asks it, fences it, or opens.

VRRP is blocked first, so B takes over while A serves. A closes itself by its clock, as nobody
answers it any more; B, which has had an answer a moment ago, has to wait for that.
"""

from __future__ import annotations

from dataclasses import replace

from tests.lab.faults.killing import Killing, Point, at_once, holding_the_lock, with_the_mark
from tests.lab.faults.partition import deafen, hear_again
from tests.lab.matrix.blocked import REPLICATION_BACK
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SERVED_BY_B, playing
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, WITNESS
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection, WireError

POINTS = {
    "start": "notify_master begins",
    "lock": "it has the lock",
    "asked": "it has a session on A",
    "closed": "it has closed A",
    "open": "it opens B",
}
"""What B's notify_master has just done."""


def fencing(flavour: Flavour, at: str) -> Figures:
    """The cut begins at one of POINTS."""
    with playing(flavour, {"witness": WITNESS}) as scenario:
        a, b = scenario.a, scenario.b
        point = _point(at, a, b.address)

        def cut() -> None:
            a.cut_link(silent=True)

        with Killing(b, "notify_master", point, cut) as cutting:
            mark = scenario.fault("VRRP blocked")
            deafen(scenario.pair, a, b)
            reached = cutting.wait()
        scenario.observer.mark(f"A cut off: {at}")
        scenario.wait_for_write_on(b)
        scenario.wait_until(lambda: not a.has_vip(VIP), 10, "A to give the VIP up")
        scenario.note(f"A cut off {reached - mark.time:.2f} s after VRRP was blocked")
        scenario.observer.mark("A's network and VRRP are back")
        hear_again(scenario.pair, a, b)
        a.restore_link()
        scenario.bring_back(a)
        return scenario.end(replace(SERVED_BY_B, within=REPLICATION_BACK))


def _point(at: str, a: Node, peer: str) -> Point:
    """Asked of A's server, through a connection that B kills too."""

    def asks(condition: str) -> Point:
        query = f"SELECT 1 FROM DUAL WHERE {condition}"  # noqa: S608
        connection = [_as_root(a)]

        def true(_node: Node, _pid: int) -> bool:
            try:
                return bool(connection[0].query(query, 5).rows)
            except WireError:
                connection[0] = _as_root(a)
                return False

        return true

    of_b = (
        "EXISTS (SELECT 1 FROM information_schema.processlist"  # noqa: S608
        f" WHERE user = 'kachecks' AND host LIKE '{peer}:%')"
    )
    points = {
        "start": at_once,
        "lock": holding_the_lock,
        "asked": asks(of_b),
        "closed": asks("@@read_only"),
        "open": with_the_mark,
    }
    return points[at]


def _as_root(node: Node) -> Connection:
    return Connection(str(node.socket_path), "root", "", timeout=5)
