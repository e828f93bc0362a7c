"""Two machines with a database server each, made a pair by the commands of docs/install.md."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts import workdir
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch
from tests.lab.machines.machine import Machine
from tests.lab.machines.steps import command
from tests.lab.machines.tree import Release
from tests.lab.pairs.pair import ADDRESSES, CLIENT_ADDRESS, INTERFACE, VIP, WITNESS
from tests.lab.servers import accounts
from tests.lab.servers.flavour import SOCKET

OPTION_FILE = "/etc/kachecks/kachecks.cnf"
PATIENCE = 40.0
"""Seconds for what takes a pair one to ten when its host is idle."""

STEADY = 3.0
"""Seconds for which a check has said the same."""

_CHANGES = {
    "mariadb": ("CHANGE MASTER TO", "START SLAVE;"),
    "mysql": ("CHANGE REPLICATION SOURCE TO", "START REPLICA;"),
}
_UUID = "/var/lib/mysql/auto.cnf"
"""Of a MySQL that was installed once, in the tree: two servers with one UUID do not replicate."""
_REPLICATION = {"mariadb": "SHOW SLAVE STATUS", "mysql": "SHOW REPLICA STATUS"}
_PASSWORDS = "/root/passwords.cnf"
_SAME_FOR_OTHER = re.compile(r"--node 1\b|--passwords-from \S+")


class DatabaseMachine(Machine):
    """With what a Sampler asks of a node."""

    family = "mariadb"
    """`mariadb` or `mysql`: its unit and its client."""

    @property
    def socket_path(self) -> Path:
        """The server's socket as the lab sees it."""
        return self.path(SOCKET)

    def sql(self, statements: str) -> str:
        """Run as root through the socket, by the client; what it prints."""
        return self.run([self.family], input=statements).stdout

    def is_open(self) -> bool:
        """It takes writes of ordinary accounts. A server that does not answer: not open."""
        asked = self.run([self.family, "-sNe", "SELECT @@global.read_only"], check=False)
        return asked.stdout.strip() == "0"

    def is_well(self) -> bool:
        """What `kachecks status` says of the pair from here."""
        return self.run(["kachecks", "status"], check=False).returncode == 0

    def is_ready(self) -> bool:
        """Its check has said OK for a while, and keepalived has heard it twice (``rise``).

        `kachecks status` says more, and gives up after a second: too soon on a host that is busy.
        """
        verdict, check = (self.path(f"/run/kachecks/main.{kind}") for kind in ("verdict", "check"))
        try:
            steady = check.stat().st_mtime - verdict.stat().st_mtime
            return verdict.read_text() == "OK 0" and steady > STEADY and self.replicates()
        except OSError:
            return False

    def replicates(self) -> bool:
        """Whether receiver and applier run."""
        asked = self.run([self.family, "-Ee", _REPLICATION[self.family]], check=False)
        return asked.stdout.count("_Running: Yes") == 2


class MachinePair:
    """`a` and `b`, with a switch, a witness and a client; bare until `install` and the rest.

    Enter it in a thread that outlives it.
    """

    def __init__(self, release: Release, tree: Path) -> None:
        self._release = release
        self._tree = tree
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> MachinePair:
        with contextlib.ExitStack() as undo:
            self.workdir = workdir.create()
            undo.callback(shutil.rmtree, self.workdir)
            self.switch = Switch("br0")
            undo.callback(self.switch.kill)
            self.switch.add_address("br0", WITNESS)
            self.client = Namespaces()
            undo.callback(self.client.kill)
            self.switch.plug(self.client, Link("client", INTERFACE, "br0", CLIENT_ADDRESS))
            self.a, self.b = self.machines = [self._machine(name) for name in "ab"]
            for machine in self.machines:
                undo.callback(machine.close)
                machine.power_on()
            for machine in self.machines:
                machine.wait_up()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is not None and "LAB_LOGS" in os.environ:
            self._save_journals(Path(os.environ["LAB_LOGS"]) / self.workdir.name)
        self._undo.close()

    def _machine(self, name: str) -> DatabaseMachine:
        address = ADDRESSES["ab".index(name)]
        machine = DatabaseMachine(
            name,
            self._tree,
            self.workdir / name,
            self.switch,
            [Link(f"{name}0", INTERFACE, "br0", address)],
            gateway=WITNESS,
            names=dict(zip(ADDRESSES, "ab")),
        )
        machine.family = self._release.family
        return machine

    # The steps of docs/install.md

    def make(self, package: Path) -> None:
        """All of them: A serves, B stands by."""
        self.install(package)
        self.set_up()
        self.replicate()
        self.try_out()
        self.start()

    def install(self, package: Path) -> None:
        """Step 1, on both."""
        for machine in self.machines:
            machine.shell("mkdir dist")
            shutil.copy(package, machine.path("/root/dist"))
            machine.shell(command("apt-get install ./dist/"), timeout=300)

    def set_up(self) -> None:
        """Step 2: for review on node 1, and what setup tells there to do on both."""
        said = self.a.shell(self._its(command("kachecks setup --server"))).stdout
        told = re.search(r"^  (kachecks setup (?:.*\\\n)*.*--install)$", said, re.MULTILINE)
        if not told:
            raise LabError(f"setup does not say how to go on:\n{said}")
        self.a.shell(told[1])
        self.b.write(_PASSWORDS, self.a.path(OPTION_FILE).read_text(), mode=0o600)
        for_b = {"--node 1": "--node 2"}
        self.b.shell(
            _SAME_FOR_OTHER.sub(
                lambda found: for_b.get(found[0], f"--passwords-from {_PASSWORDS}"), told[1]
            )
        )

    def replicate(self) -> None:
        """Steps 3 and 4; and the accounts of the lab's client and watchers."""
        for machine in self.machines:
            if machine.run(["systemctl", "cat", "mariadb.socket"], check=False).returncode == 0:
                machine.shell(command("systemctl disable --now mariadb.socket"))
            machine.shell(f"rm -f {_UUID}")
            machine.shell(self._its(command("systemctl restart mariadb")))
        self.a.shell(self._its(command("mariadb -e 'SET GLOBAL read_only = 0'")))
        self.a.shell(self._its(command("mariadb < ")))
        for statement in ("CREATE USER repl@", "GRANT REPLICATION SLAVE"):
            self.a.sql(_secret(command(statement)))
        beginning, end = _CHANGES[self._release.family]
        change = _secret(command(beginning, end))
        self.b.sql(change.replace(ADDRESSES[1], ADDRESSES[0]))
        self.a.sql(change)
        self.a.sql(accounts.STATEMENTS.replace("CREATE USER", "CREATE USER IF NOT EXISTS"))
        for machine in self.machines:
            machine.wait(machine.replicates, PATIENCE, "replication to run")

    def try_out(self) -> None:
        """Step 5: each check says that its node is well."""
        for machine in self.machines:
            machine.shell(command("systemd-tmpfiles "))
            machine.shell(command("systemctl daemon-reload"))
            machine.shell(command("/opt/kachecks/bin/check_mysql -v"))

    def start(self) -> None:
        """Step 6: A serves, B stands by."""
        for machine in self.machines:
            machine.shell(command("keepalived -t && "))
            if machine is self.a:
                self.wait_serving(self.a)
        self.wait_ready()

    def _its(self, text: str) -> str:
        """A command of docs/install.md, where MariaDB stands for either server."""
        return text.replace("mariadb", self._release.family)

    # What a test asks

    def versions(self) -> str:
        """Of server and keepalived, as dpkg names them."""
        packages = f"{self._release.family}-server keepalived python{self._release.python} systemd"
        shown = f"dpkg-query --show -f '${{Package}} ${{Version}}, ' {packages}"
        return self.a.shell(shown).stdout.rstrip(", ")

    def other(self, machine: DatabaseMachine) -> DatabaseMachine:
        return self.b if machine is self.a else self.a

    @property
    def holder(self) -> DatabaseMachine:
        """The one that has the virtual IP."""
        (holder,) = [machine for machine in self.machines if machine.has_vip(VIP)]
        return holder

    def wait_serving(self, machine: DatabaseMachine) -> None:
        """Until it has the virtual IP and takes writes."""
        machine.wait(lambda: machine.has_vip(VIP) and machine.is_open(), PATIENCE, "it to serve")

    def wait_well(self) -> None:
        """Until both say that one serves and the other one can take over."""
        for machine in self.machines:
            machine.wait(machine.is_well, PATIENCE, "kachecks status to find nothing")

    def wait_ready(self) -> None:
        """Until one serves and the other one can take over, as their own checks say."""
        for machine in self.machines:
            machine.wait(machine.is_ready, PATIENCE, "its check to say OK")

    def _save_journals(self, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for machine in self.machines:
            with contextlib.suppress(LabError, OSError):
                (target / f"{machine.name}.journal").write_text(machine.journal())


def _secret(statement: str) -> str:
    """With the password of the lab's account for replication."""
    return statement.replace("'…'", f"'{accounts.REPLICATION_PASSWORD}'")
