"""A node with a member of a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import mysql.connector

from tests.lab.clusters.engine import Engine, Standing
from tests.lab.clusters.suite import Suite
from tests.lab.error import LabError
from tests.lab.hosts.network import Link, Switch
from tests.lab.pairs.node import Node
from tests.lab.servers import sql


class Member(Node):
    """It can be powered off, cut off, stopped and started as a pair's node can."""

    def __init__(
        self, name: str, engine: Engine, suite: Suite, directory: Path, switch: Switch, link: Link
    ) -> None:
        super().__init__(
            name,
            engine.flavour,
            directory,
            switch,
            [link],
            suite_directory=suite.directory,
            visible=suite.visible,
        )
        self.engine = engine

    def start_mysqld(self, extra: Sequence[str] = (), wait: bool = True) -> int:
        """Start the server, which joins; unless told otherwise, wait until it is a member."""
        pid = super().start_mysqld([*self.engine.before_start(self), *extra], wait=False)
        if wait:
            self.wait_member()
        return pid

    def wait_member(self, timeout: float = 120) -> None:
        """Until it is one that needs nothing any more.

        Raises:
            LabError: it is none after `timeout` seconds, or its server has ended.
        """

        try:
            self.wait(
                lambda: self.is_member() or self.mysqld_pid() is None,
                timeout,
                "its server to be a member",
            )
        except LabError as error:
            raise LabError(f"{error}; its log:\n{self._end_of_log()}") from error
        if self.mysqld_pid() is None:
            raise LabError(f"mysqld on {self.name} has ended; its log:\n{self._end_of_log()}")

    def lose_data(self) -> None:
        """As on a new disk: the datadir of a server that does not run is empty."""
        for entry in self.datadir.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def is_member(self) -> bool:
        standing = self.standing()
        return bool(standing and standing.quorum and standing.state == self.engine.member_state)

    def standing(self) -> Standing | None:
        """By its own word; None where it says nothing."""
        try:
            with sql.session(self.socket_path) as ask:
                for statement in self.engine.session:
                    ask(statement)
                row = ask(self.engine.statement)[0]
        except (LabError, mysql.connector.Error):
            return None
        return self.engine.standing(list(row.values()))

    def _end_of_log(self) -> str:
        return (self.logs / "mysqld.log").read_text()[-2000:]
