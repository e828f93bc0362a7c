"""A second pair of servers on the nodes of a running one, made as the manual tells an operator to.

Each node gets one more mysqld (port, socket, datadir of its own), an option file with a name of its
own, and one more of each block of keepalived.conf; then keepalived is told to read it again.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

from kachecks.commands.setup.snippets import filled
from tests.lab.hosts.network import PREFIX
from tests.lab.pairs import datadir, snippets
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import INTERFACE, WITNESS, Pair
from tests.lab.pairs.snippets import SNIPPETS
from tests.lab.servers import sql
from tests.lab.servers.accounts import KACHECKS_PASSWORDS
from tests.lab.servers.flavour import Flavour

NAME = "second"
VIP = "10.0.0.101"
PORT = 3309
ROUTER_ID = 52
OPTION_FILE = f"/etc/kachecks/{NAME}.cnf"

_SERVER_OPTIONS = f"/etc/mysql/{NAME}.cnf"
_SOCKET = f"/run/mysqld/{NAME}.sock"
_PID_FILE = f"/run/mysqld/{NAME}.pid"
# In memory, and the one directory besides /var/lib/mysql that a server in a chroot sees, too.
_DATADIR = f"/run/mysql-{NAME}"

_FIRST_SERVER_ID = 11  # and 12; those of the first pair are 1 and 2


class SecondServer:
    """The second pair's server on a node. An Observer can watch it as it watches a Node."""

    def __init__(self, node: Node, number: int) -> None:
        """`number`: 1 on the first node, 2 on the second."""
        self.node = node
        self.name = node.name
        self.number = number

    @property
    def socket_path(self) -> Path:
        return self.node.path(_SOCKET)

    def has_vip(self, address: str) -> bool:
        return self.node.has_vip(address)

    def sql(self, statement: str) -> list[sql.Row]:
        """Run one statement as root; its rows."""
        return sql.query(self.socket_path, statement)

    def is_open(self) -> bool:
        return sql.is_open(self.socket_path)

    def is_serving(self) -> bool:
        return self.has_vip(VIP) and self.is_open()

    def start(self) -> None:
        """Start it; returns when it answers."""
        flavour = self.node.flavour
        command = [*flavour.program(flavour.process), f"--defaults-file={_SERVER_OPTIONS}"]
        self.node.daemon(flavour.process, command, f"mysqld-{NAME}.log")
        what = f"the second {flavour.process} to answer"
        self.node.wait(lambda: sql.answers(self.socket_path), 30, what)

    def pid(self) -> int | None:
        """As the node counts; None if it is not running."""
        return living_server(self.node, _PID_FILE)

    def kill(self, sig: int) -> None:
        pid = self.pid()
        assert pid is not None
        self.node.kill(pid, sig)

    def audit(self) -> list[dict[str, Any]]:
        """This pair's audit log."""
        return self.node.audit(NAME)

    def marks(self) -> dict[str, str]:
        """The marks of this pair that a healthy check leaves as they are."""
        return {
            file.name: file.read_text()
            for file in self.node.path("/run/kachecks").glob(f"{NAME}.*")
            if file.suffix in (".gave_way", ".leaving", ".mysqld", ".open", ".permit", ".verdict")
        }


class SecondPair:
    """Servers `a` and `b`, on the nodes of a Pair with the suite kachecks that is up."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.a, self.b = (
            SecondServer(node, number) for number, node in enumerate(pair.nodes, start=1)
        )

    def start(self) -> None:
        """Returns when A serves both pairs and B stands by for both."""
        source = datadir.template(self.pair.flavour, self._words(self.a))
        for server in (self.a, self.b):
            target = server.node.path(_DATADIR)
            target.mkdir(mode=0o700)
            datadir.copy(source, target)
            self._write_files(server)
            server.start()
        for server in (self.a, self.b):
            for statement in replicate_from(self.pair.flavour, self._peer_address(server)):
                server.sql(statement)
        self.pair.wait_until(
            lambda: all(self.pair.flavour.replicates(server.sql) for server in (self.a, self.b)),
            15,
            "replication of the second pair to run both ways",
        )
        for server in (self.a, self.b):  # one after the other: the first becomes MASTER
            server.node.kill(server.node.keepalived_pids()[0], signal.SIGHUP)
            self.pair.wait_until(self.a.is_serving, 20, "A to serve the second pair")
        self.pair.wait_until(
            lambda: self.b.node.keepalived_state(NAME) == "BACKUP", 20, "B to stand by for both"
        )

    def other(self, server: SecondServer) -> SecondServer:
        return self.b if server is self.a else self.a

    def _peer_address(self, server: SecondServer) -> str:
        return self.other(server).node.address

    def _words(self, server: SecondServer) -> dict[str, object]:
        return {
            "NODE_INTERFACE": INTERFACE,
            "VIP_ADDRESS": VIP,
            "VIP_PREFIX": PREFIX,
            "NODE1_ADDRESS": self.a.node.address,
            "NODE2_ADDRESS": self.b.node.address,
            "NODE_ADDRESS": server.node.address,
            "PEER_ADDRESS": self._peer_address(server),
            "WITNESS_ADDRESS": WITNESS,  # in a line that is a comment
            **KACHECKS_PASSWORDS,
            "SERVER_NUMBER": server.number,
        }

    def _write_files(self, server: SecondServer) -> None:
        node, words = server.node, self._words(server)
        fragment = snippets.fill(SNIPPETS / node.flavour.options_snippet, words)
        node.write(_SERVER_OPTIONS, node.flavour.options(fragment) + _of_second_server(server))
        options = {"kachecks.name": NAME, "client.socket": _SOCKET, "peer.port": PORT}
        text = snippets.with_options(snippets.fill(SNIPPETS / "kachecks.cnf", words), options)
        node.write(OPTION_FILE, text, mode=0o600)
        conf = node.path("/etc/keepalived/keepalived.conf").read_text()
        added = second_blocks((SNIPPETS / f"keepalived.conf.node{server.number}").read_text())
        text = filled(conf + added, words)
        node.write("/etc/keepalived/keepalived.conf", text)


def second_blocks(conf: str) -> str:
    """The blocks of a keepalived.conf snippet once more, renamed for the second pair."""
    conf = snippets.without_blocks(conf, "global_defs")
    for old, new, times in (
        ("check_mysql {", f"check_{NAME} {{", 1),  # vrrp_script
        ("        check_mysql\n", f"        check_{NAME}\n", 1),  # track_script
        ("check_mysql --fence", f"check_mysql --fence --defaults-file={OPTION_FILE}", 1),
        ("permit {", f"permit_{NAME} {{", 1),  # track_file, what is tracked
        ("        permit\n", f"        permit_{NAME}\n", 1),  # and where
        ("/main.permit", f"/{NAME}.permit", 1),
        ("vrrp_instance mysql", f"vrrp_instance {NAME}", 1),
        ("virtual_router_id 51", f"virtual_router_id {ROUTER_ID}", 1),
        ("/bin/notify_master", f"/bin/notify_master --defaults-file={OPTION_FILE}", 1),
        ("/bin/notify_backup", f"/bin/notify_backup --defaults-file={OPTION_FILE}", 3),
    ):
        code = [line for line in conf.splitlines(keepends=True) if old in line]
        found = sum(not line.lstrip().startswith("#") for line in code)
        assert found == times, f"{old!r} is {found} times in the snippet, not {times}"
        conf = conf.replace(old, new)
    return conf


def replicate_from(flavour: Flavour, host: str) -> list[str]:
    """Set replication of the second pair up and start it."""
    named = re.compile(r"\b(MASTER|SOURCE)_HOST = '[^']*'")
    return [named.sub(rf"\g<0>, \1_PORT = {PORT}", text) for text in flavour.replicate_from(host)]


def living_server(node: Node, pid_file: str) -> int | None:
    """The mysqld that wrote this pid file, None if it is gone."""
    try:
        pid = int(node.path(pid_file).read_text())
    except (OSError, ValueError):
        return None
    return pid if pid in node.pids(node.flavour.process) else None


def _of_second_server(server: SecondServer) -> str:
    return f"""
[client]
socket = {_SOCKET}

[mysqld]
port      = {PORT}
socket    = {_SOCKET}
pid_file  = {_PID_FILE}
datadir   = {_DATADIR}
server_id = {_FIRST_SERVER_ID + server.number - 1}
"""
