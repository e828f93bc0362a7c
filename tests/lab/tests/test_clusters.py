"""The lab's clusters: they form, lose a member, lose their quorum, and are whole again.

With the stand-in for the suite: what is tested here is the lab.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import prepare
from tests.lab.clusters.cluster import Cluster
from tests.lab.clusters.engine import SIZE, Engine
from tests.lab.clusters.engines import ENGINES, GALERA, GALERA_TRIXIE
from tests.lab.clusters.watching import watched
from tests.lab.hosts import workdir
from tests.lab.hosts.process import CHECKOUT

pytestmark = pytest.mark.clusters

ENGINES_TIME = 8.0
"""Seconds in which an engine here has given a silent member up, and another one takes writes."""


@pytest.fixture(scope="module", params=list(ENGINES.values()), ids=list(ENGINES))
def shared(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    prepare.prepare([request.param.flavour])
    with Cluster(request.param, "standin") as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """Whole, and served by A, whatever the last test has left."""
    shared.begin_anew()
    return shared


def test_what_one_member_takes_all_have(cluster: Cluster) -> None:
    cluster.a.sql("CREATE OR REPLACE VIEW app.v AS SELECT 1 AS one")
    cluster.a.sql("CREATE TABLE IF NOT EXISTS app.t (id INT PRIMARY KEY)")
    cluster.a.sql("REPLACE INTO app.t VALUES (42)")
    for node in cluster.nodes:
        cluster.wait_until(lambda node=node: node.sql("SELECT id FROM app.t"), 5, "the row")
        assert node.value("SELECT id FROM app.t") == 42
    writers = [cluster.a] if cluster.engine.one_writer else list(cluster.nodes)
    assert cluster.writers == writers


def test_a_killed_member_loses_the_vip_and_comes_back(cluster: Cluster) -> None:
    with watched(cluster) as watch:
        watch.observer.mark("SIGKILL of mysqld on A", fault=True)
        cluster.a.kill_mysqld()
        watch.observer.wait_for_write("b", timeout=20)
        cluster.bring_back(cluster.a)
        cluster.wait_whole()
        assert cluster.holders == [cluster.b]
        watch.stop_writing()
        seen = watch.ledger()
    assert seen.missing == 0, seen
    assert (seen.both_vip, seen.both_acknowledge, seen.after) == (0, 0, "b"), seen
    assert not seen.both_open, seen
    assert seen.outage > 3, f"{seen}\nthe engine takes longer to give a member up"


def test_a_member_cut_off_with_the_vip_has_no_quorum_and_loses_it(cluster: Cluster) -> None:
    with watched(cluster) as watch:
        watch.observer.mark("A is cut off", fault=True)
        cluster.part(cluster.a)
        watch.observer.wait_for_write("b", timeout=20)
        cluster.wait_until(lambda: cluster.holders == [cluster.b], 10, "the VIP to leave A")
        standing = cluster.a.standing()
        assert standing is not None
        assert (standing.quorum, standing.takes_writes) == (False, False)
        cluster.make_whole()
        watch.stop_writing()
        seen = watch.ledger()
    assert (seen.missing, seen.both_acknowledge, seen.after) == (0, 0, "b"), seen
    assert 0 < seen.both_vip < ENGINES_TIME, f"{seen}\nnobody tells A before the engine does"


def test_without_a_majority_nobody_has_the_vip(cluster: Cluster) -> None:
    cluster.isolate(*cluster.others(cluster.a))
    cluster.wait_until(lambda: not cluster.holders, 12, "the VIP to be nowhere")
    assert not any(
        standing.quorum for standing in (n.standing() for n in cluster.nodes) if standing
    )
    cluster.make_whole()
    cluster.wait_until(lambda: len(cluster.holders) == 1, 15, "one holder")


def test_a_member_without_power_comes_back_as_one(cluster: Cluster) -> None:
    cluster.a.power_off()
    cluster.wait_served_by(cluster.b, 20)
    cluster.b.sql("CREATE TABLE IF NOT EXISTS app.missed (id INT PRIMARY KEY)")
    cluster.bring_back(cluster.a)
    cluster.wait_whole()
    cluster.wait_until(lambda: cluster.a.sql("SHOW TABLES FROM app LIKE 'missed'"), 5, "the table")


def test_a_member_stopped_in_order_is_missed_at_once(cluster: Cluster) -> None:
    cluster.c.stop_mysqld()
    cluster.wait_until(
        lambda: all(s and s.members == SIZE - 1 for s in (n.standing() for n in cluster.nodes[:2])),
        3,
        "the others to know",
    )
    assert cluster.is_serving(cluster.a)
    cluster.bring_back(cluster.c)
    cluster.wait_whole()


@pytest.mark.parametrize("engine", [GALERA_TRIXIE], ids=str)
def test_a_further_generation_forms_a_cluster(engine: Engine) -> None:
    prepare.prepare([engine.flavour])
    with Cluster(engine, "standin") as cluster:
        assert cluster.is_serving(cluster.a)


def test_nothing_is_left_of_a_lab_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import os
from tests.lab.clusters.cluster import Cluster
from tests.lab.clusters.engines import GALERA
with Cluster(GALERA) as cluster:
    parts = (cluster.client, cluster.other_client, cluster.switch)
    parts += tuple(node.inside for node in cluster.nodes)
    print(cluster.workdir, *(part.pid for part in parts), flush=True)
    os.kill(os.getpid(), 9)
"""
    prepare.prepare([GALERA.flavour])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    directory, *pids = done.stdout.split()
    assert len(pids) == 6
    end = time.monotonic() + 5
    while any(map(_lives, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not [pid for pid in pids if _lives(pid)]
    assert Path(directory).exists()
    workdir.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _lives(pid: str) -> bool:
    """It may have died, and still wait for somebody to ask how."""
    try:
        stat = Path("/proc", pid, "stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(") ")[2][0] != "Z"
