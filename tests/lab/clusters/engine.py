"""What the lab has to know of a kind of cluster: how one is formed, and where a member stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kachecks.commands.setup.snippets import filled
from tests.lab.observing.look import Look
from tests.lab.pairs import datadir
from tests.lab.pairs.node import Node
from tests.lab.records.record import CLOSED, NO_QUORUM, OPEN
from tests.lab.servers.accounts import KACHECKS_PASSWORDS
from tests.lab.servers.flavour import Flavour

SIZE = 3
"""Members of a cluster."""

Values = Sequence[object]
"""A row of `Engine.statement`: numbers and texts, or texts alone."""


class Standing(NamedTuple):
    """A member by its own word."""

    state: str
    """In the engine's word, such as Synced or ONLINE."""
    members: int
    """That it is connected with, itself among them."""
    quorum: bool
    takes_writes: bool

    @property
    def access(self) -> str:
        """As the observers have it."""
        if not self.quorum:
            return NO_QUORUM
        return OPEN if self.takes_writes else CLOSED


class Engine:
    """One kind of cluster."""

    name: str
    flavour: Flavour
    member_state: str
    """The state of a member that needs nothing any more."""
    one_writer: bool
    """The engine itself sees to it that one member alone takes writes."""
    ports: tuple[int, ...]
    """At which members talk to each other, besides MySQL's."""
    forming: tuple[str, ...] = ()
    """Arguments with which the first member's server, alone, makes a cluster at its first start."""
    unaware: float
    """Seconds after the end of a cut in which a member does not know that it was given up."""
    statement: str
    """Asks a server where it stands: one row for `standing`. Blocked by nothing."""
    session: tuple[str, ...] = ()
    """What a session must say first for that."""
    grants: str
    """The account of kachecks, with LOCAL_PASSWORD for its password."""

    def settings(self, number: int, addresses: Sequence[str]) -> Mapping[str, object]:
        """[mysqld] of member `number` (from 1) of those."""
        raise NotImplementedError

    def template(self) -> Path:
        """The datadir that all members start from."""
        return datadir.made_by(self.flavour, self.accounts())

    def accounts(self) -> str:
        """Statements that make those of the lab and that of kachecks."""
        return filled(self.grants, KACHECKS_PASSWORDS) + self.flavour.accounts()

    def furnish(self, node: Node, number: int) -> None:
        """Finish the copy of the template that is member `number`'s datadir."""

    def before_start(self, node: Node) -> Sequence[str]:
        """Arguments that this start needs, as the server's unit finds them out."""
        del node
        return ()

    def formed(self, first: Node) -> None:
        """All are up: what must not stay at the first one as it was for that."""

    def readmit(self, node: Node) -> None:
        """What an operator does for a member that runs, has been given up, and stays away."""

    def standing(self, row: Values) -> Standing:
        raise NotImplementedError

    @property
    def look(self) -> Look:
        return Look(self.statement, lambda row: self.standing(row).access, self.session)

    def __str__(self) -> str:
        return f"{self.name} ({self.flavour})"


def said(value: object) -> str:
    """A value of a row as text; empty for NULL."""
    return "" if value is None else str(value)


def off(value: object) -> bool:
    return said(value) in ("0", "OFF")
