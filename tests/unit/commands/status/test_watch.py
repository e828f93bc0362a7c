"""--watch: when it looks, when it draws, how it ends; and what the terminal gets to see."""

from __future__ import annotations

import io
import os
import signal
from types import SimpleNamespace

import pytest

from kachecks.commands.status import terminal as status_terminal
from kachecks.commands.status import watch as status_watch
from kachecks.commands.status.terminal import Screen, Window, painter, showable, window
from kachecks.commands.status.watch import watch

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
SOON, LATER = 0.0, 3600.0


class Terminal(io.StringIO):
    """What a terminal would get."""

    gone = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        return super().write(text)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "ascii"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    for module in (status_terminal, status_watch):  # pytest puts its own sys.stdout there again
        monkeypatch.setattr(module, "sys", SimpleNamespace(stdout=made))
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    return made


class Watched:
    """Looks and draws; ``acts`` happen while it draws, one each time."""

    def __init__(self, *acts: object) -> None:
        self.looks = 0
        self.drawn: list[int] = []
        self.acts = list(acts)

    def look(self) -> int:
        self.looks += 1
        return self.looks

    def draw(self, seen: int, _window: Window, _paint: object) -> list[str]:
        self.drawn.append(seen)
        act = self.acts.pop(0)
        if isinstance(act, signal.Signals):
            os.kill(os.getpid(), act)
        return [f"frame {seen}"]


def kept() -> list[object]:
    return [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGWINCH)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signal_ends_it_and_gives_the_terminal_back(
    terminal: Terminal, number: signal.Signals
) -> None:
    before, watched = kept(), Watched(number)
    watch(watched.look, watched.draw, LATER)
    assert terminal.getvalue().startswith(ENTER)
    assert terminal.getvalue().endswith(LEAVE)
    assert (watched.looks, kept()) == (1, before)


def test_it_looks_again_and_again(terminal: Terminal) -> None:
    watched = Watched("", "", signal.SIGTERM)
    watch(watched.look, watched.draw, SOON)
    assert watched.drawn == [1, 2, 3]
    assert "frame 3" in terminal.getvalue()


@pytest.mark.usefixtures("terminal")
def test_window_of_another_size_is_drawn_at_once_from_what_was_seen() -> None:
    watched = Watched(signal.SIGWINCH, signal.SIGWINCH, signal.SIGTERM)
    watch(watched.look, watched.draw, LATER)
    assert watched.drawn == [1, 1, 1]


def test_error_of_a_look_gives_the_terminal_back(terminal: Terminal) -> None:
    def fail() -> int:
        raise OSError("no /proc")

    with pytest.raises(OSError, match="no /proc"):
        watch(fail, Watched().draw, SOON)
    assert terminal.getvalue().endswith(LEAVE)


def test_it_ends_when_nobody_reads_it_any_more(terminal: Terminal) -> None:
    watched = Watched("", "")

    def look() -> int:
        terminal.gone = watched.looks > 0
        return watched.look()

    watch(look, watched.draw, SOON)
    assert watched.looks == 2


def test_nothing_is_cleared_before_a_frame_is_drawn(terminal: Terminal) -> None:
    """That would flicker: each line wipes what is left of the one it replaces."""
    with Screen(on_terminal=True) as screen:
        screen.draw(["one", "two"], 24)
    assert terminal.getvalue() == f"{ENTER}\x1b[Hone\x1b[K\ntwo\x1b[K\x1b[J{LEAVE}"


def test_what_does_not_fit_is_counted(terminal: Terminal) -> None:
    Screen(on_terminal=True).draw([f"line {number}" for number in range(9)], 3)
    shown = terminal.getvalue()
    assert "line 1" in shown
    assert "line 2" not in shown
    assert "... 7 more lines: the window is too small" in shown


def test_on_a_pipe_frames_follow_each_other(terminal: Terminal) -> None:
    with Screen(on_terminal=False) as screen:
        screen.draw(["one"], 1)
        screen.draw(["two"], 1)
    assert terminal.getvalue() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),  # no-color.org: "and not an empty string"
        ({"TERM": "xterm", "NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": ""}, False),
        ({}, False),
    ],
)
def test_colours(terminal: Terminal, environment: dict[str, str], coloured: bool) -> None:
    assert (painter(terminal, environment)("OK", "good") != "OK") is coloured
    assert painter(io.StringIO(), environment)("OK", "good") == "OK"


@pytest.mark.usefixtures("terminal")
def test_a_poor_encoding_shows_what_it_can() -> None:
    assert showable("disk f\xfcr mysql") == "disk f?r mysql"


def test_without_a_terminal_there_are_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_terminal(_descriptor: int) -> os.terminal_size:
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", no_terminal)
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    assert window() == Window(80, None)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "50")
    assert window(beside=1) == Window(200, 49)
    monkeypatch.setenv("COLUMNS", "99999999999")  # padded with blanks it would be a MemoryError
    assert window().width == status_terminal.WIDEST
    assert status_terminal.paint("x", "plain") == "x"
