"""Whether what a member of Group Replication says of its group can still be the truth.

A member that was cut off or stopped, and is back, goes on saying that all are ONLINE and itself
PRIMARY, for 3 s with expel_timeout 0 and 11 s with 5, while another one is primary already
(measured). Then only another view, or an answer of the group, is proof.
"""

from __future__ import annotations

from kachecks.state.files import TRUSTED_VIEW, Files, path_of
from kachecks.state.marks import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.bounded import Clock

FRESH = 5.0
"""Seconds: nobody is suspected, and so nobody expelled, before that (a constant of the engine)."""

CUT = "cut"


class TrustedView:
    """The note of one member: the view, and when it was last the truth."""

    def __init__(self, run_dir: str, name: str, files: Files, clock: Clock) -> None:
        self._path = path_of(run_dir, name, TRUSTED_VIEW)
        self._files = files
        self._clock = clock

    def trusts(self, view: str) -> bool:
        """It was the truth a moment ago; or, since most members were silent, it has changed."""
        at, _, noted = self._files.read(self._path).partition(" ")
        if at == CUT:
            return noted != view
        try:
            return 0 <= self._clock.now() - number(at) <= FRESH
        except ValueError:
            return False

    def note(self, view: str) -> None:
        """It is the truth now. Raises StateError."""
        self._files.write(self._path, f"{self._clock.now():.3f} {view}")

    def note_cut(self, view: str) -> None:
        """In this view most members are silent. Raises StateError."""
        self._files.write(self._path, f"{CUT} {view}")
