"""Readers that make of a file what a reader who knows only its manual would: each with one mistake.

What the differential test is worth shows where one of them is put in the right one's place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kachecks.keepalived import (
    blocks,
    conf,
    conf_lines,
    instance,
    instance_lines,
    outline,
    tracker,
    values,
)
from tests.lab.elections import comparison

Plant = Callable[[pytest.MonkeyPatch], None]


def tracker_defined_anywhere(patch: pytest.MonkeyPatch) -> None:
    def before(self: Any, _block: Any, keywords: Any, name: str) -> Any:
        return (each for keyword in keywords for each in self._called.get((keyword, name), ()))

    patch.setattr(outline.Outline, "before", before)


def unknown_block_passed_over(patch: pytest.MonkeyPatch) -> None:
    original = blocks._Parser._do_not_know

    def do_not_know(self: Any, block: Any, word: str, where: str, inside: str) -> None:
        original(self, block, word, where, inside)
        if word != "}":
            self._skipping = blocks._AWAITED

    patch.setattr(blocks._Parser, "_do_not_know", do_not_know)


def without_vrid(patch: pytest.MonkeyPatch) -> None:
    _runs_on(patch, "virtual_router_id")


def _runs_on(patch: pytest.MonkeyPatch, why: str) -> None:
    original = instance._Reading._ends

    def ends(self: Any) -> str:
        said = original(self)
        return "" if why in said else said

    patch.setattr(instance._Reading, "_ends", ends)


def vrid_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(instance, "same_vrid", lambda *_: "")


def vrid_of_unicast_and_multicast(patch: pytest.MonkeyPatch) -> None:
    def same_vrid(found: Any, *_: object) -> str:
        keys = [(each.family, each.vrid, each.interface) for each in found]
        return "twice" if len(set(keys)) < len(keys) else ""

    patch.setattr(instance, "same_vrid", same_vrid)


def parameter_missing(patch: pytest.MonkeyPatch) -> None:
    def parse(*arguments: Any) -> blocks.Parsed:
        parsed = blocks.parse(*arguments)
        return parsed._replace(ends="" if "has no value" in parsed.ends else parsed.ends)

    patch.setattr(conf, "parse", parse)


def any_text_an_address(patch: pytest.MonkeyPatch) -> None:
    original = values._canonical
    patch.setattr(values, "_canonical", lambda text: original(text) or text)


def no_break_space(patch: pytest.MonkeyPatch) -> None:
    for module in (conf_lines, blocks):
        patch.setattr(module, "words_of", str.split)


def defined_twice(patch: pytest.MonkeyPatch) -> None:
    original = blocks._Parser._why_passed_over

    def why(self: Any, keyword: Any, words: Any, into: Any) -> str:
        return original(self, keyword._replace(named=False), words, into)

    patch.setattr(blocks._Parser, "_why_passed_over", why)


def master_with_nopreempt(patch: pytest.MonkeyPatch) -> None:
    def preemption(self: Any, _state: str) -> tuple[bool, float]:
        return self.written.nopreempt, self.written.preempt_delay / 1_000_000

    patch.setattr(instance._Reading, "_preemption", preemption)


def master_with_ah(patch: pytest.MonkeyPatch) -> None:
    original = instance._Reading._auth
    patch.setattr(instance._Reading, "_auth", lambda self: (original(self)[0], self.state))


def unicast_without_interface(patch: pytest.MonkeyPatch) -> None:
    _runs_on(patch, "has no interface")


def security_without_user(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(comparison, "file_findings", lambda _: [])


def last_counts(patch: pytest.MonkeyPatch) -> None:
    def state(self: Any, line: blocks.Statement) -> None:
        self.state = "MASTER" if line.value == "MASTER" else "BACKUP"

    patch.setitem(instance_lines._TAKING, "state", state)  # type: ignore[arg-type]


def weights_without_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tracker, "within", lambda text, *_: values.number(text).value)


def address_twice(patch: pytest.MonkeyPatch) -> None:
    def one_more(self: Any, _line: object, vip: str) -> None:
        self.vips += [vip] if vip not in self.vips else []

    patch.setattr(instance_lines.Written, "_one_more", one_more)


def unweighted_tracker_kept_in_2_1(patch: pytest.MonkeyPatch) -> None:
    original = tracker._own

    def own(outline: Any, block: Any, placed: Any, notes: Any) -> Any:
        return original(outline, block, placed._replace(is_2_1=False), notes)

    patch.setattr(tracker, "_own", own)


def closing_brace_in_the_opening_one_s_place(patch: pytest.MonkeyPatch) -> None:
    """The mistake of kachecks itself, found by the differential test."""
    original = blocks._Parser.keywords

    def keywords(self: Any, block: Any, into: Any, inside: str = "", opens: bool = False) -> str:
        first = next(self._lines, None)
        if opens and first and first[0][0] == "}":
            self._do_not_know(block, "}", first[1], inside)
            opens = False
        elif first:
            rest = self._lines
            self._lines = iter([first, *rest])
        return original(self, block, into, inside, opens)

    patch.setattr(blocks._Parser, "keywords", keywords)


OLD: dict[str, Plant] = {
    "01 a tracker defined behind the instance": tracker_defined_anywhere,
    "03 the brace of an unknown block": unknown_block_passed_over,
    "04 no virtual_router_id": without_vrid,
    "05 one virtual_router_id twice": vrid_twice,
    "06 one for unicast and one for multicast": vrid_of_unicast_and_multicast,
    "07 a parameter that is missing": parameter_missing,
    "09 addresses that are none": any_text_an_address,
    "10 a no-break space": no_break_space,
    "11 an instance defined twice": defined_twice,
    "14 state MASTER and nopreempt": master_with_nopreempt,
    "15 state MASTER and AH": master_with_ah,
    "16 unicast without an interface": unicast_without_interface,
    "19 script security without a user": security_without_user,
    "20 the first counts, not the last": last_counts,
    "21 weights out of range": weights_without_limit,
    "23 a virtual address twice": address_twice,
    "a block that closes where it should open": closing_brace_in_the_opening_one_s_place,
}
"""By the numbers of the classes in the cases that keepalived was first held against. The others
are no matter of one file's values: 13 and 27 are elections, the rest rules of doctor and elect."""
