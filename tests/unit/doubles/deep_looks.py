"""One closer look of node B, and what it finds of a healthy pair."""

from __future__ import annotations

from typing import Any

from kachecks.check.deep_look import look_closer
from kachecks.check.verdict import Findings
from kachecks.mysql.probe import probe
from kachecks.state.signs import Sign
from tests.unit.doubles.simulation import World

FIT = Findings(peer="closed", peer_fit=True, gives_way=True, up_to_date=True)
FOLLOWS = Findings(peer="open", up_to_date=True)


def look(world: World, hanging: Sign | None = None) -> Findings:
    """What was found, without what the next look needs."""
    return look_in_full(world, hanging)._replace(known=None)


def look_in_full(world: World, hanging: Sign | None = None) -> Findings:
    """Nothing is changed by it, and no session is left at the peer."""
    session: Any = world.servers.connect_local(1.0)
    facts = probe(session, 1.0)
    before = len(world.log)
    found = look_closer(world.node, session, facts, world.vip, hanging)
    assert not [line for line in world.log[before:] if ": SET" in line or ": KILL" in line]
    assert all(each.ended for each in world.sessions if each is not session)
    session.close()
    return found
