"""The simulated parts must not drift away from the real ones."""

import inspect
from typing import Any

import pytest

from kachecks.bounded import Clock
from kachecks.mysql.session import Session
from kachecks.network.link import Network
from kachecks.node import Keepalived, Servers, Voice
from kachecks.state.files import Disk, Files
from tests.schedules import outside
from tests.schedules.sessions import SimulatedSession

PAIRS = (
    (Clock, outside.SimulatedClock),
    (Files, outside.SimulatedFiles),
    (Disk, outside.SimulatedDisk),
    (Servers, outside.SimulatedServers),
    (Network, outside.SimulatedNetwork),
    (Keepalived, outside.SimulatedKeepalived),
    (Voice, outside.SimulatedVoice),
    (Session, SimulatedSession),
)

ONLY_MADE_OF_OTHERS = {"is_news", "forget"}
"""Methods of Files that touch the world through its other ones alone, so the real ones run."""

SILENT = {"progress"}
"""Of a Voice: it does nothing."""

OF_DOCTOR = {"macs_of_vip", "macs_of_peer"}
"""Of a Network: doctor alone asks them, and it is in no schedule."""


def public(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
    """Names of its own methods, and of each the parameters: name, kind, default."""
    return {
        name: [(each.name, each.kind, each.default) for each in parameters(method)]
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }


def parameters(method: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())


@pytest.mark.parametrize(("real", "simulated"), PAIRS, ids=lambda kind: kind.__name__)
def test_same_methods(real: type, simulated: type) -> None:
    theirs, ours = public(real), public(simulated)
    theirs = {
        name: theirs[name] for name in theirs.keys() - ONLY_MADE_OF_OTHERS - SILENT - OF_DOCTOR
    }
    if simulated is SimulatedSession:  # what only the model itself uses
        ours = {name: ours[name] for name in theirs}
    assert ours == theirs
