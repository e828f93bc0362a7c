"""Completion for zsh, from the parsers: functions for _arguments (zshcompsys(1))."""

from __future__ import annotations

from kachecks.commands.main import PARTS
from manual.parser import Option, options, values
from manual.programs import PROGRAMS, parser_of


def completions() -> dict[str, str]:
    """Text by the name of the program."""
    found = {name: _script(name, _arguments(of[0])) for name, of in PROGRAMS.items()}
    return {**found, "kachecks": _script("kachecks", _parts())}


def _script(name: str, body: list[str]) -> str:
    lines = [f"#compdef {name}", "# Made from its parser at build time.", "", f"_{name}() {{"]
    lines += [f"    {line}" for line in body]
    return "\n".join([*lines, "}", "", f'_{name} "$@"', ""])


def _parts() -> list[str]:
    described = [_quoted(f"{name}:{purpose}") for name, purpose in PARTS.items()]
    lines = ["if (( CURRENT == 2 )); then", f"    local -a parts=({' '.join(described)})"]
    lines += [
        "    _describe part parts",
        "    _arguments '--help[say more]' '--version'",
        "    return",
    ]
    lines += ["fi", "local part=$words[2]", "shift words", "(( CURRENT-- ))", "case $part in"]
    for part in PARTS:
        body = _arguments(f"commands.{part}.command")
        lines += [f"({part})", *(f"    {line}" for line in body), "    ;;"]
    return [*lines, "esac"]


def _arguments(module: str) -> list[str]:
    specs = [spec for option in options(parser_of(module)) for spec in _specs(option)]
    return ["_arguments -S \\", *(f"    {_quoted(spec)} \\" for spec in specs), "    && return"]


def _specs(option: Option) -> list[str]:
    """One for each of its names, which exclude each other."""
    value = _value(option)
    if not option.names:
        return [f"{'*' if option.repeats else ''}{value}"]
    others = "" if option.repeats else f"({' '.join(option.names)})"
    many = "*" if option.repeats else ""
    told = _escaped(option.help)
    return [
        f"{others}{many}{name}{'=' if value and name.startswith('--') else ''}[{told}]{value}"
        for name in option.names
    ]


def _value(option: Option) -> str:
    if not option.value:
        return ""
    action = "_files" if option.is_file else f"({' '.join(values(option))})"
    return f"{':' * (1 + option.optional)}{_escaped(option.value)}:{action}"


def _escaped(text: str) -> str:
    for each in "\\[]:":
        text = text.replace(each, f"\\{each}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
