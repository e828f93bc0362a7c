"""Command lines: what all programs share, and the texts of --help."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from kachecks import __version__
from kachecks.config.kinds import Kind, checked, seconds
from kachecks.config.options import DEFAULT_PATH, ConfigError
from kachecks.lean import shown, suppress
from kachecks.report import log, say

HOOK_STATUSES = """\
exit status:
  0  done, or nothing to do
  1  refused, or the server could not be closed; the line printed says why
  2  wrong command line
  3  not root, or the option file, the run directory or keepalived cannot be used"""

UNUSABLE = 3
"""Exit status of every part of ``kachecks``: a file, the peer or the command line is no use."""


_LIMITS = {
    "no more files can be opened: raise the limit (ulimit -n)": ("Too many open files",),
    "there is no memory for it, or no more threads: raise the limits (ulimit -v, ulimit -u)": (
        "MemoryError",
        "can't start new thread",
        "Cannot allocate memory",
        "failed to map segment",
    ),
}
"""What to do, and by which words such errors of Python, the C library and the loader are known."""


def unexpected(error: Exception) -> str:
    """A sentence about an error of the machine, or of ours, that nobody handles."""
    said = f"{type(error).__name__}: {error}"
    for cure, words in _LIMITS.items():
        if any(word in said for word in words):
            return cure
    if isinstance(error, ImportError):
        return f"cannot be loaded: {error}; install kachecks again"
    return f"unexpected {said}"


def parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser with the options every program has."""
    return _with_common_options(_parser(_Parser, program, description, epilog))


def operator_parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser for a part of ``kachecks``, whose exit statuses 1 and 2 are answers."""
    return _with_common_options(bare_operator_parser(program, description, epilog))


def bare_operator_parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """The same without any option, for what needs no option file."""
    return _parser(_OperatorParser, program, description, epilog)


class _Parser(argparse.ArgumentParser):
    """What is wrong is told with what was found on the command line, which may be anything."""

    def error(self, message: str) -> NoReturn:
        # keepalived, whose file may hold it, throws away what its scripts print.
        if self.prog != "check_mysql":  # which runs each second, and tells it once
            log(f"{self.prog}: wrong command line: {message}", problem=True)
        super().error(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        super().exit(status, message and f"{shown(message.rstrip())}\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """A closed pipe or a full disk does not change the exit status."""
        with suppress(AttributeError, OSError, ValueError):
            super()._print_message(message, file)
            (file or sys.stderr).flush()


class WrongCommandLine(SystemExit):
    """It was told on stderr. ``sentence`` says what is wrong, for who reads stdout."""

    def __init__(self, sentence: str) -> None:
        super().__init__(UNUSABLE)
        self.sentence = f"wrong command line: {shown(sentence)}"


class _OperatorParser(_Parser):
    """A wrong command line is UNUSABLE."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self._print_message(f"{self.prog}: {shown(message)}\n", sys.stderr)
        raise WrongCommandLine(message)


def absolute(path: str) -> str:
    """The path from the root on. Raises ConfigError: the current directory has been removed."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: the current directory is gone: give the whole path, or cd to another first"
        ) from None


def asks_for(form: str, arguments: Sequence[str]) -> bool:
    """A command line, which may be wrong, wants its answer in this format."""
    given = f"--format {form}" in " ".join(arguments) or f"--format={form}" in arguments
    return given or (form == "json" and "--json" in arguments)


def unusable(program: str, sentence: str, as_data: bool) -> int:
    """Say why something is no use, as JSON to who has asked for that; UNUSABLE."""
    if as_data:
        say(json.dumps({"error": sentence}, ensure_ascii=False))
    else:
        say(f"{program}: {sentence}", "stderr")
    return UNUSABLE


def _parser(
    kind: type[_Parser], program: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    return kind(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _with_common_options(parsing: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parsing.add_argument(
        "--defaults-file",
        metavar="FILE",
        type=not_empty,
        default=DEFAULT_PATH,
        help=f"the option file (default {DEFAULT_PATH})",
    )
    parsing.add_argument("-v", "--verbose", action="store_true", help="say more; tracebacks too")
    parsing.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parsing


def hook_parser(program: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser for the programs that act."""
    parsing = parser(program, description, f"{HOOK_STATUSES}\n\nexamples:\n{examples}")
    parsing.add_argument(
        "--dry-run",
        action="store_true",
        help="change nothing: print each statement and each act instead",
    )
    return parsing


def not_empty(text: str) -> str:
    """The type of an argument that names something: "" is a variable of a script that nobody has
    set, and must not count as not given."""
    if not text:
        raise argparse.ArgumentTypeError("found nothing, expected a name")
    return text


def of_kind(kind: Kind) -> Callable[[str], Any]:
    """The type of an argument whose values are like those of a key of the option file."""

    def convert(text: str) -> Any:
        try:
            return checked(kind, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def duration(low: float, high: float) -> Callable[[str], float]:
    """The type of an argument that is a time, in the same words as the option file's."""
    return of_kind(seconds(low, high))
