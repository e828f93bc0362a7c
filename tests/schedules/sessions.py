"""A session of one of our programs with a server, local or of the other node.

A statement is sent, done, and answered, and the program can be killed, the server stopped and the
network cut between any two of these. What a stopped server was sent it does when it wakes up, even
if nobody waits for the answer any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kachecks.mysql import queries
from kachecks.mysql.facts import Row
from kachecks.mysql.session import (
    KNOCK,
    LEAST_KNOCK,
    BrokenAnswer,
    Lost,
    NoAnswer,
    Refused,
    ServerError,
    Unreachable,
)
from tests.schedules.server import VERSION, Pending, Server
from tests.statement_list import execute_until

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program

NEVER = 28800.0
"""Seconds of wait_timeout by default."""


class SimulatedSession:
    """kachecks.mysql.session.Session, as far as the steps use it."""

    def __init__(self, node: Node, program: Program, server: Server, timeout: float) -> None:
        """Connect from ``node``. Raises SessionError."""
        self.node, self.program, self.server = node, program, server
        self.remote = server.node is not node
        self.version = VERSION
        self.connection_id = 0
        self.address = f"{server.node.name}"
        self.ended = True  # on the server
        self.client_gone = False
        self.busy = False
        self.statement = ""  # while it is busy
        self.wait_timeout = NEVER
        self.last_used = 0.0
        self._gone = False  # for the client
        if self.remote:
            self._connect_by_tcp(timeout)
        else:
            self._connect_by_socket(timeout)
        if server.denies:
            raise ServerError(server.denies, "denied")
        self.ended = False
        self.pid = server.pid
        self.connection_id = server.add(self)
        self.last_used = program.scheduler.now
        node.sessions_of(program).append(self)

    def _connect_by_socket(self, timeout: float) -> None:
        random, server = self.program.scheduler.random.random, self.server
        self.program.point(0.0003 + 0.001 * random())
        if not server.alive or not server.listening:
            raise Refused("no socket")
        if server.halts:
            self._wait_for_life(timeout)

    def _connect_by_tcp(self, timeout: float) -> None:
        random, server = self.program.scheduler.random.random, self.server
        network, here, there = self.node.world.links, self.node, self.server.node
        self.program.point(0.0005 + 0.002 * random())
        if not network.sql(here, there) or not network.sql(there, here):
            self.program.point(timeout + min(KNOCK, max(timeout, LEAST_KNOCK)))
            if network.echo(here, there):
                raise NoAnswer("mute")
            raise Unreachable("silent")
        if not server.alive or not server.listening or network.rejects(here, there):
            raise Refused("refused")
        if server.halts:
            self._wait_for_life(timeout)

    def _wait_for_life(self, timeout: float) -> None:
        """The kernel has accepted; the server does not greet."""
        program, server, pid = self.program, self.server, self.server.pid
        ticket = program.ticket()
        server.missed.append(lambda: program.wake(ticket))
        server.node.at_death(lambda: program.wake(ticket))
        program.wait(timeout)
        if not server.alive or server.pid != pid:
            raise Lost("ended")
        if server.halts:
            raise NoAnswer("mute")

    # --- what real code uses ---

    def query(self, sql: str, timeout: float) -> list[Row]:
        return self._run(sql, timeout)

    def execute(self, sql: str, timeout: float) -> None:
        self._run(sql, timeout)

    def execute_each(
        self, statements: list[str], seconds: float, timeout: float
    ) -> list[ServerError | None]:
        until = self.program.scheduler.now + seconds
        return execute_until(
            lambda sql: self.execute(sql, timeout),
            statements,
            lambda: self.program.scheduler.now > until,
        )

    def close(self) -> None:
        self.program.point(0.0001)
        if not self._gone:
            self._gone = True
            self.leave()

    def server_pid(self) -> int | None:
        return None if self.remote else self.pid

    # --- how a statement goes ---

    def _run(self, sql: str, timeout: float) -> list[Row]:
        program, server, random = self.program, self.server, self.program.scheduler.random.random
        if self._gone:
            program.point(0.0)
            raise Lost("given up before")
        program.point((0.0003 if self.remote else 0.0001) + 0.0006 * random())
        if timeout <= 0:
            self._give_up(timeout)
        if self.remote and not self._path(to_server=True):
            self._give_up(timeout)
        if self.remote and self.node.world.links.rejects(self.node, server.node):
            self._gone = True
            raise Lost("reset")
        if not self.ended:
            try:
                rows = (
                    self._when_it_wakes(sql, timeout) if server.halts else self._now(sql, timeout)
                )
            except BrokenAnswer:
                self._abandon()
                raise
        if self.remote and not self._path(to_server=False):
            self._give_up(timeout)
        if self.ended:
            self._gone = True
            raise Lost("the server has ended this session")
        program.point(0.0001 + 0.0004 * random())
        self.last_used = program.scheduler.now
        return rows

    def _now(self, sql: str, timeout: float) -> list[Row]:
        self.end_if_silent()
        if self.ended:
            return []
        answer = self.server.perform(self, sql)
        if isinstance(answer, Pending):
            return self._wait_for(answer, timeout)
        return answer

    def _when_it_wakes(self, sql: str, timeout: float) -> list[Row]:
        pending = Pending(self, sql)

        def act() -> None:
            if self.ended:
                return
            try:
                answer = self.server.perform(self, sql)
            except ServerError as error:
                pending.end([], error)
                return
            if not isinstance(answer, Pending):
                pending.end(answer)
            # else: it waits on, and nobody is told; the client's own deadline is near anyway

        self.server.missed.append(act)
        if sql == queries.OPEN_WRITES:
            self.server.ever_open = True  # for all that anybody can know
        return self._wait_for(pending, timeout)

    def _wait_for(self, pending: Pending, timeout: float) -> list[Row]:
        pending.ticket = self.program.ticket()
        self.busy, self.statement = True, pending.sql
        if not pending.done:
            self.program.wait(timeout)
        if pending.error is not None:
            raise pending.error
        if pending.rows is None:
            if self.ended:
                return []
            self._abandon()
            raise NoAnswer(f"no answer within {timeout:g} s")
        self.last_used = self.program.scheduler.now
        return pending.rows

    def _path(self, to_server: bool) -> bool:
        network, there = self.node.world.links, self.server.node
        if to_server:
            return network.sql(self.node, there)
        return network.sql(there, self.node)

    def _give_up(self, timeout: float) -> None:
        self.program.point(max(timeout, 0.0))
        self._abandon()
        raise NoAnswer(f"no answer within {timeout:g} s")

    def _abandon(self) -> None:
        """It is of no more use, and closed at once."""
        self._gone = True
        self.leave()

    # --- how it ends ---

    def leave(self) -> None:
        """The client closes it, or dies; the server learns of it if it can."""
        if self.ended or self.client_gone:
            return
        self.client_gone = True
        if self.remote and not self._path(to_server=True):
            return  # until wait_timeout, or until the network is whole again
        if not self.server.halts:
            self.end_on_server()

    def end_if_silent(self) -> None:
        """wait_timeout."""
        silent = self.program.scheduler.now - self.last_used
        if not self.busy and not self.ended and silent > self.wait_timeout:
            self.end_on_server()

    def end_on_server(self) -> None:
        """The server closes it, and frees its lock; not while it waits for a mutex."""
        waits = any(each.session is self for each in self.server.status_waiters)
        if not self.ended and not waits:
            self.ended = True
            self.server.remove(self.connection_id)
            self.server.free_lock_of(self)

    def server_ended(self) -> None:
        self.ended = True
