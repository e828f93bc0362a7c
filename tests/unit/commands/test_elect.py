"""`kachecks elect` through its command line: findings, table, JSON, exit status."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kachecks.commands.elect.command import main
from tests.unit.doubles.election_conf import conf_text

Capture = pytest.CaptureFixture[str]


def check(weight: int) -> str:
    return f"vrrp_script chk {{\n script /bin/true\n weight {weight}\n}}\n"


TRACK = "track_script { chk }"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def elect(a: str, b: str, *options: str) -> int:
    Path("A.conf").write_text(a)
    Path("B.conf").write_text(b)
    return main(["A.conf", "B.conf", *options])


def answer(capsys: Capture, a: str, b: str, *options: str) -> dict[str, Any]:
    status = elect(a, b, "--json", *options)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["status"] == status
    return found


def codes(answered: dict[str, Any]) -> list[str]:
    return [finding["code"] for one in answered["elections"] for finding in one["findings"]]


def weighted(priority: int, weight: int, *lines: str) -> str:
    return conf_text(f"priority {priority}", TRACK, *lines, before=check(weight))


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("a", "b", "status", "expected"),
    [
        (weighted(101, -10), weighted(100, -10), 0, []),
        (weighted(101, 10), weighted(100, 10), 0, []),
        (weighted(101, 0, "nopreempt"), weighted(100, 0, "nopreempt"), 0, []),
        (weighted(101, 0), weighted(100, 0), 0, []),
        (weighted(110, -10), weighted(100, -10), 2, ["WEIGHT_TOO_SMALL"]),
        (weighted(111, -10), weighted(100, -10), 2, ["WEIGHT_TOO_SMALL"]),
        (weighted(109, -10), weighted(100, -10), 0, []),
        (weighted(110, 10), weighted(100, 10), 2, ["WEIGHT_TOO_SMALL"]),
        (weighted(109, 10), weighted(100, 10), 0, []),
        (
            weighted(101, -50, "nopreempt"),
            weighted(100, -50, "nopreempt"),
            2,
            ["WEIGHT_WITH_NOPREEMPT", "WEIGHT_WITH_NOPREEMPT"],
        ),
        (weighted(100, -9), weighted(100, -9), 1, ["EQUAL_PRIORITIES"]),
        (weighted(101, 0, "nopreempt"), weighted(100, 0), 1, ["NOPREEMPT_ON_ONE_NODE"]),
        (weighted(101, -5, "state MASTER"), weighted(100, -5, "state MASTER"), 0, []),
        (conf_text("priority 101"), conf_text(), 1, ["NO_CHECK"]),
        (
            weighted(250, 50),
            weighted(249, 50),
            1,
            ["EQUAL_PRIORITIES", "PRIORITY_CUT", "PRIORITY_CUT"],
        ),
        (
            weighted(101, 0),
            weighted(100, 0, "virtual_router_id 52"),
            2,
            ["ADVERTS_DROPPED", "ADVERTS_DROPPED"],
        ),
        (
            weighted(101, 0),
            weighted(100, 0, "unicast_peer { 10.0.0.1 }"),
            2,
            ["ADVERTS_DROPPED", "ADVERTS_DROPPED"],
        ),
        (
            weighted(101, 0, "version 3"),
            weighted(100, 0, "version 3", "advert_int 5"),
            1,
            ["ADVERT_INTERVALS"],
        ),
        (
            weighted(101, 0, "virtual_router_id 0"),
            weighted(100, 0),
            1,
            ["NOT_AS_WRITTEN"],
        ),
        (weighted(101, 0, "preempt_delay"), weighted(100, 0), 2, ["KEEPALIVED_ENDS"]),
        (weighted(101, 0), conf_text(before=check(0)), 1, ["NOT_TRACKED"]),
        (weighted(101, 0, "state MASTER", "nopreempt"), weighted(9, 0), 1, ["NOT_AS_WRITTEN"]),
        (weighted(101, 0) + "include none\n", weighted(9, 0), 1, ["PASSED_OVER"]),
        (conf_text("priority 255", TRACK, before=check(0)), weighted(9, 0), 0, []),
        (
            conf_text("priority 101", "track_script { chk weight 9 reverse }", before=check(0)),
            weighted(50, 0),
            2,
            ["WEIGHT_THE_WRONG_WAY"],
        ),
        (
            conf_text("priority 101", "track_script { chk weight 0 reverse }", before=check(0)),
            weighted(50, 0),
            2,
            ["STANDBY_IN_FAULT", "FAULT_WHEN_WELL"],
        ),
    ],
)
def test_status_and_findings(
    capsys: Capture, a: str, b: str, status: int, expected: list[str]
) -> None:
    answered = answer(capsys, a, b)
    assert codes(answered) == expected
    assert answered["status"] == status


@pytest.mark.usefixtures("directory")
def test_the_article_s_rule_is_told_where_it_is_broken(capsys: Capture) -> None:
    assert elect(weighted(150, -20), weighted(100, -20)) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "FAILURE WEIGHT_TOO_SMALL: script chk failing on A leaves the VIP there: the priority goes"
        " from 150 to 130, still above the 100 of B. The rule is |priority A - priority B| <"
        " |weight|, here 50 < 20, which does not hold; use a weight of -51 or stronger on both"
        " nodes, or 0, which makes it FAULT (A.conf:10)"
    ) in told


@pytest.mark.usefixtures("directory")
def test_a_weight_is_proposed_only_where_it_helps(capsys: Capture) -> None:
    """A bonus that B cannot earn: no positive weight on A's check alone moves the VIP."""
    assert elect(weighted(100, 20), conf_text("priority 90")) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "here 30 < 20, which does not hold; use weight 0, which makes it FAULT" in told


@pytest.mark.usefixtures("directory")
def test_the_proposed_weight_does_move_it(capsys: Capture) -> None:
    for weight in (-12, 12):
        told = elect(weighted(111, weight // 2), weighted(100, weight // 2))
        assert told == 2
        assert f"use a weight of {weight} or" in " ".join(capsys.readouterr().out.split())
        assert elect(weighted(111, weight), weighted(100, weight)) == 0
        capsys.readouterr()


@pytest.mark.usefixtures("directory")
def test_one_check_of_two_that_does_not_move_the_vip_is_a_warning(capsys: Capture) -> None:
    two = "vrrp_script z { script /bin/true }\n" + check(-5)
    lines = ["track_script {", "chk", "z", "}"]
    answered = answer(
        capsys,
        conf_text("priority 110", *lines, before=two),
        conf_text("priority 100", *lines, before=two),
    )
    assert (answered["status"], codes(answered)) == (1, ["WEIGHT_TOO_SMALL"])


def test_text_fits_80_columns_and_has_every_situation(directory: Path, capsys: Capture) -> None:
    long = "vrrp_script a_name_that_is_longer_than_its_column { script /bin/true }\n"
    lines = ["track_script {", "a_name_that_is_longer_than_its_column", "chk", "}"]
    a = conf_text("priority 101", "nopreempt", *lines, before=long + check(0))
    b = conf_text("priority 100", "nopreempt", *lines, before=long + check(0))
    assert elect(a, b) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    rows = [line for line in out.splitlines() if line.endswith((" A", " B", "nobody", "B!"))]
    assert len(rows) == 4 * 4 + 4
    assert str(directory) not in out


@pytest.mark.usefixtures("directory")
def test_the_table_tells_history(capsys: Capture) -> None:
    elect(weighted(101, 0, "nopreempt"), weighted(100, 0, "nopreempt"))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "well well 101 100 A B",
        "well chk failed 101 FAULT A A",
        "chk failed well FAULT 100 B B",
        "chk failed chk failed FAULT FAULT nobody nobody",
        "down well - 100 B B",
        "adverts lost adverts lost 101 100 A and B! A and B!",
        "adverts again adverts again 101 100 A A",
    ):
        assert line in lines


@pytest.mark.usefixtures("directory")
def test_many_checks_do_not_make_thousands_of_rows(capsys: Capture) -> None:
    checks = "".join(f"vrrp_script c{n} {{ script /bin/true }}\n" for n in range(8))
    track = ["track_script {", *(f"c{n}" for n in range(8)), "}"]
    text = conf_text(*track, before=checks)
    answered = answer(capsys, text, text)
    assert len(answered["elections"][0]["situations"]) == 10 * 10 + 4


@pytest.mark.usefixtures("directory")
def test_equal_priorities_are_decided_by_address(capsys: Capture) -> None:
    text = weighted(100, 0)
    again = answer(capsys, text, text)["elections"][0]["situations"][-1]
    assert (again["a"], again["holders_if_a_held"]) == ("adverts again", None)
    known = answer(capsys, text, text, "--address-a", "10.0.0.9", "--address-b", "10.0.0.10")
    assert known["elections"][0]["higher_address"] == "B"
    assert known["elections"][0]["situations"][-1]["holders_if_a_held"] == ["B"]


def test_an_address_may_be_link_local(capsys: Capture) -> None:
    """VRRP over IPv6 is sent from one."""
    text = weighted(100, 0)
    assert answer(capsys, text, text, "--address-a", "fe80::1", "--address-b", "fe80::2")


def test_config_ids_make_two_nodes_of_one_file(capsys: Capture) -> None:
    text = weighted(1, -10, "@one priority 101", "@two priority 100")
    status = elect(text, text, "--config-id-a", "one", "--config-id-b", "two")
    assert status == 0
    capsys.readouterr()
    assert "CONFIG_ID_GUESSED" in codes(answer(capsys, text, text, "--config-id-a", "one"))


@pytest.mark.usefixtures("directory")
def test_instances_are_paired_by_name_then_by_vrid(capsys: Capture) -> None:
    def several(*names_and_vrids: tuple[str, int]) -> str:
        return check(0) + "".join(
            f"vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n"
            f" priority {priority}\n"
            f" virtual_ipaddress {{ 10.0.0.{vrid} }}\n track_script {{ chk }}\n}}\n"
            for priority, (name, vrid) in enumerate(names_and_vrids, names_and_vrids[0][1])
        )

    a = several(("one", 1), ("two", 2), ("lone", 7))
    b = several(("zwei", 2), ("one", 1))
    answered = answer(capsys, a, b)
    pairs = [(one["a"]["name"], one["b"]["name"]) for one in answered["elections"]]
    assert pairs == [("one", "one"), ("two", "zwei")]
    assert codes(answered).count("ONE_NODE_ONLY") == 1
    assert len(answer(capsys, a, b, "--instance", "one")["elections"]) == 1
    assert elect(a, b, "--instance", "two") == 3
    assert "B.conf: has no vrrp_instance two" in capsys.readouterr().err


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    "secret",
    [
        ["authentication {", "auth_type PASS", "auth_pass hunter22", "}"],
        ["auth_hmac {", "key 1 hex:hunter22", "active_key 1", "}"],
    ],
)
def test_the_password_is_never_told(capsys: Capture, secret: list[str]) -> None:
    for options in ([], ["--json"]):
        elect(weighted(101, 0, *secret), weighted(100, 0), *options)
        out = capsys.readouterr().out
        assert "hunter" not in out
        assert "ADVERTS_DROPPED" in out


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["A.conf"], "the following arguments are required: B.conf\n"),
        (["A.conf", "B.conf", "--no"], "unrecognized arguments: --no"),
        (
            ["A.conf", "B.conf", "--address-a", "nonsense"],
            "argument --address-a: found 'nonsense', expected an IPv4 or IPv6 address",
        ),
        (["A.conf", "B.conf", "--address-b", "300.1.1.1/9"], "argument --address-b: found '300."),
        (["A.conf", "B.conf", "--address-b="], "argument --address-b: found '', expected"),
        (["A.conf", "B.conf", "--keepalived", "9" * 4400 + ".1"], "9... is no version, such as"),
        (["A.conf", "B.conf", "--keepalived", "two"], "two is no version, such as 2.2.7"),
        (["A.conf", "none.conf"], "none.conf: cannot be read: No such file"),
        (["A.conf", "broken.conf"], 'broken.conf:1: a quote (") is opened and not closed'),
        (["A.conf", "empty.conf"], "empty.conf: has no vrrp_instance"),
    ],
)
def test_what_cannot_be_used_is_status_3(capsys: Capture, argv: list[str], said: str) -> None:
    Path("A.conf").write_text(weighted(101, 0))
    Path("B.conf").write_text(weighted(101, 0))
    Path("broken.conf").write_text('vrrp_instance "V {\n')
    Path("empty.conf").write_text("\n")
    try:
        status = main(argv)
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 3
    out, err = capsys.readouterr()
    assert said in out + err


@pytest.mark.usefixtures("directory")
def test_what_waits_for_news_is_not_waited_for(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/proc/kmsg looks like a regular file. To read it would take its lines from the log daemon."""
    Path("A.conf").write_text(weighted(101, 0))
    real, flags = os.open, []

    def spied(path: str, how: int, *rest: Any) -> int:
        flags.append(how)
        return real(path, how, *rest)

    def nothing_yet(_file: int, _size: int) -> bytes:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with monkeypatch.context() as kernel:
        kernel.setattr(os, "open", spied)
        kernel.setattr(os, "read", nothing_yet)
        assert main(["A.conf", "B.conf"]) == 3
    assert flags[0] & os.O_NONBLOCK
    assert "A.conf: cannot be read: Resource temporarily" in capsys.readouterr().err


SNIPPETS = Path(__file__).parents[3] / "keepalived-snippets"


def test_the_snippets_fail_over_as_they_should(tmp_path: Path, capsys: Capture) -> None:
    nodes = []
    for number in (1, 2):
        text = (SNIPPETS / f"keepalived.conf.node{number}").read_text()
        for word, value in (("VIP_ADDRESS", "10.0.0.100"), ("VIP_PREFIX", "24")):
            text = text.replace(word, value)
        nodes.append(tmp_path / str(number))
        nodes[-1].write_text(text.replace("NODE_INTERFACE", "eth0"))
    assert main([str(node) for node in nodes]) == 0
    assert "as it should" in capsys.readouterr().out


def test_a_sample_that_was_not_edited_is_a_failure(capsys: Capture) -> None:
    nodes = [str(SNIPPETS / f"keepalived.conf.node{number}") for number in (1, 2)]
    assert main(nodes) == 2
    assert "PLACE_HOLDER: VIP_ADDRESS is" in capsys.readouterr().out


def grouped(first: int, second: int, group: bool = True) -> str:
    """Two instances, with these priorities."""
    text = "vrrp_sync_group G {\n group {\n one\n two\n }\n}\n" if group else ""
    for name, vrid, priority in (("one", 51, first), ("two", 52, second)):
        vip = f"virtual_ipaddress {{ 10.0.0.{vrid}/24 }}"
        one = conf_text(
            f"priority {priority}", base=("interface eth0", vip, f"virtual_router_id {vrid}")
        )
        text += one.replace("vrrp_instance V", f"vrrp_instance {name}")
    return text


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (grouped(150, 100), grouped(100, 150), True),
        (grouped(150, 140), grouped(100, 130), False),
        (grouped(150, 100, group=False), grouped(100, 150, group=False), False),
        (grouped(150, 100), grouped(100, 150, group=False), False),
    ],
)
def test_a_group_of_which_each_node_wins_a_part(
    capsys: Capture, a: str, b: str, told: bool
) -> None:
    answered = answer(capsys, a, b)
    assert ("GROUP_ORDER" in codes(answered)) is told
    assert codes(answered).count("GROUP_ORDER") == told


@pytest.mark.usefixtures("directory")
def test_of_three_nodes_each_pair_is_looked_at(capsys: Capture) -> None:
    for name, priority in (("A", 102), ("B", 101), ("C", 100)):
        Path(f"{name}.conf").write_text(weighted(priority, 0, "nopreempt"))
    assert main(["A.conf", "B.conf", "C.conf", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    pairs = [(each["a"]["where"][0], each["b"]["where"][0]) for each in found["elections"]]
    assert pairs == [("A", "B"), ("A", "C"), ("B", "C")]


@pytest.mark.usefixtures("directory")
def test_the_worst_of_three_pairs_counts(capsys: Capture) -> None:
    for name, vrid in (("A", 51), ("B", 51), ("C", 52)):
        text = weighted(100 + "CBA".index(name), 0, "nopreempt")
        Path(f"{name}.conf").write_text(
            text.replace("virtual_router_id 51", f"virtual_router_id {vrid}")
        )
    assert main(["A.conf", "B.conf", "C.conf"]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("virtual_router_id 51 is not 52; the result is two MASTERs") == 2


@pytest.mark.usefixtures("directory")
def test_more_files_than_names(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["A.conf"] * 10)
    assert ended.value.code == 3
    assert "at most 9 files can be compared" in capsys.readouterr().err
