"""What mysql.session.Session.execute_each does, for the sessions that are not real ones."""

from __future__ import annotations

from typing import Callable

from kachecks.mysql.session import BrokenAnswer, ServerError


def execute_until(
    execute: Callable[[str], None],
    statements: list[str],
    out_of_time: Callable[[], bool],
) -> list[ServerError | None]:
    """Execute one after the other, the first in any case: what each was refused with, or None."""
    found: list[ServerError | None] = []
    for sql in statements:
        if found and out_of_time():
            break
        try:
            execute(sql)
        except BrokenAnswer:
            raise
        except ServerError as error:
            found.append(error)
        else:
            found.append(None)
    return found
