"""Clients that use up a server's connections."""

from __future__ import annotations

from tests.lab.pairs.node import Node
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.wire import Connection, WireError

_TOO_MANY = 1040


class FullServer:
    """Holds every connection of a server until the context is left, the administrator's too.

    A server keeps one connection above max_connections for accounts with CONNECTION_ADMIN; the
    check would come in by that one.
    """

    def __init__(self, node: Node) -> None:
        self._socket = str(node.socket_path)
        self._sessions: list[Connection] = []

    def __enter__(self) -> FullServer:
        self.fill()
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.close()

    def fill(self) -> None:
        """Take what has got free since: somebody else's session may have ended."""
        for user, password in ((APP_USER, APP_PASSWORD), ("root", "")):
            while self._connect(user, password):
                pass

    def _connect(self, user: str, password: str) -> bool:
        try:
            self._sessions.append(Connection(self._socket, user, password, timeout=5))
        except WireError as error:
            if error.errno != _TOO_MANY:
                raise
            return False
        return True
