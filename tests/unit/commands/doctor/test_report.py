"""What `kachecks doctor` prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kachecks.commands import main
from kachecks.commands.doctor import command as doctor
from kachecks.commands.doctor.report import as_json, as_text
from kachecks.commands.doctor.rule import FAILURE, HERE, PEER, WARNING, Finding, Rule
from kachecks.commands.doctor.server.facts import PairFacts
from kachecks.commands.doctor.tables import ALL_RULES, RULES
from kachecks.node import Node
from tests.unit.doubles.doctor_world import snippet

BAD = Rule("BAD", FAILURE, "it is good", "bad is not good " * 8, "make it good")
POOR = Rule("POOR", WARNING, "it is rich", "poor is not rich", "make it rich")
FOUND = [
    Finding(POOR, HERE, "", "", "", False)._replace(sentence="nobody would say"),
    Finding(POOR, PEER, "it is poor", "", "give to the poor", True),
    Finding(BAD, HERE, "it is bad", "/etc/x.conf:7", "mend x.conf", True),
]


def test_the_worst_comes_first_and_what_was_not_checked_last() -> None:
    lines = as_text(FOUND, [BAD, POOR], ["option_file: x"]).splitlines()
    heads = [line for line in lines if line and not line.startswith(" ")]
    assert heads == [
        "option_file: x",
        "FAILURE BAD",
        "WARNING POOR (the peer)",
        "not checked: POOR",
        "1 failure, 1 warning, of 2 rules. --explain RULE tells about one.",
    ]
    assert max(map(len, lines)) <= 80


def test_findings_of_one_rule_say_once_why_and_each_cure_once() -> None:
    more = [FOUND[2]._replace(sentence=f"it is bad {n}") for n in range(3)]
    text = as_text([*more, FOUND[2]._replace(cure="or burn it")], [BAD], [])
    assert text.count("FAILURE BAD") == text.count("why:") == text.count("mend x.conf") == 1
    assert text.count("it is bad") == 4
    assert "cure: or burn it" in text


def test_counts_are_counts_of_rules() -> None:
    thrice = [FOUND[2]._replace(sentence=f"it is bad {n}") for n in range(3)]
    skipped = [Finding(Rule(f"R{n}", FAILURE, "", "", ""), HERE, "", "", "", False) for n in (1, 2)]
    text = as_text([*FOUND, *thrice, *skipped, *skipped], [BAD, POOR], [])
    assert "1 failure, 1 warning, 2 rules not checked, of 2 rules." in text


def test_without_an_option_file_keepalived_conf_is_read_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [f"--defaults-file={tmp_path}/none", f"--keepalived-conf={tmp_path}/neither"]
    assert doctor.main(asked) == 3
    said = capsys.readouterr().out
    assert "FAILURE KEEPALIVED_CONF" in said
    assert "kachecks setup writes one" in " ".join(said.split())
    assert f"{len(RULES) - 2} rules not checked" in said


def test_no_file_name_writes_a_line_of_its_own() -> None:
    name = "/etc/x\x1b[2J\nFAILURE FORGED"
    lines = as_text([FOUND[2]._replace(where=name)], [BAD], [f"option_file: {name}"]).splitlines()
    assert "    /etc/x?[2J FAILURE FORGED" in lines
    assert lines[0] == "option_file: /etc/x?[2J FAILURE FORGED"


def test_what_one_thing_stood_in_the_way_of_is_one_paragraph() -> None:
    other = FOUND[0]._replace(rule=BAD)
    assert "not checked: POOR, BAD\n    nobody would say\n" in as_text(
        [FOUND[0], other], [BAD, POOR], []
    )


def test_a_finding_says_where_what_why_and_the_cure() -> None:
    lines = as_text(FOUND[2:], [BAD], []).splitlines()
    assert lines[:3] == ["FAILURE BAD", "    /etc/x.conf:7", "    it is bad"]
    assert lines[3].startswith("    why:  bad is not good")
    assert "    cure: mend x.conf" in lines


def test_what_was_not_checked_counts_as_a_warning_whatever_the_rule() -> None:
    assert Finding(BAD, HERE, "away", "", "", False).level == WARNING
    assert Finding(BAD, HERE, "bad", "", "", True).level == FAILURE


def test_nothing_found_is_said() -> None:
    assert as_text([], [BAD, POOR], []) == "All is as it should be: 2 rules."


def test_json_has_the_same() -> None:
    found = as_json(FOUND, 2, {"option_file": "x"})
    assert found["status"] == 2
    assert found["option_file"] == "x"
    assert [(one["rule"], one["level"], one["checked"]) for one in found["findings"]] == [
        ("BAD", "failure", True),
        ("POOR", "warning", True),
        ("POOR", "warning", False),
    ]
    assert found["findings"][0]["cure"] == "mend x.conf"
    assert json.loads(json.dumps(found)) == found


# The command


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    try:
        status = main.main(["doctor", *arguments])
    except SystemExit as error:
        status = int(error.code or 0)
    return status, "".join(capsys.readouterr())


def test_explain_one_rule(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "--explain", "check_fences")
    assert status == 0
    assert text.startswith("CHECK_FENCES (failure)\n")
    assert "why:" in text and "cure:" in text


def test_explain_all_rules(capsys: pytest.CaptureFixture[str]) -> None:
    names = [rule.name for rule in ALL_RULES]
    status, text = said(capsys, "--explain")
    assert status == 0
    assert [line.split()[0] for line in text.splitlines() if not line.startswith(" ")] == names
    status, text = said(capsys, "--explain", "--json")
    assert status == 0
    assert [rule["name"] for rule in json.loads(text)] == names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--explain", "CHECK_FENCE"), "did you mean CHECK_FENCES?"),
        (("--explain", "MEMBER_ASKD"), "did you mean MEMBER_ASKED?"),
        (("--no-such-option",), "usage"),
        (("--defaults-file=/no/such/file",), "/no/such/file"),
    ],
)
def test_what_cannot_be_used(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    status, text = said(capsys, *arguments)
    assert status == 3
    assert words in text


def _nobody(node: Node) -> PairFacts:
    return PairFacts(node.config, None, "", "", None, "", False, {}, "")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The snippets, on a host that has nothing of what they name; no server is asked."""
    monkeypatch.setattr(doctor, "ask_servers", _nobody)
    monkeypatch.setattr(doctor, "of_servers", lambda _servers: [])
    options = tmp_path / "kachecks.cnf"
    run_dir = f"run_dir = {tmp_path}/none\n[client]"
    text = snippet("kachecks.cnf").replace("[client]", run_dir, 1)
    options.write_text(text.replace("\nwitness", "\n# witness"))  # nothing to wait for
    options.chmod(0o600)
    conf = tmp_path / "keepalived.conf"
    conf.write_text(snippet("keepalived.conf.node1").replace("/opt/kachecks", str(tmp_path / "o")))
    return [f"--defaults-file={options}", f"--keepalived-conf={conf}"]


def findings(text: str) -> dict[str, Any]:
    return {one["rule"]: one for one in json.loads(text)["findings"]}


def test_a_program_that_is_not_there_is_a_failure_and_the_check_is_not_run(
    capsys: pytest.CaptureFixture[str], node: list[str]
) -> None:
    status, text = said(capsys, *node, "--json")
    assert status == 2
    assert findings(text)["SCRIPT_FOUND"]["level"] == "failure"
    assert findings(text)["CHECK_RUNS"]["checked"] is False


def test_no_password_is_told(capsys: pytest.CaptureFixture[str], node: list[str]) -> None:
    for form in (["--json"], ["-v"]):
        assert "secret" not in said(capsys, *node, *form)[1]


def test_a_keepalived_conf_that_is_not_there_is_a_failure_and_the_rest_is_looked_at(
    capsys: pytest.CaptureFixture[str], node: list[str]
) -> None:
    status, text = said(capsys, node[0], "--keepalived-conf=/no/such.conf", "--json")
    assert status == 2
    assert "/no/such.conf" in findings(text)["KEEPALIVED_CONF"]["sentence"]
    assert "RUN_DIR" in findings(text)


def test_a_peer_config_that_is_not_there_cannot_be_used(
    capsys: pytest.CaptureFixture[str], node: list[str]
) -> None:
    status, text = said(capsys, *node, "--peer-config=/no/such.conf")
    assert status == 3
    assert "/no/such.conf" in text
    status, text = said(capsys, *node, "--peer-config=/no/such.conf", "--json")
    assert status == 3
    assert "/no/such.conf" in json.loads(text)["error"]


def test_every_epilog_status_is_named() -> None:
    for status in ("  0  ", "  1  ", "  2  ", "  3  "):
        assert status in doctor.parser().format_help()
