"""Everything that watches a cluster: the sampler, and a client that writes on each side."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from tests.lab.clusters.cluster import VIP, Cluster
from tests.lab.clusters.ledger import Ledger, ledger
from tests.lab.clusters.member import Member
from tests.lab.observing.client import Client
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import rows_of
from tests.lab.records.record import Record, Row

OTHER_INTERVAL = 0.02
"""Seconds between the attempts of the second client, which is there to see who else answers."""


class Watch:
    """From entering the context to leaving it, as an Observer, which is `observer`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.observer = Observer(
            cluster.nodes, cluster.client, VIP, cluster.workdir, look=cluster.engine.look
        )
        output = cluster.workdir / "other-writes.jsonl"
        self._other = Client(
            cluster.other_client, (VIP, 3306), output, interval=OTHER_INTERVAL, number=1
        )

    def __enter__(self) -> Watch:
        self.observer.__enter__()
        self._other.start()
        return self

    def __exit__(self, *rest: object) -> None:
        self._other.stop()
        self.observer.__exit__(*rest)

    def stop_writing(self) -> None:
        """End both clients; sampling goes on."""
        self._other.stop()
        self.observer.stop_writing()

    def wait_for_write_elsewhere(self, node: Member, timeout: float) -> None:
        """Until another member than this one acknowledges writes. Raises LabError."""
        since = time.monotonic()

        def elsewhere(record: Record) -> bool:
            return any(
                write.start > since and write.node != node.name
                for write in reversed(record.writes)
                if write.acknowledged
            )

        self.observer.wait_for(f"a write that {node.name} did not take", elsewhere, timeout)

    def ledger(self, within: float = 15.0) -> Ledger:
        """When the clients have ended. The members have so many seconds to catch up.

        Raises:
            ValueError: no member tells its rows, or no fault was marked.
        """
        end = time.monotonic() + within
        record = self.observer.record()
        names = {number: self._name(number) for number in range(1, len(self.cluster.nodes) + 1)}
        others = [self._other.writes(names)]
        while True:
            rows = self._rows()
            found = ledger(record, others, rows, one_writer=self.cluster.engine.one_writer)
            if not found.missing or time.monotonic() > end:
                return found
            time.sleep(0.1)

    def _name(self, server_id: int) -> str:
        return self.cluster.nodes[server_id - 1].name

    def _rows(self) -> dict[str, list[Row]]:
        told = {node.name: rows_of(node) for node in self.cluster.nodes}
        return {name: rows for name, rows in told.items() if rows is not None}


@contextlib.contextmanager
def watched(cluster: Cluster, steady: float = 1.5) -> Iterator[Watch]:
    """Its clients have been writing for so many seconds."""
    with Watch(cluster) as watch:
        watch.observer.wait_for_write(cluster.a.name)
        time.sleep(steady)
        yield watch
