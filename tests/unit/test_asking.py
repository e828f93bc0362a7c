"""Questions in threads: asked at once, not waited for, never asked twice at a time."""

from __future__ import annotations

import threading
import weakref

import pytest

from kachecks.asking import Asking
from kachecks.bounded import GivenUp
from kachecks.mysql.errors import Refused

SOON, LONG = 0.01, 30.0


def test_answer_and_error_come_back() -> None:
    asking = Asking()
    asking.ask("one", lambda: 1)
    asking.ask("other", lambda: (_ for _ in ()).throw(Refused("nobody listens")))
    assert asking.answer("one", LONG) == 1
    with pytest.raises(Refused, match="nobody listens"):
        asking.answer("other", LONG)


def test_an_error_keeps_nothing_of_how_it_came_about() -> None:
    """An answer that was given up half-way takes megabytes: status --watch grew by 4 MiB at each
    look."""

    class HalfAnAnswer:
        """Something that is there as long as somebody holds it."""

    held: list[weakref.ref[HalfAnAnswer]] = []

    def work() -> None:
        half = HalfAnAnswer()
        held.append(weakref.ref(half))
        try:
            raise ValueError("no time is left")
        except ValueError:
            raise Refused("given up") from None

    asking = Asking()
    asking.ask("one", work)
    with pytest.raises(Refused, match="given up") as kept:
        asking.answer("one", LONG)
    assert str(kept.value) == "given up"
    assert held[0]() is None


def test_all_are_asked_at_the_same_time() -> None:
    both = threading.Barrier(2)
    asking = Asking()
    for name in ("one", "other"):
        asking.ask(name, lambda: both.wait(LONG))
    assert {asking.answer(name, LONG) for name in ("one", "other")} == {0, 1}


def test_what_hangs_is_not_asked_again_and_its_answer_is_the_next_one() -> None:
    go, asked = threading.Event(), []

    def work() -> int:
        asked.append(1)
        go.wait(LONG)
        return len(asked)

    asking = Asking()
    for _ in range(3):
        asking.ask("hangs", work)
        with pytest.raises(GivenUp, match=r"no answer within 0\.01 s"):
            asking.answer("hangs", SOON)
    go.set()
    assert asking.answer("hangs", LONG) == 1
    assert len(asked) == 1
    asking.ask("hangs", work)
    assert asking.answer("hangs", LONG) == 2


def test_work_that_gives_up_itself_is_told_as_it_is() -> None:
    asking = Asking()
    asking.ask("mute", lambda: (_ for _ in ()).throw(GivenUp("an inner one")))
    with pytest.raises(GivenUp, match="an inner one"):
        asking.answer("mute", LONG)
