"""Seeing to it that the peer does not write: what it says, and what its silence means
(simulation.py). How a promotion goes on after that is in test_promotion.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.transitions.peer import STILL_FRESH, Settled, peer_is_back, settle_peer
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import Interrupted, Leaving, Refusal, VipGone
from kachecks.transitions.sessions import Sessions
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB,
    MUTE,
    OPEN,
    REFUSED,
    SILENT,
    Client,
    World,
)

MAC = "02:00:00:00:00:01"
WITNESS = "10.0.0.254"
LOOK_ON = 8.0  # hung_after + fence_timeout


class Looking:
    """settle_peer on node B, and how long it has taken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sessions = Sessions(world.node, Steps(world.node))
        self.begun = world.time

    def settle(self) -> Settled:
        try:
            return settle_peer(self.sessions)
        finally:
            self.took = self.world.time - self.begun

    def refused(self, words: str) -> None:
        with pytest.raises(Refusal) as caught:
            self.settle()
        assert words in str(caught.value)
        assert not isinstance(caught.value, Interrupted)
        assert self.sessions.peer is None
        left = [each for each in self.world.sessions if not each.ended]
        assert left == [self.sessions.local]


def without_peer(trouble: Exception, **options: str) -> World:
    world = World(**options)
    world.a.trouble = trouble
    world.b.receiver = "Connecting"
    return world


def at(world: World, moment: float, act: Callable[[], None]) -> None:
    """Act at that time, or at the first pause or connection after it."""

    def look() -> None:
        if world.time >= moment:
            act()
        else:
            world.when("sleep", look)

    world.when("sleep", look)


def locked(world: World) -> list[str]:
    return [line for line in world.log if ": lock " in line]


# A peer that answers -----------------------------------------------------------------------------


def test_an_open_peer_is_closed_and_counted() -> None:
    world = World()
    world.a.add(Client("app"))
    looking = Looking(world)
    settled = looking.settle()
    assert (settled.said, settled.fenced, settled.mute) == ("peer closed", True, False)
    assert settled.target is not None
    assert world.a.access == CLOSED
    assert locked(world) == ["A: lock kachecks.main", "B: lock kachecks.main"]
    world.order("A: SET SESSION wait_timeout = 3", "A: lock kachecks.main", "A: SET GLOBAL")
    assert looking.sessions.peer is not None


def test_a_closed_peer_is_counted() -> None:
    world = World()
    world.a.access = CLOSED
    settled = Looking(world).settle()
    assert (settled.said, settled.fenced) == ("peer closed", False)
    assert settled.target is not None
    assert not [line for line in world.log if "A: SET GLOBAL" in line]


def test_a_peer_that_somebody_opens_again_and_again() -> None:
    """It answers, and does not stay closed."""
    world = World()

    def opened() -> None:
        world.a.access = OPEN
        world.pass_time(0.4)
        world.when("A: SET GLOBAL super_read_only", closed)

    def closed() -> None:
        world.when("A: SELECT @@global.read_only", opened)

    world.when("A: SET GLOBAL super_read_only", closed)
    looking = Looking(world)
    looking.refused("the peer is open and cannot be closed: writes that cannot be cut")
    assert looking.took < 6


def test_an_account_that_may_write_through_and_keeps_coming_back() -> None:
    """Older MariaDB: read_only keeps no administrator out, so it is not closed to everybody."""
    world = World(MARIADB)
    world.a.add(Client("root", returns=10_000))
    Looking(world).refused("the peer is not closed to everybody; but an account that may write")


@pytest.mark.parametrize("echo", [set(), {"10.0.0.1"}])
def test_an_open_peer_while_no_witness_answers(echo: set[str]) -> None:
    """This node is the one that is cut off from the clients: it must not close the other one."""
    world = World(witness=WITNESS)
    world.network.echo = echo
    Looking(world).refused(f"the peer is open, and no witness ({WITNESS}) answers")
    assert world.a.access == OPEN


def test_an_open_peer_and_a_witness() -> None:
    world = World(witness=WITNESS)
    assert Looking(world).settle().fenced


def test_a_closed_peer_needs_no_witness() -> None:
    """Nobody serves; who can be reached by clients is VRRP's choice."""
    world = World(witness=WITNESS)
    world.a.access = CLOSED
    world.network.echo = set()
    assert Looking(world).settle().target is not None
    assert not [line for line in world.log if line.startswith("echo")]


@pytest.mark.parametrize(
    "trouble", [ServerError(1040, "too many"), ServerError(1045, "denied"), DriverError("none")]
)
def test_an_error_is_a_life_sign(trouble: Exception) -> None:
    world = without_peer(trouble, on_hung_peer="open")
    Looking(world).refused("cannot be asked or closed")
    assert "holder?" not in world.log


# Refusing ----------------------------------------------------------------------------------------


def test_refusing_and_gone() -> None:
    world = without_peer(REFUSED)
    looking = Looking(world)
    settled = looking.settle()
    assert settled == Settled(f"peer down: {REFUSED}", None, settled.at)
    assert looking.took < 0.1
    assert locked(world) == ["B: lock kachecks.main"]
    assert "holder?" not in world.log


def connected(world: World, how: str) -> None:
    if how == "our receiver":
        world.b.receiver = "Yes"
    else:
        world.servers.ports_from_peer = {50000}


def disconnected(world: World) -> None:
    world.b.receiver, world.servers.ports_from_peer = "Connecting", set()


@pytest.mark.parametrize("how", ["our receiver", "its receiver"])
def test_refusing_and_still_connected(how: str) -> None:
    """It shuts down, and may commit for seconds after it has closed its port."""
    world = without_peer(REFUSED)
    connected(world, how)
    looking = Looking(world)
    looking.refused("after 8 s its replication connections to this server are still up")
    assert LOOK_ON <= looking.took < LOOK_ON + 0.2
    assert locked(world) == []


@pytest.mark.parametrize("how", ["our receiver", "its receiver"])
def test_refusing_until_its_connections_end(how: str) -> None:
    world = without_peer(REFUSED)
    connected(world, how)
    at(world, 6.0, lambda: disconnected(world))
    looking = Looking(world)
    assert looking.settle().said.startswith("peer down")
    assert 6.0 <= looking.took < 6.2


@pytest.mark.parametrize(
    "client",
    [
        Client("backup", "Binlog Dump", "localhost"),  # over the socket: no port
        Client("backup", "Binlog Dump", "10.0.0.77:51111"),
        Client("app", "Query", "10.0.0.1:33333"),  # a client on the peer's host
    ],
)
def test_connections_that_are_no_replication_do_not_count(client: Client) -> None:
    world = without_peer(REFUSED)
    world.b.add(client)
    world.servers.ports_from_peer = {33333}
    assert Looking(world).settle().said.startswith("peer down")


# Mute --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [MUTE, SILENT, Lost("gone")])
def test_a_holder_that_cannot_be_asked(trouble: Exception) -> None:
    """At once: the VIP goes back to it, and its own check knows better."""
    world = without_peer(trouble)
    world.network.holder = MAC
    looking = Looking(world)
    looking.refused("peer mute, its host answers for the VIP")
    assert looking.took < 2.5
    assert locked(world) == []


@pytest.mark.parametrize("trouble", [MUTE, SILENT])
def test_a_holder_that_cannot_be_asked_with_on_hung_peer_open(trouble: Exception) -> None:
    world = without_peer(trouble, on_hung_peer="open")
    world.network.holder = MAC
    looking = Looking(world)
    settled = looking.settle()
    assert settled.mute
    assert settled.said.endswith("on_hung_peer = open")
    assert looking.took < 2.5


@pytest.mark.parametrize("trouble", [MUTE, SILENT])
@pytest.mark.parametrize("options", [{}, {"on_hung_peer": "open"}, {"witness": WITNESS}])
def test_on_the_link_and_no_holder(trouble: Exception, options: dict) -> None:
    """Its check or its hooks close or kill it within that time: look on so long, then go on."""
    world = without_peer(trouble, **options)
    world.network.on_link = True
    looking = Looking(world)
    settled = looking.settle()
    assert settled.mute
    assert settled.said.startswith("peer mute, its host answers ARP")
    assert "on_hung_peer" not in settled.said
    assert LOOK_ON <= looking.took < LOOK_ON + 1.5


def pinged(world: World, trouble: Exception) -> None:
    """The host is there, and nothing is known on the link."""
    if trouble is SILENT:
        world.network.echo = {WITNESS, "10.0.0.1"}


@pytest.mark.parametrize("trouble", [MUTE, Lost("gone"), SILENT])
def test_a_host_that_is_only_pinged(trouble: Exception) -> None:
    """Behind a router nobody can tell a holder: on_hung_peer, after the same time."""
    world = without_peer(trouble)
    pinged(world, trouble)
    looking = Looking(world)
    looking.refused("peer mute, its host is alive")
    assert LOOK_ON <= looking.took < LOOK_ON + 1.5


@pytest.mark.parametrize("trouble", [MUTE, SILENT])
def test_a_host_that_is_only_pinged_with_on_hung_peer_open(trouble: Exception) -> None:
    world = without_peer(trouble, on_hung_peer="open")
    pinged(world, trouble)
    looking = Looking(world)
    assert looking.settle().mute
    assert LOOK_ON <= looking.took < LOOK_ON + 1.5


@pytest.mark.parametrize("then", [REFUSED, None])
def test_a_mute_peer_that_dies_or_answers(then: Exception | None) -> None:
    world = without_peer(MUTE)
    world.network.on_link = True

    def changes() -> None:
        world.a.trouble = then

    at(world, 3.0, changes)
    looking = Looking(world)
    settled = looking.settle()
    assert looking.took < 4.5
    assert settled.said.startswith("peer closed" if then is None else "peer down")
    assert (settled.target is not None, settled.fenced) == (then is None, then is None)
    assert not settled.mute


def test_a_holder_that_lets_go_of_the_vip_is_looked_at_on() -> None:
    """Presence is looked at anew each time."""
    world = without_peer(MUTE)
    network = world.network
    network.holder = network.on_link = MAC

    def lets_go() -> None:
        network.holder = ""

    at(world, 0.5, lets_go)
    looking = Looking(world)
    assert looking.settle().mute
    assert looking.took >= LOOK_ON


def test_the_network_cannot_be_looked_at() -> None:
    world = without_peer(SILENT)
    world.network.errors["holder?"] = PermissionError("no CAP_NET_RAW")
    Looking(world).refused("whether the peer's host is alive cannot be told")


# Silent ------------------------------------------------------------------------------------------


def test_silent_without_a_witness() -> None:
    """There is no wait, and no protection against a full cut."""
    world = without_peer(SILENT)
    looking = Looking(world)
    settled = looking.settle()
    assert settled == Settled(f"peer silent: {SILENT}", None, settled.at)
    assert looking.took < 1.2
    assert locked(world) == ["B: lock kachecks.main"]


def test_silent_while_no_witness_answers() -> None:
    world = without_peer(SILENT, witness=WITNESS)
    world.network.echo = set()
    looking = Looking(world)
    looking.refused("it is this node that is cut off")
    assert looking.took < 2.0


@pytest.mark.parametrize("grace", [3, 3.5, 3.7, 5, 20])
def test_peer_grace(grace: float) -> None:
    """A peer that is cut off closes itself in that time: never earlier, and hardly later."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace=str(grace))
    looking = Looking(world)
    settled = looking.settle()
    assert settled.said.startswith("peer silent")
    assert not settled.mute
    assert grace <= looking.took < grace + 1.2


def test_the_witness_is_looked_for_to_the_end() -> None:
    """This node is cut off itself while it waits."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace="5")

    def cut() -> None:
        world.network.echo = set()

    at(world, 2.0, cut)
    Looking(world).refused("it is this node that is cut off")
    assert world.time < 5


@pytest.mark.parametrize("then", [REFUSED, None])
def test_a_silent_peer_that_comes_back(then: Exception | None) -> None:
    world = without_peer(SILENT, witness=WITNESS, peer_grace="10")

    def back() -> None:
        world.a.trouble = then

    at(world, 3.0, back)
    looking = Looking(world)
    settled = looking.settle()
    assert settled.said.startswith("peer closed" if then is None else "peer down")
    assert looking.took < 5


def test_a_silent_peer_whose_host_appears() -> None:
    """It boots, or the cable is back: mute from then on."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace="4")

    def appears() -> None:
        world.network.holder = MAC

    at(world, 1.5, appears)
    Looking(world).refused("peer mute, its host answers for the VIP")


# To the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, SILENT])
@pytest.mark.parametrize("what", ["vip", "leaving"])
def test_it_stands_aside_while_it_looks(trouble: Exception, what: str) -> None:
    world = without_peer(trouble, witness=WITNESS, peer_grace="20")
    connected(world, "our receiver")
    world.network.on_link = trouble is MUTE
    at(world, 2.0, world.lose_vip if what == "vip" else world.node.marks.mark_leaving)
    looking = Looking(world)
    with pytest.raises(VipGone if what == "vip" else Leaving):
        looking.settle()
    assert looking.took < 4.0
    assert locked(world) == []


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, SILENT])
def test_our_own_session_is_kept_alive(trouble: Exception) -> None:
    """The server would end it after 3 s."""
    world = without_peer(trouble, witness=WITNESS, peer_grace="6", on_hung_peer="open")
    world.network.on_link = trouble is MUTE
    connected(world, "our receiver")
    at(world, 6.0, lambda: disconnected(world))
    used: list[float] = [world.time]
    query = type(Looking(World()).sessions.local).query

    def noting(self: object, sql: str, timeout: float) -> object:
        used.append(world.time)
        return query(self, sql, timeout)  # type: ignore[arg-type]

    looking = Looking(world)
    looking.sessions.local.query = noting.__get__(looking.sessions.local)  # type: ignore[method-assign]
    looking.settle()
    pauses = [after - before for before, after in zip(used, used[1:])]
    assert max(pauses) < 2.5


def test_a_peer_that_is_lost_while_it_is_closed_is_asked_anew() -> None:
    """From the beginning, with patience of its own."""
    world = World()

    def lost() -> None:
        for number in [key for key, one in world.a.clients.items() if one.user == "kachecks"]:
            del world.a.clients[number]

    world.when("A: SET GLOBAL super_read_only", lost)
    settled = Looking(world).settle()
    assert settled.fenced
    assert locked(world).count("A: lock kachecks.main") == 2
    # The lock here is let go of first, or two promotions could wait for each other.
    again = world.log[world.index("B: lock") :]
    assert again.index("B: DO RELEASE_ALL_LOCKS()") < again.index("A: lock kachecks.main")


# Once more, right before opening -----------------------------------------------------------------


def back(trouble: Exception | None, mute: bool = False, after: float = STILL_FRESH) -> bool:
    world = World()
    world.time = 100.0
    looking = Looking(world)
    settled = Settled("said", None, world.time, mute)
    world.pass_time(after)
    world.a.trouble = trouble
    return peer_is_back(looking.sessions, settled)


@pytest.mark.parametrize("trouble", [None, ServerError(1040, "too many"), DriverError("none")])
def test_it_is_back(trouble: Exception | None) -> None:
    assert back(trouble)
    assert back(trouble, mute=True)


@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
def test_it_is_still_away(trouble: Exception) -> None:
    assert not back(trouble)
    assert not back(trouble, mute=True)


@pytest.mark.parametrize("trouble", [MUTE, Lost("gone")])
def test_mute_is_news_unless_it_was(trouble: Exception) -> None:
    assert back(trouble)
    assert not back(trouble, mute=True)


def test_a_look_of_a_moment_ago_is_still_good() -> None:
    assert not back(None, after=STILL_FRESH - 0.01)
