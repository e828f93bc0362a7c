"""The simulated node must not drift away from the real one."""

import inspect
from typing import Any

import pytest

from kachecks.mysql.session import Session
from kachecks.network.link import Network
from kachecks.node import Host
from tests.schedules.host import SimulatedHost, SimulatedNetwork
from tests.schedules.sessions import SimulatedSession

PAIRS = ((Host, SimulatedHost), (Network, SimulatedNetwork), (Session, SimulatedSession))


def public(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
    """Names of its methods, and of each the parameters: name, kind, default."""
    return {
        name: [(each.name, each.kind, each.default) for each in parameters(method)]
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def parameters(method: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())


@pytest.mark.parametrize(("real", "simulated"), PAIRS, ids=lambda kind: kind.__name__)
def test_same_methods(real: type, simulated: type) -> None:
    theirs, ours = public(real), public(simulated)
    if simulated is SimulatedSession:  # what only the model itself uses
        ours = {name: ours[name] for name in theirs}
    assert ours == theirs
