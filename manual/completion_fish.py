"""Completion for fish, from the parsers (complete(1) of fish)."""

from __future__ import annotations

from kachecks.commands.main import PARTS
from manual.parser import Option, options, values
from manual.programs import PROGRAMS, parser_of


def completions() -> dict[str, str]:
    """Text by the name of the program."""
    found = {name: _script(name, _commands(name, of[0], "")) for name, of in PROGRAMS.items()}
    return {**found, "kachecks": _script("kachecks", _parts())}


def _script(name: str, lines: list[str]) -> str:
    return "\n".join(
        ["# Made from its parser at build time.", f"complete -c {name} -f", *lines, ""]
    )


def _parts() -> list[str]:
    first = "complete -c kachecks -n __fish_use_subcommand"
    lines = [f"{first} -s h -l help", f"{first} -l version"]
    lines += [f"{first} -a {part} -d {_quoted(purpose)}" for part, purpose in PARTS.items()]
    for part in PARTS:
        seen = f"__fish_seen_subcommand_from {part}"
        lines += _commands("kachecks", f"commands.{part}.command", seen)
    return lines


def _commands(name: str, module: str, condition: str) -> list[str]:
    return [
        line
        for option in options(parser_of(module))
        for line in _of_option(f"complete -c {name}", option, condition)
    ]


def _of_option(begin: str, option: Option, condition: str) -> list[str]:
    where = f"{begin} -n {_quoted(condition)}" if condition else begin
    if not option.names:
        return [f"{where} {_value(option)}"]
    named = [
        f"-{'l' if each.startswith('--') else 's'} {each.lstrip('-')}" for each in option.names
    ]
    line = f"{where} {' '.join(named)} -d {_quoted(option.help)}"
    if not option.value:
        return [line]
    if not option.optional:
        return [f"{line} -r {_value(option)}"]
    after = f"{condition}; and " if condition else ""
    after += f"__fish_prev_arg_in {' '.join(option.names)}"
    return [line, f"{begin} -n {_quoted(after)} {_value(option)}"]


def _value(option: Option) -> str:
    return "-F" if option.is_file else f"-f -a {_quoted(' '.join(values(option)))}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
