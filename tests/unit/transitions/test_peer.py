"""Seeing to it that the peer does not write: what it says, and what its silence means
(simulation.py). How a promotion goes on after that is in test_promotion.py."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.mysql.session import DriverError, Lost, NotReady, ServerError, SessionError
from kachecks.transitions import peer
from kachecks.transitions.peer import PEER_CONNECT, PeerChanged, peer_is_back, settle_peer
from kachecks.transitions.peer_search import STILL_FRESH, Search, Settled
from kachecks.transitions.presence import AT_ONCE, FULL_LINK, PING_PATIENCE
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import Interrupted, Refusal, StandAside
from kachecks.transitions.sessions import Sessions
from tests.unit.doubles.promotions import GONE
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import MAC, MARIADB, MUTE, REFUSED, SILENT, WITNESS, World

LOOK_ON = 8.0  # hung_after + fence_timeout


class Looking:
    """settle_peer on node B, and how long it has taken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.begun = world.time
        self.sessions = Sessions(world.node, Steps(world.node))

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
        assert self.world.sessions_left == [self.sessions.local]


def without_peer(trouble: Exception, **options: str) -> World:
    return World(**options).but(a__trouble=trouble, b__receiver="Connecting")


DISCONNECTED = {"b__receiver": "Connecting", "servers__ports_from_peer": set()}


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
    world = World().but(a__access=CLOSED)
    settled = Looking(world).settle()
    assert (settled.said, settled.fenced) == ("peer closed", False)
    assert settled.target is not None
    assert not [line for line in world.log if "A: SET GLOBAL" in line]


def test_a_peer_that_somebody_opens_again_and_again() -> None:
    """It answers, and does not stay closed."""
    world = World()

    def closed() -> None:
        world.when(
            "A: SELECT @@global.read_only",
            lambda: world.pass_time(0.4),
            world.then("A: SET GLOBAL super_read_only", closed),
            a__access=OPEN,
        )

    world.when("A: SET GLOBAL super_read_only", closed)
    looking = Looking(world)
    looking.refused("the peer is open and cannot be closed: writes that cannot be cut")
    assert looking.took < 6


@pytest.mark.parametrize("trouble", [MUTE, SILENT])
def test_a_peer_that_is_lost_before_its_last_clients_are_cut(trouble: Exception) -> None:
    """Older MariaDB: it is read-only, but who may write through that may still be there. It is
    looked for like any other peer that has gone silent; when it is back, that is made up for."""
    world = World(MARIADB).but(network__on_link=True)
    world.a.add(Client("root", returns=3))
    cut_off = world.then("A: KILL", a__trouble=trouble)
    world.when("A: SET GLOBAL read_only", cut_off)
    world.when("sleep", a__trouble=None, after=2.0)
    looking = Looking(world)
    settled = looking.settle()
    assert (settled.said, settled.fenced) == ("peer closed", True)
    assert 2.0 < looking.took < LOOK_ON
    assert "root" not in [client.user for client in world.a.clients.values()]


def test_a_peer_that_is_lost_each_time_before_its_last_clients_are_cut() -> None:
    """Somebody kills long queries there, say: the VIP is not kept for ever on a closed server."""
    world = World(MARIADB).but(network__on_link=True)
    world.a.troubles = {"read_only_exempt": Lost("killed")}
    looking = Looking(world)
    looking.refused("each time it was lost before its last clients were cut")
    assert looking.took < 30


def test_an_account_that_may_write_through_and_keeps_coming_back() -> None:
    """Older MariaDB: read_only keeps no administrator out, so it is not closed to everybody."""
    world = World(MARIADB)
    world.a.add(Client("root", returns=10_000))
    Looking(world).refused("the peer is not closed to everybody; but an account that may write")


@pytest.mark.parametrize("echo", [set(), {"10.0.0.1"}])
def test_an_open_peer_while_no_witness_answers(echo: set[str]) -> None:
    """This node is the one that is cut off from the clients: it must not close the other one."""
    world = World(witness=WITNESS).but(network__echo=echo)
    Looking(world).refused(f"the peer is open, and no witness ({WITNESS}) answers")
    assert world.a.access == OPEN


def test_an_open_peer_and_a_witness() -> None:
    world = World(witness=WITNESS)
    assert Looking(world).settle().fenced


def test_a_closed_peer_needs_no_witness() -> None:
    """Nobody serves; who can be reached by clients is VRRP's choice."""
    world = World(witness=WITNESS).but(a__access=CLOSED, network__echo=set())
    assert Looking(world).settle().target is not None
    assert not [line for line in world.log if line.startswith("echo")]


@pytest.mark.parametrize(
    "trouble",
    [
        ServerError(1040, "Too many connections"),
        ServerError(1045, "Access denied"),
        ServerError(1130, "Host is not allowed"),
        ServerError(3032, "offline mode"),
        DriverError("no driver"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"on_hung_peer": "open"}])
def test_an_error_is_a_life_sign(trouble: Exception, options: dict) -> None:
    """Alive, maybe open, and cannot be closed: whatever the options say."""
    world = without_peer(trouble, **options)
    looking = Looking(world)
    looking.refused(f"cannot be asked or closed: {trouble}")
    assert looking.took < 1
    assert "holder?" not in world.log


LATE = NotReady("TLS cannot be set up in time")


def test_a_node_without_cpu_for_tls_asks_again() -> None:
    world = without_peer(LATE)
    world.when("sleep", a__trouble=None, after=1.0)
    assert Looking(world).settle().fenced


def test_it_does_not_ask_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer begins the look anew; all of it must end."""
    world = without_peer(LATE)
    looking = Looking(world)
    monkeypatch.setattr(Search, "not_ready", renewed(Search.not_ready))
    looking.refused("has not got so far")


def renewed(real: Any) -> Any:
    def not_ready(search: Search, error: NotReady) -> None:
        search.answered()
        real(search, error)

    return not_ready


def test_a_node_that_never_gets_so_far_as_to_ask_refuses() -> None:
    looking = Looking(without_peer(LATE))
    looking.refused("has not got so far as to ask it within 8 s: TLS")
    assert LOOK_ON <= looking.took < LOOK_ON + 0.2


# Refusing ----------------------------------------------------------------------------------------


def test_refusing_and_gone() -> None:
    world = without_peer(REFUSED)
    looking = Looking(world)
    settled = looking.settle()
    assert settled == Settled(f"peer down: {REFUSED}", None, settled.at)
    assert looking.took < 0.2
    assert locked(world) == ["B: lock kachecks.main"]


@pytest.mark.parametrize("how", [{"b__receiver": "Yes"}, {"servers__ports_from_peer": {50000}}])
@pytest.mark.parametrize("ends", [True, False])
def test_refusing_and_still_connected(how: dict[str, object], ends: bool) -> None:
    """It shuts down, and may commit for seconds after it has closed its port."""
    world = without_peer(REFUSED).but(**how)
    looking = Looking(world)
    if ends:
        world.when("sleep", **DISCONNECTED, after=6.0)
        assert looking.settle().said.startswith("peer down")
        assert 6.0 <= looking.took < 6.4
    else:
        looking.refused("after 8 s its replication connections to this server are still up")
        assert LOOK_ON <= looking.took < LOOK_ON + 0.2
        assert locked(world) == []


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


@pytest.mark.parametrize("policy", ["refuse", "open"])
def test_refusing_while_another_host_answers_for_the_vip(policy: str) -> None:
    """A firewall that rejects looks like a closed port: a holder that cannot be asked."""
    world = without_peer(REFUSED, on_hung_peer=policy).but(network__holder=MAC)
    looking = Looking(world)
    if policy == "refuse":
        looking.refused("but its host answers for the VIP")
        assert locked(world) == []
    else:
        assert looking.settle().mute
    assert looking.took < 2.5


def test_refusing_while_the_other_host_lets_go_of_the_vip() -> None:
    world = without_peer(REFUSED).but(network__holder=MAC)
    world.when("sleep", network__holder="", after=0.3)
    assert Looking(world).settle().said.startswith("peer down")


def test_refusing_although_its_mysqld_still_sends() -> None:
    """A firewall at the peer alone: it is a holder, and there is nothing to wait for."""
    looking = Looking(without_peer(REFUSED).but(b__receiver="Yes", network__holder=MAC))
    looking.refused("but its host answers for the VIP")
    assert looking.took < 2.5


@pytest.mark.parametrize(("ago", "waits"), [(7.9, False), (8.1, True)])
def test_a_holder_that_had_refused_lets_go_of_the_vip(ago: float, waits: bool) -> None:
    """It served on when this standby had lost it, for longer than a server is let shut down; its
    own check has yet to close it."""
    world = without_peer(REFUSED).but(time=100.0)
    with world.earlier(at=world.time - ago) as node:
        node.marks.note_lost()
    looking = Looking(world)
    assert looking.settle().said.startswith("peer down")
    assert (looking.took >= LOOK_ON) == waits


@pytest.mark.parametrize(
    ("changes", "opens"),
    [
        ({}, False),
        ({"network__shares_link": True}, True),
        ({"network__on_link": True}, True),
        ({"network__echo": {WITNESS}}, True),
        # A switch that drops ARP probes: the peer has just refused, and is not seen on the link.
        ({"network__shares_link": True, "network__blind": True}, False),
        ({"network__shares_link": True, "network__blind": True, "network__echo": {WITNESS}}, False),
    ],
)
def test_refusing_while_the_vips_link_is_dead(changes: dict[str, object], opens: bool) -> None:
    """That nobody answers for the VIP proves nothing then: a host that is only pinged."""
    world = without_peer(REFUSED, witness=WITNESS)
    world.but(network__echo=set(), network__shares_link=False).but(**changes)
    looking = Looking(world)
    if opens:
        assert looking.settle().said.startswith("peer down")
        assert looking.took < 0.3
    else:
        looking.refused("nothing answers on the link of the VIP; on_hung_peer")
        assert LOOK_ON <= looking.took < LOOK_ON + 1.5


def test_a_blind_link_without_a_witness() -> None:
    looking = Looking(without_peer(REFUSED).but(network__blind=True))
    looking.refused("nothing answers on the link of the VIP; on_hung_peer")


def test_refusing_and_who_has_the_vip_cannot_be_told() -> None:
    world = without_peer(REFUSED)
    world.network.errors["holder?"] = PermissionError("no CAP_NET_RAW")
    Looking(world).refused("whether another host has the VIP cannot be told")


# Mute --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [MUTE, SILENT, Lost("gone")])
@pytest.mark.parametrize("policy", ["refuse", "open"])
def test_a_holder_that_cannot_be_asked(trouble: Exception, policy: str) -> None:
    """At once: the VIP goes back to it, and its own check knows better."""
    world = without_peer(trouble, on_hung_peer=policy).but(network__holder=MAC)
    looking = Looking(world)
    if policy == "refuse":
        looking.refused("peer mute, its host answers for the VIP")
        assert locked(world) == []
    else:
        settled = looking.settle()
        assert settled.mute
        assert settled.said.endswith("on_hung_peer = open")
    assert looking.took < 2.5


@pytest.mark.parametrize("trouble", [MUTE, SILENT])
@pytest.mark.parametrize("options", [{}, {"on_hung_peer": "open"}, {"witness": WITNESS}])
def test_on_the_link_and_no_holder(trouble: Exception, options: dict) -> None:
    """Its check or its hooks close or kill it within that time: look on so long, then go on."""
    world = without_peer(trouble, **options).but(network__on_link=True)
    looking = Looking(world)
    settled = looking.settle()
    assert settled.mute
    assert settled.said.startswith("peer mute, its host answers ARP")
    assert "on_hung_peer" not in settled.said
    assert LOOK_ON <= looking.took < LOOK_ON + 1.5


@pytest.mark.parametrize(
    ("trouble", "echo"),
    [(MUTE, {WITNESS}), (Lost("gone"), {WITNESS}), (SILENT, {WITNESS, "10.0.0.1"})],
)
@pytest.mark.parametrize("policy", ["refuse", "open"])
def test_a_host_that_is_only_pinged(trouble: Exception, echo: set[str], policy: str) -> None:
    """Behind a router nobody can tell a holder: on_hung_peer, after the same time."""
    looking = Looking(without_peer(trouble, on_hung_peer=policy).but(network__echo=echo))
    if policy == "refuse":
        looking.refused("peer mute, its host is alive")
    else:
        assert looking.settle().mute
    assert LOOK_ON <= looking.took < LOOK_ON + 1.5


@pytest.mark.parametrize("error", [MUTE, Lost("killed")])
def test_a_peer_that_answers_and_never_to_the_end(error: SessionError) -> None:
    """It takes connections and hangs at a statement, or somebody kills our sessions."""
    world = World().but(network__on_link=True)
    world.a.troubles = {"AS gtid_mode": error}
    looking = Looking(world)
    looking.refused("on_hung_peer = refuse")
    assert 3 * LOOK_ON < looking.took < 3 * LOOK_ON + 2


@pytest.mark.parametrize("then", [REFUSED, None])
def test_a_mute_peer_that_dies_or_answers(then: Exception | None) -> None:
    world = without_peer(MUTE).but(network__on_link=True)
    world.when("sleep", a__trouble=then, after=3.0)
    looking = Looking(world)
    settled = looking.settle()
    assert looking.took < 4.5
    assert settled.said.startswith("peer closed" if then is None else "peer down")
    assert (settled.target is not None, settled.fenced) == (then is None, then is None)
    assert not settled.mute


def test_a_holder_that_lets_go_of_the_vip_is_looked_at_on() -> None:
    """Presence is looked at anew each time."""
    world = without_peer(MUTE).but(network__holder=MAC, network__on_link=True)
    world.when("sleep", network__holder="", after=0.5)
    looking = Looking(world)
    assert looking.settle().mute
    assert looking.took >= LOOK_ON


def test_the_network_cannot_be_looked_at() -> None:
    world = without_peer(SILENT)
    for question in ("holder?", "nothing?"):
        world.network.errors[question] = PermissionError("no CAP_NET_RAW")
    Looking(world).refused("whether the peer's host is alive cannot be told")


# Silent ------------------------------------------------------------------------------------------


def test_silent_without_a_witness() -> None:
    """There is no wait, and no protection against a full cut."""
    world = without_peer(SILENT)
    looking = Looking(world)
    settled = looking.settle()
    assert settled == Settled(f"peer silent: {SILENT}", None, settled.at)
    assert AT_ONCE + FULL_LINK <= looking.took < AT_ONCE + FULL_LINK + 0.1
    assert locked(world) == ["B: lock kachecks.main"]


@pytest.mark.parametrize("advert_int, least", [("0.1", 0.6), ("0.2", 0.4), ("1", FULL_LINK)])
def test_where_vrrp_is_fast_silence_takes_longer(advert_int: str, least: float) -> None:
    """Nobody is taken for dead within LEAST_SILENCE, two advert intervals included."""
    looking = Looking(without_peer(SILENT, advert_int=advert_int))
    assert looking.settle().said.startswith("peer silent")
    assert AT_ONCE + least <= looking.took < AT_ONCE + least + 0.1


def test_silence_beyond_a_router_cannot_be_told_at_once() -> None:
    looking = Looking(without_peer(SILENT).but(network__shares_link=False))
    assert looking.settle().said.startswith("peer silent")
    assert looking.took > AT_ONCE + PEER_CONNECT + PING_PATIENCE


@pytest.mark.parametrize("sign", ["on_link", "holder"])
def test_whoever_is_seen_on_the_link_is_not_silent(sign: str) -> None:
    world = without_peer(SILENT).but(**{f"network__{sign}": MAC})
    try:
        assert Looking(world).settle().mute
    except Refusal as refusal:
        assert "mute, its host answers for the VIP" in str(refusal)


def test_a_slow_peer_is_asked_once_more() -> None:
    world = World().but(a__slow=AT_ONCE + 0.2)
    assert Looking(world).settle().said.startswith("peer closed")


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_silent_while_no_witness_answers(seconds: float) -> None:
    """From the beginning, or this node is cut off while it waits."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace="5")
    if seconds:
        world.when("sleep", network__echo=set(), after=seconds)
    else:
        world.network.echo = set()
    looking = Looking(world)
    looking.refused("it is this node that is cut off")
    assert looking.took < seconds + 2.0


@pytest.mark.parametrize("grace", [3, 3.5, 3.7, 5, 20])
def test_peer_grace(grace: float) -> None:
    """A peer that is cut off closes itself in that time: never earlier, and hardly later."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace=str(grace)).but(time=100.0)
    with world.earlier(at=97.9) as node:  # at the first check that came after its last advert
        node.marks.note_peer_silent()
    looking = Looking(world)
    settled = looking.settle()
    assert settled.said.startswith("peer silent")
    assert not settled.mute
    assert grace <= looking.took < grace + 1.2


@pytest.mark.parametrize("then", [REFUSED, None])
def test_a_silent_peer_that_comes_back(then: Exception | None) -> None:
    world = without_peer(SILENT, witness=WITNESS, peer_grace="10")
    world.when("sleep", a__trouble=then, after=3.0)
    looking = Looking(world)
    assert looking.settle().said.startswith("peer closed" if then is None else "peer down")
    assert looking.took < 5


def test_a_silent_peer_whose_host_appears() -> None:
    """It boots, or the cable is back: mute from then on."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace="4")
    world.when("sleep", network__holder=MAC, after=1.5)
    Looking(world).refused("peer mute, its host answers for the VIP")


# The clock of a peer that was seen ---------------------------------------------------------------

WHOLE = 5.0  # isolation_timeout + CLOSING_TIME
FIRST_LOOK = AT_ONCE + FULL_LINK


@pytest.mark.parametrize("ago", [0.0, 1.0, 4.0, 20.0, None])
def test_the_clock_runs_from_the_silence(ago: float | None) -> None:
    """As the checks have noticed it; where they have not, it begins now."""
    world = without_peer(SILENT, witness=WITNESS, peer_grace="3").but(time=100.0)
    if ago is not None:
        with world.earlier(at=world.time - ago) as node:
            node.marks.note_peer_silent()
    looking = Looking(world)
    assert looking.settle().said.startswith("peer silent")
    least = max(WHOLE - ago, 3.0) if ago is not None else WHOLE + FIRST_LOOK
    assert least - 1e-6 <= looking.took < least + 0.6


SIGNS = {
    "refusing": {"a__trouble": REFUSED, "b__receiver": "Yes"},
    "on the link": {"a__trouble": MUTE, "network__on_link": True},
    "echo": {"a__trouble": SILENT, "network__echo": {WITNESS, "10.0.0.1"}},
}


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS.keys())
def test_the_clock_runs_from_the_last_sign_of_life(sign: dict[str, object]) -> None:
    world = without_peer(SILENT, witness=WITNESS).but(**sign)
    silent = {"a__trouble": SILENT, "b__receiver": "Connecting", "network__on_link": False}
    world.when("sleep", **silent, network__echo={WITNESS}, after=3.0)
    looking = Looking(world)
    assert looking.settle().said.startswith("peer silent")
    assert 3.0 + WHOLE - 1.1 <= looking.took < 3.0 + WHOLE + 2.0


@pytest.mark.parametrize("sign", [LATE, REFUSED])
def test_an_older_silence_ends_with_a_sign_of_life(sign: SessionError) -> None:
    """A peer that greets, and is not asked for want of CPU here, lives like one that refuses."""
    world = without_peer(sign, witness=WITNESS).but(time=100.0, b__receiver="Yes")
    with world.earlier(at=world.time - 20.0) as node:
        node.marks.note_peer_silent()
    world.when("sleep", a__trouble=SILENT, b__receiver="Connecting", after=103.0)
    looking = Looking(world)
    assert looking.settle().said.startswith("peer silent")
    assert 3.0 + WHOLE - 1.1 <= looking.took < 3.0 + WHOLE + 2.0


@pytest.mark.parametrize("statement", ["SELECT", "SET SESSION", "SET GLOBAL"])
def test_a_peer_that_falls_silent_while_it_is_closed(statement: str) -> None:
    """A cut in the middle of it: the time before does not count."""
    world = World(witness=WITNESS).but(b__receiver="Connecting")
    silent_at: list[float] = []

    def cut() -> None:
        world.pass_time(4.0)
        silent_at.append(world.time)
        world.but(a__trouble=SILENT)

    world.when(f"A: {statement}", cut)
    looking = Looking(world)
    settled = looking.settle()
    assert settled.said.startswith("peer silent")
    assert world.time - silent_at[0] >= WHOLE


# To the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, SILENT])
@pytest.mark.parametrize(("change", "kind"), GONE)
def test_it_stands_aside_while_it_looks(
    trouble: Exception, change: dict[str, object], kind: type[StandAside]
) -> None:
    world = without_peer(trouble, witness=WITNESS, peer_grace="20")
    world.but(b__receiver="Yes", network__on_link=trouble is MUTE)
    world.when("sleep", **change, after=2.0)
    looking = Looking(world)
    with pytest.raises(kind):
        looking.settle()
    assert looking.took < 4.0
    assert locked(world) == []


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, SILENT])
def test_our_own_session_is_kept_alive(trouble: Exception) -> None:
    """The server would end it after 3 s."""
    world = without_peer(trouble, witness=WITNESS, peer_grace="6", on_hung_peer="open")
    world.but(b__receiver="Yes", network__on_link=trouble is MUTE)
    world.when("sleep", **DISCONNECTED, after=6.0)
    looking = Looking(world)
    used = [world.time]
    query = looking.sessions.local.query

    def noting(sql: str, timeout: float) -> object:
        used.append(world.time)
        return query(sql, timeout)

    looking.sessions.local.query = noting  # type: ignore[method-assign,assignment]
    looking.settle()
    assert max(after - before for before, after in zip(used, used[1:])) < 2.5


def test_a_peer_that_is_lost_while_it_is_closed_is_asked_anew() -> None:
    """From the beginning, with patience of its own."""
    world = World()
    world.when("A: SET GLOBAL super_read_only", world.a.end_our_sessions)
    assert Looking(world).settle().fenced
    assert locked(world).count("A: lock kachecks.main") == 2
    # The lock here is let go of first, or two promotions could wait for each other.
    again = world.log[world.index("B: lock") :]
    assert again.index("B: DO RELEASE_ALL_LOCKS()") < again.index("A: lock kachecks.main")


# Once more, right before opening -----------------------------------------------------------------


def back(trouble: Exception | None, mute: bool = False, after: float = STILL_FRESH) -> bool:
    world = World().but(time=100.0)
    looking = Looking(world)
    settled = Settled("said", None, world.time, mute)
    world.pass_time(after)
    world.a.trouble = trouble
    return peer_is_back(looking.sessions, settled)


@pytest.mark.parametrize(
    ("trouble", "is_back", "is_back_from_mute"),
    [
        (None, True, True),
        (ServerError(1040, "too many"), True, True),
        (DriverError("none"), True, True),
        (REFUSED, False, False),
        (SILENT, False, False),
        (MUTE, True, False),  # that is news unless it was
        (Lost("gone"), True, False),
    ],
)
def test_is_it_back(trouble: Exception | None, is_back: bool, is_back_from_mute: bool) -> None:
    assert back(trouble) == is_back
    assert back(trouble, mute=True) == is_back_from_mute


@pytest.mark.parametrize("echo", [set(), {WITNESS}])
def test_nothing_answers_any_more(echo: set[str]) -> None:
    """Its mysqld was down, and this node has been cut off while it applied what was left."""
    world = World(witness=WITNESS).but(time=100.0, network__echo=echo)
    looking = Looking(world)
    settled = Settled("peer down", None, world.time)
    world.pass_time(STILL_FRESH)
    world.a.trouble = SILENT
    if echo:
        assert not peer_is_back(looking.sessions, settled)
        return
    with pytest.raises(Refusal, match="by now nothing answers there, and no witness"):
        peer_is_back(looking.sessions, settled)


def test_a_look_of_a_moment_ago_is_still_good() -> None:
    assert not back(None, after=STILL_FRESH - 0.01)


def test_a_peer_that_says_something_else_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never lets itself be closed, and is never caught open."""

    def changes(_sessions: Sessions, session: Any, *_more: object) -> None:
        session.close()
        raise PeerChanged

    monkeypatch.setattr(peer, "_close_peer", changes)
    looking = Looking(World())
    looking.refused("alive, and cannot be closed")
    assert looking.took < 4 * LOOK_ON
