"""What is given, what this host tells, what somebody is asked; and what is no use."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from kachecks.commands.setup import asking
from kachecks.commands.setup.answers import QUESTIONS, disagreement
from kachecks.commands.setup.asking import complete
from kachecks.commands.setup.distribution import this_distribution
from kachecks.commands.setup.snippets import SetupError
from kachecks.config.kinds import checked
from tests.unit.commands.setup.samples import NODE1

KINDS = {each.name: each.kind for each in QUESTIONS}
NEEDED = {
    "distribution": "debian",
    "server": "mariadb",
    "vip": "10.0.0.100/24",
    "node1_address": "10.0.0.1",
    "node2_address": "10.0.0.2",
}


class Host:
    """One with node 2's address."""

    own = frozenset({"127.0.0.1", "10.0.0.2"})

    def own_addresses(self) -> frozenset[str]:
        return self.own

    def towards(self, peer: str) -> str:
        return "ens3" if peer == "10.0.0.1" else ""


class Terminal(io.StringIO):
    """Somebody types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "interfaces", Host())
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_the_rest_is_told_by_the_host() -> None:
    answers = complete(NEEDED)
    assert (answers.node, answers.interface, answers.peer) == (2, "ens3", "10.0.0.1")
    assert (answers.unit, answers.socket) == ("mariadb.service", "/run/mysqld/mysqld.sock")
    assert (answers.witness, answers.router_id, answers.unicast) == ("", 51, False)


def test_each_distribution_has_its_names() -> None:
    answers = complete({**NEEDED, "distribution": "redhat", "server": "mysql"})
    assert (answers.unit, answers.socket) == ("mysqld.service", "/var/lib/mysql/mysql.sock")


def test_what_is_given_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given = NODE1._asdict()
    monkeypatch.setattr(asking.interfaces, "own", frozenset())
    assert complete(given) == NODE1


@pytest.mark.parametrize("node", [None, 1])
def test_for_another_host_nothing_is_guessed(node: int | None) -> None:
    given = {**NEEDED, "node2_address": "10.0.0.3", "node": node}
    lacking = "--interface" if node else "--node, --interface"
    with pytest.raises(SetupError, match=f"^{lacking} not given, and nobody is at a terminal"):
        complete(given)


def test_an_interface_of_a_strange_name_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.interfaces, "towards", lambda _peer: "eth#0")
    with pytest.raises(SetupError, match=r"^--interface not given"):
        complete(NEEDED)


def test_a_person_is_asked_for_all_that_was_not_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "oracle\nmysql\n10.0.0.100\n10.0.0.100/24\n10.0.0.1\n10.0.0.2\n\n\n\nmysql8\n\n"
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    answers = complete({"distribution": "debian"})
    assert answers == NODE1._replace(
        server="mysql", node=2, interface="ens3", witness="", unit="mysql8.service"
    )
    said = capsys.readouterr().out
    assert "found 'oracle', expected mariadb or mysql" in said
    assert "found '10.0.0.100' (it has no prefix length), expected one IPv4" in said
    assert "1 or 2 [2]: " in said
    assert "VRRP [ens3]: " in said
    assert "[none]: " in said


def test_a_person_who_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("mysql\n"))
    with pytest.raises(SetupError, match=r"^no answer to --vip$"):
        complete({"distribution": "debian"})


@pytest.mark.parametrize("closed", [True, False])
def test_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """stdin was closed, or stdout, on which the question would be."""

    def no_stdout(_prompt: str) -> str:
        raise io.UnsupportedOperation("not writable")

    monkeypatch.setattr("sys.stdin", None if closed else Terminal(""))
    monkeypatch.setattr("builtins.input", no_stdout)
    words = "nobody is at a terminal" if closed else "no answer to --server"
    with pytest.raises(SetupError, match=words):
        complete({"distribution": "debian"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("vip", "10.0.0.100/024", "10.0.0.100/24"),
        ("vip", "FD00::0:64/64", "fd00::64/64"),
        ("node", "2", 2),
        ("unit", "mysqld@one", "mysqld@one.service"),
        ("witness", "10.0.0.254, 10.0.0.253", "10.0.0.254,10.0.0.253"),
        ("witness", "", ""),
    ],
)
def test_read(name: str, text: str, expected: object) -> None:
    assert checked(KINDS[name], text) == expected


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("vip", "10.0.0.100/33", "its prefix is not 1 to 32"),
        ("vip", "10.0.0.1/24,10.0.0.2/24", "(it is more than one), expected one IPv4 or IPv6"),
        ("node", "3", "expected a whole number from 1 to 2"),
        ("node1_address", "127.0.0.1", "no other host can be reached by it"),
        ("node2_address", "db2", "expected an IPv4 or IPv6 address of another host"),
        ("interface", "eth0 # x", "letters, digits"),
        ("unit", "..", "expected the name of a systemd service"),
        ("socket", "/", "(that is a directory), expected the absolute path of a unix socket"),
        ("unit", "a b", "expected the name of a systemd service"),
        ("socket", "mysqld.sock", "expected the absolute path of a unix socket"),
        ("socket", "/run/my#sql.sock", "letters, digits"),
        ("server", "", "expected mariadb or mysql"),
    ],
)
def test_of_no_use(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^found '") as raised:
        checked(KINDS[name], text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"node2_address": "10.0.0.1"}, "both nodes have the address 10.0.0.1"),
        ({"vip": "10.0.0.2/24"}, "10.0.0.2 is the virtual address and a node's own"),
        ({"node1_address": "fd00::1"}, "not of one family"),
        ({"witness": "10.0.0.253,10.0.0.2"}, "the witness 10.0.0.2 is one of the pair's"),
        ({"vip": "fd00::64/64", "unicast": True}, "of the family of the nodes' own"),
    ],
)
def test_what_does_not_fit_together(changes: dict[str, object], said: str) -> None:
    assert disagreement(NODE1) == ""
    assert said in disagreement(NODE1._replace(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\n", "debian"),
        ("ID=ubuntu\nID_LIKE=debian\n", "debian"),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "redhat"),
        ("ID=fedora\n", "redhat"),
        ("", "debian"),
    ],
)
def test_whose_paths(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert this_distribution(str(tmp_path / "os-release")) == name
    assert this_distribution(str(tmp_path / "missing")) == "debian"
