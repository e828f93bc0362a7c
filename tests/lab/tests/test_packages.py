"""The packages: complete; installed, upgraded under running checks, and removed."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator

import pytest

from kachecks import __version__
from kachecks.commands.main import PARTS
from tests.lab.hosts.overlay import Overlay
from tests.lab.hosts.process import CHECKOUT
from tests.lab.tests.built import Built

SOURCE = CHECKOUT / "keepalived-snippets"
SNIPPETS = {str(file.relative_to(SOURCE)) for file in SOURCE.rglob("*") if file.is_file()}
DOCUMENTS = {"README.md", "README.zh-CN.md", "CHANGELOG.md", "SECURITY.md"}
DOCUMENTS |= {"docs/architecture.svg", "docs/failures.md", "docs/install.md", "docs/status.md"}

INSTALL = {"deb": "dpkg -i", "rpm": "rpm -U --oldpackage --nodeps"}
REMOVE = {"deb": "dpkg -r kachecks", "rpm": "rpm -e kachecks"}
LOGROTATE = "/etc/logrotate.d/kachecks"
INSTALLED = (
    LOGROTATE,
    "/usr/lib/systemd/system/keepalived.service.d/kachecks.conf",
    "/usr/lib/tmpfiles.d/kachecks.conf",
    "/usr/sbin/notify_down",
    "/usr/share/bash-completion/completions/kachecks",
    "/usr/share/doc/kachecks/docs/status.md",
    "/usr/share/doc/kachecks/keepalived-snippets/kachecks.cnf",
    "/usr/share/man/man5/kachecks.cnf.5.gz",
    "/usr/share/man/man8/kachecks-setup.8.gz",
)

CHECK = "/opt/kachecks/bin/check_mysql"
MYSQLD_DOWN = 10
NO_SERVER = "[kachecks]\nvip = 10.9.9.100\npeer = 10.9.9.2\n[client]\nsocket = /run/none\n"
CHECKS = """
install -m 0600 /dev/stdin /etc/kachecks/none.cnf <<END
{option_file}END
( until [ -e /run/enough ]; do
    status=0
    {check} --defaults-file=/etc/kachecks/none.cnf >> /run/said || status=$?
    echo $status >> /run/statuses
done ) &
until [ -s /run/statuses ]; do sleep 0.1; done
"""

SETUP = """
ip link add eth0 type veth peer name other
ip address add 10.0.0.1/24 dev eth0
ip link set eth0 up; ip link set other up
mkdir -p /etc/mysql/mariadb.conf.d
kachecks setup --distribution debian --server mariadb --vip 10.0.0.100/24 \\
    --node1-address 10.0.0.1 --node2-address 10.0.0.2 --install
"""


def test_the_wheel_holds_everything(built: Built) -> None:
    with zipfile.ZipFile(built.one("*.whl")) as wheel:
        names = {name.rpartition(".data/data/share/")[2] for name in wheel.namelist()}
    assert {f"kachecks/snippets/{name}" for name in SNIPPETS} <= names
    assert {f"man/man8/kachecks-{part}.8" for part in PARTS} <= names
    assert {f"doc/kachecks/{name}" for name in DOCUMENTS} <= names
    assert "bash-completion/completions/kachecks" in names


def test_the_sdist_holds_all_that_a_wheel_is_made_of(built: Built) -> None:
    """The wheel was made of it; besides, what a reader looks for."""
    with tarfile.open(built.one("*.tar.gz")) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert DOCUMENTS | {"CONTRIBUTING.md", "LICENSE"} <= names
    assert {f"kachecks/snippets/{name}" for name in SNIPPETS} <= names


class Machine:
    """An Overlay on which one kind of package is installed."""

    def __init__(self, overlay: Overlay, kind: str, built: Built) -> None:
        self.run = overlay.run
        self.kind = kind
        for release in "12":
            overlay.put(
                f"/srv/{release}.{kind}", built.one(f"*-{release}[._]*.{kind}").read_bytes()
            )

    def install(self, release: int) -> None:
        self.run(f"{INSTALL[self.kind]} /srv/{release}.{self.kind}", timeout=120)

    def holds(self, path: str) -> bool:
        return self.run(f"[ -e {path} ]", check=False).returncode == 0


@pytest.fixture(params=["deb", "rpm"])
def machine(request: pytest.FixtureRequest, built: Built) -> Iterator[Machine]:
    with Overlay() as overlay:
        overlay.run("rm -rf /opt/kachecks /etc/kachecks /etc/keepalived/*")
        machine = Machine(overlay, request.param, built)
        machine.install(1)
        yield machine


def test_an_upgrade_fails_no_check(machine: Machine) -> None:
    """Nor does going back: each check has one version or the other, and none runs into a gap."""
    upgrades = " && ".join(
        f"{INSTALL[machine.kind]} /srv/{release}.{machine.kind}" for release in (2, 1, 2)
    )
    checks = CHECKS.format(option_file=NO_SERVER, check=CHECK)
    machine.run(f"{checks}\n{upgrades}\ntouch /run/enough\nwait", timeout=180)
    statuses = machine.run("cat /run/statuses").stdout.split()
    assert len(statuses) > 20
    assert set(statuses) == {str(MYSQLD_DOWN)}, machine.run("sort -u /run/said").stdout
    assert machine.run("ls /opt/kachecks/versions").stdout.split() == [f"{__version__}-2"]


def test_what_is_installed(machine: Machine) -> None:
    assert machine.run("kachecks --version").stdout.startswith("kachecks ")
    assert machine.run(f"{CHECK} --explain").stdout
    modules = "find /opt/kachecks/versions -newer /opt/kachecks/current -type f"
    assert machine.run(modules).stdout == ""  # nothing was compiled anew
    for path in INSTALLED:
        assert machine.holds(path)


def test_configuration_is_kept(machine: Machine) -> None:
    machine.run(f"echo '# mine' >> {LOGROTATE}; echo mine > /etc/kachecks/kachecks.cnf")
    machine.install(2)
    for path in (LOGROTATE, "/etc/kachecks/kachecks.cnf"):
        assert "mine" in machine.run(f"cat {path}").stdout


def test_setup_leaves_alone_what_the_package_has(machine: Machine) -> None:
    said = machine.run(SETUP).stdout
    assert said.count("written: ") == 4
    assert "/etc/kachecks/kachecks.cnf" in said
    assert not machine.holds("/etc/tmpfiles.d/kachecks.conf")
    assert not machine.holds("/etc/systemd/system/keepalived.service.d/kachecks.conf")
    machine.run("keepalived -t")


def test_it_stays_while_keepalived_would_miss_it(machine: Machine) -> None:
    machine.run(SETUP)
    refused = machine.run(REMOVE[machine.kind], check=False)
    assert refused.returncode != 0
    assert "kachecks stays: its programs are named in /etc/keepalived/keep" in refused.stderr
    assert machine.run("kachecks --version").stdout
    machine.run("rm /etc/keepalived/keepalived.conf")
    machine.run(REMOVE[machine.kind])
    assert not machine.holds("/opt/kachecks")
    assert not machine.holds("/usr/lib/tmpfiles.d/kachecks.conf")
    assert machine.holds("/etc/kachecks/kachecks.cnf")
    if machine.kind == "deb":
        machine.run("dpkg -P kachecks")
        assert not machine.holds("/etc/kachecks")
