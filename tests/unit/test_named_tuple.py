"""Our NamedTuple against the one of typing, which it stands in for."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from kachecks.lean import NamedTuple


class Ours(NamedTuple):
    """Two fields and what else a class has."""

    first: int
    second: str = "two"

    @property
    def both(self) -> str:
        return f"{self.first} {self.second}"


class Typings(typing.NamedTuple):
    """The same."""

    first: int
    second: str = "two"

    @property
    def both(self) -> str:
        return f"{self.first} {self.second}"


@pytest.mark.parametrize(
    "say",
    [
        lambda kind: kind(1),
        lambda kind: kind(1, "b"),
        lambda kind: kind(second="b", first=3),
        lambda kind: kind(1)._replace(second="c"),
        lambda kind: kind(1)._asdict(),
        lambda kind: kind._fields,
        lambda kind: kind(1).both,
        lambda kind: kind(1).second,
        lambda kind: [*kind(1)],
        lambda kind: kind(1) == (1, "two"),
        lambda kind: hash(kind(1)),
        lambda kind: kind(1) < kind(2),
        lambda kind: repr(kind(1))[len(kind.__name__) :],
        lambda kind: pickle.loads(pickle.dumps(kind(1, "x"))),  # noqa: S301 - our own
        lambda kind: kind.__doc__ and hasattr(kind(1), "__dict__"),
    ],
)
def test_alike(say: Any) -> None:
    assert say(Ours) == say(Typings)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda kind: kind(),
        lambda kind: kind(1, "b", 3),
        lambda kind: kind(1, first=2),
        lambda kind: kind(1, third=3),
        lambda kind: kind(1)._replace(third=3),
    ],
)
@pytest.mark.parametrize("kind", [Ours, Typings])
def test_wrong_fields(wrong: Any, kind: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        wrong(kind)


@pytest.mark.parametrize("kind", [Ours, Typings])
def test_frozen(kind: Any) -> None:
    with pytest.raises(AttributeError):
        kind(1).first = 2
    with pytest.raises(AttributeError):
        kind(1).third = 2


def test_a_class_that_adds_no_field() -> None:
    """In Python 3.9 it seems to have the annotations of the one above it."""

    class Named(Ours):
        pass

    assert Named(1) == Ours(1)
    assert Named(1).second == Ours(1).second
