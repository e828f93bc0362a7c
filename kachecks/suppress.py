"""contextlib.suppress for what check_mysql loads every second: contextlib takes 2 ms to import."""

from __future__ import annotations


class suppress:
    """``with suppress(OSError):`` goes on after the block when it raises that."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._kinds)
