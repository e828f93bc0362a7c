"""Many questions at once, and no answer waited for longer than it may take."""

from __future__ import annotations

import time
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from typing import Any

from kachecks.session_error import NoAnswer


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
            self._outcome = (False, error)
        finally:
            self._done.release()

    def answer(self, seconds: float) -> Any:
        if not self._done.acquire(True, max(seconds, 0.001)):
            raise NoAnswer(f"no answer within {seconds:.1f} s")
        self._done.release()
        self.read = True
        succeeded, result = self._outcome
        if succeeded:
            return result
        raise result


class Asking:
    """Questions by name. One that has not been answered in time is not asked again beside itself:
    its answer, when it comes, is the next one of that name."""

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
            NoAnswer: nothing yet.
            Exception: whatever the work has raised.
        """
        left = self._begun[name] + seconds - time.monotonic()
        try:
            return self._questions[name].answer(left)
        except NoAnswer:
            if self._questions[name].read:
                raise  # the work's own
            raise NoAnswer(f"no answer within {seconds:g} s") from None
