"""Which block a line belongs to, what is passed over and what ends keepalived.

Each case was tried with ``keepalived -t`` and ``--dump-conf`` of 2.2.7.
"""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.keepalived.blocks import Parsed, Statement, parse
from kachecks.keepalived.conf_lines import Line
from tests.lab.elections.conf_grammar import WithoutValue, without_values


def parsed(text: str, version: tuple[int, int] | None = None) -> Parsed:
    """Braces stand alone on their lines here; what splits lines is tested elsewhere."""
    rows = text.strip().split("\n")
    return parse((Line(row.strip(), f"f:{n}") for n, row in enumerate(rows, 1)), version)


def tree(statements: tuple[Statement, ...] | None) -> list[Any]:
    """Words, and for a block a pair of words and list."""
    return [
        " ".join(one.words) if one.block is None else (" ".join(one.words), tree(one.block))
        for one in statements or ()
    ]


def taken(text: str, version: tuple[int, int] | None = None) -> list[Any]:
    return tree(parsed(text, version).statements)


V = "vrrp_instance V\n{\n%s\n}"


def test_keywords_values_and_blocks() -> None:
    text = V % "state BACKUP\nauthentication\n{\nauth_type PASS\n}\nunicast_peer\n{\na\nb c\n}"
    expected = [
        "state BACKUP",
        ("authentication", ["auth_type PASS"]),
        ("unicast_peer", ["a", "b c"]),
    ]
    assert taken(text) == [("vrrp_instance V", expected)]
    assert parsed(text).notes == ()
    assert parsed(text).ends == ""


def test_known_words_in_an_unknown_block_count_for_the_block_around_it() -> None:
    text = V % "unkn\n{\npriority 3\n}\npriority 5"
    found = parsed(text)
    assert tree(found.statements) == [("vrrp_instance V", ["priority 3"])]
    assert found.notes == (
        "f:3: keepalived does not know unkn in vrrp_instance V: it goes on without",
        "f:4: this brace opens nothing, and the one that closes it closes vrrp_instance V",
        "f:7: keepalived does not know priority here: it goes on without",
        "f:8: one closing brace too many is passed over",
    )


def test_an_unknown_block_outside_of_all_blocks() -> None:
    found = parsed("foo\n{\nbar\n}\n" + V % "priority 5")
    assert tree(found.statements) == [("vrrp_instance V", ["priority 5"])]
    assert [note.split(" ")[5] for note in found.notes] == ["foo", "bar"]


@pytest.mark.parametrize(
    ("word", "hint"), [("nopremt", "(nopreempt?)"), ("notfy_master", "(notify_master?)")]
)
def test_a_word_that_is_meant_is_named(word: str, hint: str) -> None:
    assert hint in parsed(V % word).notes[0]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ("vrrp_instance V", "defined twice"),
        ("vrrp_instance", "must have one name"),
        ("vrrp_instance V W", "must have one name"),
        ("vrrp_sync_group", "must have one name"),
    ],
)
def test_a_block_that_is_passed_over_ends_at_its_own_brace(second: str, why: str) -> None:
    text = V % "priority 1" + f"\n{second}\n{{\nx\n{{\n}}\npriority 2\n}}\n" + "instance z"
    found = parsed(text)
    assert tree(found.statements) == [("vrrp_instance V", ["priority 1"]), "instance z"]
    assert len(found.notes) == 1
    assert why in found.notes[0]


@pytest.mark.parametrize(
    ("version", "groups"), [((2, 2), [("vrrp_sync_group G", [("group", ["V"])])]), ((2, 3), [])]
)
def test_a_second_group_ends_the_sync_group(version: tuple[int, int], groups: list[Any]) -> None:
    """What follows it is unknown; 2.3.3 forgets the whole sync group."""
    text = "vrrp_sync_group G\n{\ngroup\n{\nV\n}\ngroup\n{\nW\n}\nsmtp_alert\n}"
    assert taken(text, version) == groups
    assert any("does not know smtp_alert here" in note for note in parsed(text, version).notes)


def test_the_first_hook_counts() -> None:
    found = parsed(V % "notify_master a\nnotify_master b\npriority 1\npriority 2")
    expected = ["notify_master a", "priority 1", "priority 2"]
    assert tree(found.statements) == [("vrrp_instance V", expected)]
    assert "notify_master is there twice" in found.notes[0]


def test_the_first_file_that_has_a_name_counts() -> None:
    text = "track_file f\n{\nfile\nfile /a\nfile /b\n}"
    assert taken(text) == [("track_file f", ["file", "file /a"])]


def test_the_end_of_the_file_closes_everything() -> None:
    found = parsed("vrrp_instance V\n{\nvirtual_ipaddress\n{\n10.0.0.1")
    assert tree(found.statements) == [("vrrp_instance V", [("virtual_ipaddress", ["10.0.0.1"])])]
    assert [note.partition(": ")[2] for note in found.notes] == [
        "the block of virtual_ipaddress is not closed",
        "the block of vrrp_instance V is not closed",
    ]


def test_a_block_without_its_opening_brace() -> None:
    found = parsed("vrrp_instance V\npriority 1\n}\n")
    assert tree(found.statements) == [("vrrp_instance V", ["priority 1"])]
    assert "no opening brace after vrrp_instance V" in found.notes[0]


def test_global_defs_without_its_opening_brace() -> None:
    """The first process reads on in it, up to the next closing brace; the VRRP process does not
    know what belongs there."""
    second = "vrrp_instance W\n{\npriority 2\n}"
    found = parsed("global_defs\nrouter_id x\n" + V % "vrrp_strict" + "\n" + second)
    assert tree(found.statements) == [
        ("global_defs", ["router_id x", "vrrp_strict"]),
        ("vrrp_instance V", []),
        ("vrrp_instance W", ["priority 2"]),
    ]
    assert found.notes[0] == "f:2: there is no opening brace after global_defs"
    assert "f:2: keepalived does not know router_id here: it goes on without" in found.notes


def test_a_brace_in_a_block_of_values_is_a_value() -> None:
    text = V % "virtual_ipaddress\n{\n10.0.0.1\n{\n10.0.0.2\n}\npriority 3"
    inner = [("virtual_ipaddress", ["10.0.0.1", "{", "10.0.0.2"]), "priority 3"]
    assert taken(text) == [("vrrp_instance V", inner)]


def test_a_quoted_brace_closes_too() -> None:
    assert taken(V % 'priority 1\n"}"\npriority 2') == [("vrrp_instance V", ["priority 1"])]


def test_the_checkers_have_their_own_braces() -> None:
    """An unknown block in a virtual_server disturbs the process that reads it, not VRRP's."""
    server = "virtual_server 10.0.0.1 80\n{\nunkn\n{\n}\nlb_algo rr\n}\n"
    found = parsed(server + V % "priority 1")
    assert tree(found.statements) == [
        ("virtual_server 10.0.0.1 80", []),
        ("vrrp_instance V", ["priority 1"]),
    ]
    assert any("does not know lb_algo here" in note for note in found.notes)


def test_a_brace_too_few_before_the_instance_starts_no_vrrp() -> None:
    """The first process passes over, brace by brace, what others read, and finds no instance."""
    script = "vrrp_script s\n{\nscript x\n{\n}\n"
    assert "runs without VRRP" in parsed(script + V % "priority 1").ends
    assert parsed(script + "}\n" + V % "priority 1").ends == ""


@pytest.mark.parametrize("case", without_values(), ids=lambda case: f"{case.inside} {case.word}")
def test_a_missing_value_ends_keepalived_where_the_table_says_so(case: WithoutValue) -> None:
    """keepalived itself is asked about the same files in the lab."""
    assert bool(parsed(case.text).ends) == case.keyword.ends
    assert not parsed(case.text.replace(f"\n{case.word}\n", f"\n{case.word} 1\n")).ends


def test_the_first_line_that_ends_keepalived_is_named_and_the_rest_read() -> None:
    found = parsed(V % "priority\nstate\nadvert_int 2")
    assert found.ends == "f:3: priority has no value"
    assert tree(found.statements) == [("vrrp_instance V", ["advert_int 2"])]


@pytest.mark.parametrize(("version", "known"), [((2, 1), False), ((2, 2), True), (None, True)])
def test_keywords_have_come_in_time(version: tuple[int, int] | None, known: bool) -> None:
    text = V % "unicast_fault_no_peer"
    assert (taken(text, version) == [("vrrp_instance V", ["unicast_fault_no_peer"])]) == known
    if not known:
        assert "(only from 2.2 on)" in parsed(text, version).notes[0]


def test_statements_are_found_by_name() -> None:
    (v,) = parsed(
        V % "priority 1\npriority 2\ntrack_file\n{\nx\n}\ntrack_file\n{\ny z\n}"
    ).statements
    last = v.last("priority")
    assert last and (last.value, last.where) == ("2", "f:4")
    assert v.last("state") is None
    assert [entry.words for entry in v.entries("track_file")] == [("x",), ("y", "z")]


def test_a_closing_brace_in_the_opening_one_s_place_closes() -> None:
    """process_stream of lib/parser.c, 2.2.7 and 2.3.4: seen on 2.1.5, too."""
    found = parsed("track_file f\n}\n" + V % "priority 5")
    assert tree(found.statements) == [("track_file f", []), ("vrrp_instance V", ["priority 5"])]
    assert found.notes == ("f:2: there is no opening brace after track_file f",)


def test_global_defs_are_read_by_a_process_that_counts_braces() -> None:
    """It passes vrrp_instance over, and what the stray brace has kept open. 2.1.5 to 2.3.4."""
    text = V % "{\npriority 5" + "\nglobal_defs\n{\nvrrp_version 3\n}"
    assert tree(parsed(text).statements) == [("vrrp_instance V", ["priority 5"])]
    without_value = text.replace("vrrp_version 3", "vrrp_version")
    assert not parsed(without_value).ends
    assert parsed(without_value.replace("{\npriority", "priority", 1)).ends
