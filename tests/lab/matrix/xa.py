"""XA transactions are prepared on A when B takes over: counted, told, and none is lost unsaid."""

from __future__ import annotations

from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import run
from tests.lab.pairs.node import Node
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection, WireError

READ_ONLY = 1290
COUNTED = "2 XA transactions are prepared"


def switchover(flavour: Flavour) -> Figures:
    """A, closed, is asked to commit one: MySQL does, and it comes to B; MariaDB refuses."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        _prepare(scenario)
        scenario.fault("switchover on A, two XA transactions are prepared")
        status, said = run(a, "kachecks", "switchover")
        assert status == 0, said
        lets_through = flavour.name == "mysql"
        assert (COUNTED in said) == lets_through, said
        scenario.wait_for_write_on(b)
        assert f"{COUNTED} here, waiting to be ended" in b.audit()[-1]["why"], b.audit()
        if lets_through:
            _app(a).query("XA COMMIT 'one'", 5)
        else:
            _must_refuse(a, "XA COMMIT 'one'")
            _app(b).query("XA COMMIT 'one'", 5)
        _app(b).query("XA ROLLBACK 'two'", 5)
        _both_have_one(scenario)
        return scenario.end(Expect(holder="b", audit={"a": ("switchover: handed over",)}))


def failover(flavour: Flavour) -> Figures:
    """A dies. B says what is prepared there, and whoever coordinates them ends them on B."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        _prepare(scenario)
        scenario.fault("SIGKILL of mysqld on A, two XA transactions are prepared")
        a.kill_mysqld()
        scenario.wait_for_write_on(b)
        [opened] = (entry for entry in b.audit() if entry["outcome"] == "opened")
        assert f"{COUNTED} here, waiting to be ended" in opened["why"], opened
        _app(b).query("XA COMMIT 'one'", 5)
        _app(b).query("XA ROLLBACK 'two'", 5)
        scenario.bring_back(a)
        _both_have_one(scenario)
        return scenario.end_on_b()


def _prepare(scenario: Scenario) -> None:
    """Two, and B has received both."""
    a, b = scenario.a, scenario.b
    a.sql("CREATE TABLE app.xa (id INT PRIMARY KEY)")
    for number, name in enumerate(("one", "two"), 1):
        session = _app(a)
        for statement in (
            f"XA START '{name}'",
            f"INSERT INTO app.xa VALUES ({number})",  # noqa: S608 - ours
            f"XA END '{name}'",
            f"XA PREPARE '{name}'",
        ):
            session.query(statement, 5)
        session.close()
    scenario.wait_until(lambda: len(b.sql("XA RECOVER")) == 2, 5, "B to have them prepared")


def _app(node: Node) -> Connection:
    return Connection(str(node.socket_path), APP_USER, APP_PASSWORD, timeout=5)


def _must_refuse(node: Node, statement: str) -> None:
    try:
        _app(node).query(statement, 5)
    except WireError as error:
        assert error.errno == READ_ONLY, error
    else:
        raise AssertionError(f"a closed server has done {statement}")


def _both_have_one(scenario: Scenario) -> None:
    """The first is committed on both, the second nowhere, and none is left prepared."""

    def agreed() -> bool:
        return all(
            [row["id"] for row in node.sql("SELECT id FROM app.xa")] == [1]
            and not node.sql("XA RECOVER")
            for node in scenario.pair.nodes
        )

    scenario.wait_until(agreed, 10, "both nodes to have the first one and none prepared")
