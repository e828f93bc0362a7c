"""A failover of a cluster of three nodes, before your eyes."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.lab import prepare
from tests.lab.clusters.cluster import VIP, Cluster
from tests.lab.clusters.engine import Engine
from tests.lab.clusters.plays import STEADY, Play, perform
from tests.lab.clusters.watching import watched
from tests.lab.demo.live import live_lines
from tests.lab.pictures import timeline_svg
from tests.lab.pictures.timeline import bars_for, picture
from tests.lab.records import transitions


def show(engine: Engine, suite: str, play: Play, file: Path | None) -> None:
    """Play it, print what was seen, and draw it into `file`. Raises LabError."""
    prepare.prepare([engine.flavour])
    print(f"Starting three nodes with {engine} and {suite} …")
    with Cluster(engine, suite) as cluster:
        print(
            f"A holds {VIP}; all are members. A client writes through the virtual IP."
            f"\nIn {STEADY:g} s: {play.what}.\n"
        )
        with watched(cluster, 0.0) as watch:
            with live_lines(watch.observer, one_writer=engine.one_writer):
                time.sleep(STEADY)
                perform(play, watch)
                time.sleep(STEADY)
            watch.stop_writing()
            seen = watch.ledger()
            record = watch.observer.record()
        print(f"\n{picture(record, after=12.0, bars=bars_for(sys.stdout))}")
        print(f"\n{seen}")
        if file:
            title = f"{suite}, {engine.name} {engine.flavour.version}: {play.what}"
            told = transitions.of_nodes(cluster.nodes)
            panel = timeline_svg.Panel(title, record, told, engine.one_writer)
            file.write_text(timeline_svg.picture([panel], title))
            print(f"\ntimeline: {file}")
