"""Calls that may hang, and must not hold us: each in a thread, given up when its time is over.

An abandoned thread ends with the process. That needs C code that releases the GIL while it waits,
as the MySQL drivers, sockets and syslog do; a signal handler would not interrupt them.
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread

from kachecks.session_error import NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


def within(seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
    """What ``work`` returns or raises, or NoAnswer after ``seconds``; it is then abandoned."""
    outcome: list[tuple[bool, Any]] = []
    done = allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            outcome.append((True, work(*arguments)))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            outcome.append((False, error))
        finally:
            done.release()

    start_new_thread(run, ())
    if not done.acquire(True, max(seconds, 0.001)):
        raise NoAnswer(f"no answer within {seconds:g} s")
    succeeded, result = outcome[0]
    if succeeded:
        return result
    raise result
