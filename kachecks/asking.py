"""Questions in threads of their own, several at a time: one that hangs holds up no other."""

from __future__ import annotations

import time
from _thread import allocate_lock, start_new_thread

from kachecks.bounded import GivenUp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Question:
    """One question in a thread of its own, which is abandoned if it does not end."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._done = allocate_lock()
        self._done.acquire()
        self._outcome: tuple[bool, Any] = (False, None)
        self.read = False
        start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            self._outcome = (True, self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by who asks
            # How it came about would be kept for as long as the error is, and longer: each frame
            # with all that it has, such as megabytes of an answer that were given up half-way.
            error.__context__ = None
            self._outcome = (False, error.with_traceback(None))
        finally:
            self._done.release()

    def answer(self, seconds: float) -> Any:
        if not self._done.acquire(True, max(seconds, 0.001)):
            raise GivenUp
        self._done.release()
        self.read = True
        succeeded, result = self._outcome
        if succeeded:
            return result
        raise result


class Asking:
    """Questions by name. One that was not answered in time is not asked a second time beside the
    first: its late answer counts as the next one of that name."""

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}
        self._begun: dict[str, float] = {}

    def ask(self, name: str, work: Callable[[], Any]) -> None:
        """Begin ``work``, unless the last answer of this name is still to come, or to be read."""
        last = self._questions.get(name)
        if last is None or last.read:
            self._questions[name] = _Question(work)
        self._begun[name] = time.monotonic()

    def answer(self, name: str, seconds: float) -> Any:
        """What the question of this name has brought, at most ``seconds`` after ``ask``.

        Raises:
            GivenUp: nothing yet.
            Exception: whatever the work has raised.
        """
        left = self._begun[name] + seconds - time.monotonic()
        try:
            return self._questions[name].answer(left)
        except GivenUp:
            if self._questions[name].read:
                raise  # the work's own
            raise GivenUp(f"no answer within {seconds:g} s") from None
