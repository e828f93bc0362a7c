"""kachecks setup as it is called: what is written, what is said, and its exit status."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest

from kachecks.command_line import UNUSABLE
from kachecks.commands.setup import command
from kachecks.commands.setup.command import DIFFERS, main, parser
from kachecks.commands.setup.files import KEEPALIVED_CONF
from kachecks.commands.setup.next_steps import SELINUX, after_install, after_review
from kachecks.config.options import DEFAULT_PATH, load
from tests.unit.commands.setup.samples import COMMAND, NODE1, NODE2
from tests.unit.doubles.option_files import OsOf

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_for_review(tmp_path: Path, capsys: Capture) -> None:
    directory = tmp_path / "review"
    assert main([*COMMAND, "--to", str(directory)]) == 0
    said = capsys.readouterr().out
    assert directory.stat().st_mode & 0o777 == 0o700
    written = [each for each in directory.rglob("*") if each.is_file()]
    assert sorted(re.findall("written: (.*)", said)) == sorted(map(str, written))
    assert len(written) == 7
    assert "next: look at them" in said
    config = load(f"{directory}{DEFAULT_PATH}")
    for secret in (config.local.password, config.remote.password):
        assert secret
        assert secret not in said


def test_again_it_is_there_already(tmp_path: Path, capsys: Capture) -> None:
    for _ in range(2):
        assert main([*COMMAND, "--to", str(tmp_path)]) == 0
    assert "all files are there already just so" in capsys.readouterr().out


def test_what_differs_is_named_and_nothing_is_written(tmp_path: Path, capsys: Capture) -> None:
    main([*COMMAND, "--to", str(tmp_path)])
    before = {each: each.read_text() for each in tmp_path.rglob("*") if each.is_file()}
    conf = tmp_path / KEEPALIVED_CONF[1:]
    assert main([*COMMAND, "--router-id=52", "--to", str(tmp_path)]) == DIFFERS
    said = capsys.readouterr().err
    assert said.startswith(f"kachecks setup: {conf} is there already and differs from line ")
    assert "nothing was written: name another DIR" in said
    assert {each: each.read_text() for each in before} == before


def test_both_nodes_get_the_same_passwords(tmp_path: Path, capsys: Capture) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    main([*COMMAND, "--to", str(one)])
    for_two = [*COMMAND, "--node=2", "--to", str(two)]
    assert main(for_two) == UNUSABLE
    assert "--passwords-from FILE" in capsys.readouterr().err
    assert not two.exists()
    assert main([*for_two, f"--passwords-from={one}{DEFAULT_PATH}"]) == 0
    logins = [load(f"{each}{DEFAULT_PATH}") for each in (one, two)]
    assert logins[0].local == logins[1].local
    assert logins[0].remote.password == logins[1].remote.password
    assert (logins[0].peer, logins[1].peer) == ("10.0.0.2", "10.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vip=10.0.0.100/24"], "one of the arguments --to --install is required"),
        (["--to=x", "--install"], "not allowed with argument"),
        (["--to=x", "--vip=10.0.0.100"], "argument --vip: found '10.0.0.100' (it has no prefix"),
        (["--to=x", "--vip=a\x1b[1mb/9"], "argument --vip: found 'a?[1mb/9'"),
        (["--to=x", "--router-id=256"], "argument --router-id: found '256', expected a whole"),
        (["--to=x", "--password=x"], "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], said: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == UNUSABLE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server=mysql"], "--vip, --node1-address"),
        ([*COMMAND, "--witness=10.0.0.1"], "the witness 10.0.0.1 is one of the pair's"),
        ([*COMMAND, "--passwords-from=/no/such"], "directory; --passwords-from=FILE names"),
    ],
)
def test_what_cannot_be_used(
    arguments: list[str], said: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main([*arguments, "--to", str(tmp_path / "x")]) == UNUSABLE
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


class OnThisHost:
    """In place: what this host is, and where ``/`` lies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self._monkeypatch, self._path = monkeypatch, path
        self.own = {"10.0.0.1"}
        self.interfaces = {"eth0"}
        (path / "bin").mkdir()
        (path / "bin/check_mysql").touch(mode=0o755)
        for name in ("keepalived", "mysql/mariadb.conf.d"):
            (path / "etc" / name).mkdir(parents=True)
        monkeypatch.setattr(command, "PROGRAMS", str(path / "bin"))
        monkeypatch.setattr(command, "interfaces", self)
        self.become(0)
        self._below(path)

    def become(self, uid: int) -> None:
        self._monkeypatch.setattr(command, "os", OsOf(uid))

    def _below(self, path: Path) -> None:
        """Paths of the node lie below a directory."""
        made = command.files

        def files(*given: object) -> list[command.NewFile]:
            return [each._replace(path=f"{path}{each.path}") for each in made(*given)]  # type: ignore[arg-type]

        self._monkeypatch.setattr(command, "files", files)
        self._monkeypatch.setattr(command, "MADE", [f"{path}{each}" for each in command.MADE])
        self._monkeypatch.setattr(command, "DEFAULT_PATH", f"{path}{DEFAULT_PATH}")

    def own_addresses(self) -> set[str]:
        return self.own

    def exists(self, interface: str) -> bool:
        return interface in self.interfaces


@pytest.fixture
def this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OnThisHost:
    return OnThisHost(monkeypatch, tmp_path)


@pytest.mark.usefixtures("this_host")
def test_in_place(tmp_path: Path, capsys: Capture) -> None:
    for written in (7, 0):
        assert main([*COMMAND, "--install"]) == 0
        said = capsys.readouterr().out
        assert said.count("written: ") == written
        assert "nothing was restarted" in said
    assert (tmp_path / KEEPALIVED_CONF[1:]).stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("this_host")
def test_a_changed_file_is_not_replaced(tmp_path: Path, capsys: Capture) -> None:
    conf = tmp_path / KEEPALIVED_CONF[1:]
    conf.write_text("mine\n")
    assert main([*COMMAND, "--install"]) == DIFFERS
    said = capsys.readouterr().err
    assert f"{conf} is there already and differs from line 1 on; nothing was written: make" in said
    assert conf.read_text() == "mine\n"
    assert not (tmp_path / "etc/kachecks").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda host, _: host.become(1000), "--install must run as root"),
        (lambda host, _: host.own.clear(), "this host has not 10.0.0.1, which is node 1's own"),
        (lambda host, _: host.interfaces.clear(), "this host has no interface eth0"),
        (lambda _, path: (path / "bin/check_mysql").unlink(), "bin/check_mysql is not there"),
        (lambda _, path: (path / "etc/keepalived").rmdir(), "etc/keepalived is not there, so"),
        (
            lambda _, path: (path / "etc/mysql/mariadb.conf.d").rmdir(),
            "etc/mysql/mariadb.conf.d is not there, so nobody would read",
        ),
    ],
)
def test_what_is_in_the_way(
    this_host: OnThisHost, tmp_path: Path, capsys: Capture, wrong: object, said: str
) -> None:
    wrong(this_host, tmp_path)  # type: ignore[operator]
    assert main([*COMMAND, "--install"]) == UNUSABLE
    assert said in capsys.readouterr().err
    assert not (tmp_path / "etc/kachecks").exists()


def test_the_command_line_that_is_printed_says_the_same() -> None:
    answers = NODE2._replace(unicast=True, router_id=7, unit="my\\x2dsql.service", witness="")
    line = "\n".join(after_review(answers, "/root/re  view")[1:]).replace("\\\n", "")
    given = vars(parser().parse_args(shlex.split(line)[2:]))
    assert (given["socket"], "--socket" in line) == (None, False)  # the usual one
    given["socket"] = answers.socket
    assert given.pop("passwords_from") == f"/root/re  view{DEFAULT_PATH}"
    assert (given.pop("install"), given.pop("to")) == (True, None)
    assert given.pop("witness") is None
    assert given == {k: v for k, v in answers._asdict().items() if k != "witness"}


def test_node_1_tells_what_node_2_needs() -> None:
    assert "the same with --node 2" in " ".join(after_review(NODE1, "/x"))
    assert "the same with" not in " ".join(after_review(NODE2, "/x"))
    assert after_install(NODE1)[-1].startswith("node 2 needs the passwords")
    assert "node 2 needs" not in " ".join(after_install(NODE2))


def test_selinux_is_told_of_where_it_is() -> None:
    assert after_install(NODE2._replace(distribution="redhat"))[-3:] == list(SELINUX)
    assert "SELinux" not in " ".join(after_install(NODE2))
