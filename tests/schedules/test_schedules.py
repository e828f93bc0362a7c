"""Ten thousand schedules without a violation; and each planted bug is found among them."""

import pytest

from tests.schedules.kinds import KINDS, OFF, kind_of
from tests.schedules.planted import BUGS, planted
from tests.schedules.play import play

COUNT = 10_000
CHUNK = 500


@pytest.mark.parametrize("first", range(0, COUNT, CHUNK))
def test_nothing_goes_wrong(first: int) -> None:
    for seed in range(first, first + CHUNK):
        violation = play(seed).violation
        assert not violation, f"python -m tests.schedules --seed {seed}: {violation}"


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_found(bug: str) -> None:
    """By a schedule in which nothing goes wrong without it; a planted bug that breaks is none."""
    for seed in range(COUNT):
        with planted(bug):
            violation = play(seed).violation
        assert "Error: " not in violation
        if violation and not play(seed).violation:
            return
    pytest.fail(f"{COUNT} schedules have not found: {BUGS[bug][0]}")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OFF])
def test_kind_is_drawn(kind: str) -> None:
    """Some of the schedules above are of this kind."""
    assert any(kind_of(seed)[0] is KINDS[kind] for seed in range(COUNT))


def test_one_number_gives_one_schedule() -> None:
    """The log says every step, so equal logs mean equal runs."""
    first, second = play(12, telling=True), play(12, telling=True)
    assert first.log == second.log
    assert len(first.log) > 20
    assert play(13, telling=True).log != first.log
