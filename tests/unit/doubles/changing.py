"""What a simulated world is made of: it can be told to be otherwise, now or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Act = Callable[[], object]
Something = TypeVar("Something", bound="Changing")


class Changing:
    """Something whose attributes tests set; ``b__access`` is the access of its ``b``."""

    def but(self: Something, **values: Any) -> Something:
        """The same, with these values."""
        for name, value in values.items():
            *way, last = name.split("__")
            one: Any = self
            for step in way:
                one = getattr(one, step)
            assert hasattr(one, last), f"{type(one).__name__} has no {last}"
            setattr(one, last, value)
        return self

    def becomes(self, **values: Any) -> Act:
        """It will be so when the time has come: see World.when."""
        return lambda: self.but(**values)


def failing(error: BaseException) -> Callable[..., Any]:
    """Stands for a function that fails, whatever it is asked."""

    def fails(*_: object, **__: object) -> None:
        raise error

    return fails
