"""The files of a node: right to doctor, to the option file's own reader, and for what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.commands.elect.command import main as elect
from kachecks.commands.setup.answers import Answers
from kachecks.commands.setup.files import (
    DROP_IN,
    GRANTS,
    KEEPALIVED_CONF,
    MADE,
    NewFile,
    files,
)
from kachecks.commands.setup.next_steps import after_install
from kachecks.config.options import DEFAULT_PATH, parse
from tests.unit.commands.setup.samples import NODE1, NODE2, SECRETS
from tests.unit.doubles.doctor_world import findings, right


def made(answers: Answers) -> dict[str, NewFile]:
    return {each.path: each for each in files(answers, SECRETS)}


def text(answers: Answers, path: str) -> str:
    return made(answers)[path].text


@pytest.mark.parametrize("unicast", [False, True])
def test_doctor_has_nothing_to_say(tmp_path: Path, unicast: bool) -> None:
    one, two = (each._replace(unicast=unicast) for each in (NODE1, NODE2))
    world = right()._replace(
        options=text(one, DEFAULT_PATH),
        conf=text(one, KEEPALIVED_CONF),
        peer_conf=text(two, KEEPALIVED_CONF),
    )
    assert findings(world, tmp_path) == []


def test_it_fails_over(tmp_path: Path) -> None:
    paths = []
    for answers in (NODE1, NODE2):
        paths.append(tmp_path / f"{answers.node}.conf")
        paths[-1].write_text(text(answers, KEEPALIVED_CONF))
    assert elect([str(path) for path in paths]) == 0


def test_the_option_file_says_what_was_asked() -> None:
    answers = NODE2._replace(socket="/var/lib/mysql/mysql.sock", interface="bond0.7")
    config = parse(text(answers, DEFAULT_PATH), "FILE")
    assert (config.vips, config.peer, config.interface) == (("10.0.0.100",), "10.0.0.1", "bond0.7")
    assert config.witnesses == ("10.0.0.254",)
    assert (config.local.password, config.remote.password) == SECRETS
    assert config.local.socket == answers.socket


def test_an_answer_that_holds_a_word_of_the_snippets_stays_as_it_is() -> None:
    answers = NODE1._replace(socket="/run/VIP_ADDRESS.sock", interface="PEER_ADDRESS")
    config = parse(text(answers, DEFAULT_PATH), "FILE")
    assert (config.local.socket, config.interface) == (answers.socket, answers.interface)


def test_a_unit_that_a_shell_would_read_otherwise_is_quoted() -> None:
    steps = "\n".join(after_install(NODE1._replace(unit=r"a\x2db.service")))
    assert r"systemctl restart 'a\x2db.service'" in steps


def test_without_a_witness_there_is_none() -> None:
    assert parse(text(NODE1._replace(witness=""), DEFAULT_PATH), "FILE").witnesses == ()


def test_what_holds_passwords_is_its_owners_alone() -> None:
    for each in made(NODE1).values():
        holds = any(password in each.text for password in SECRETS)
        assert holds == (each.path in (DEFAULT_PATH, GRANTS))
        assert each.mode == (0o600 if holds else 0o644)


def test_both_nodes_get_the_same_grants_and_differ_in_the_server() -> None:
    assert text(NODE1, GRANTS) == text(NODE2, GRANTS)
    my_cnf = NODE1.places.my_cnf["mariadb"]
    assert "\nserver_id   = 1\n" in text(NODE1, my_cnf)
    assert "\nauto_increment_offset    = 2\n" in text(NODE2, my_cnf)


def test_on_red_hat_the_server_lies_elsewhere() -> None:
    answers = NODE1._replace(distribution="redhat", server="mysql", unit="mysqld.service")
    paths = set(made(answers))
    assert "/etc/my.cnf.d/zz-kachecks.cnf" in paths
    assert not {path for path in paths if path.startswith("/etc/mysql")}


def test_a_unit_of_another_name_comes_before_keepalived() -> None:
    drop_in = text(NODE1._replace(unit="mysqld@one.service"), DROP_IN)
    assert "\nAfter=mysql.service mysqld.service mariadb.service mysqld@one.service\n" in drop_in
    assert text(NODE1, DROP_IN).count("mariadb.service") == 1


def test_a_pair_of_its_own_on_the_network() -> None:
    conf = text(NODE1._replace(router_id=52), KEEPALIVED_CONF)
    assert "    virtual_router_id 52 " in conf


def test_only_directories_of_ours_are_made() -> None:
    assert MADE == (
        "/etc/kachecks",
        "/etc/systemd/system/keepalived.service.d",
        "/etc/tmpfiles.d",
        "/etc/logrotate.d",
    )
