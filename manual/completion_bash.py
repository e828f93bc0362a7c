"""Completion for bash, from the parsers; needs nothing of the package bash-completion."""

from __future__ import annotations

import argparse

from kachecks.commands.main import PARTS
from manual.parser import Option, options, values
from manual.programs import PROGRAMS, parser_of

_HEAD = """\
# bash completion for {name}. Made from its parser at build time.

# The word being completed, and the one before it: bash breaks --option=value into three.
_{name}_at() {{
    current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
}}

_{name}_words() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}}

_{name}_files() {{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
}}

_{name}() {{
    local current previous
    COMPREPLY=()
    _{name}_at
"""

_TAIL = """\
}}

complete -F _{name} {name}
"""


def completions() -> dict[str, str]:
    """Text by the name of the program."""
    found = {name: _script(name, _body(name, parser_of(of[0]))) for name, of in PROGRAMS.items()}
    found["kachecks"] = _script("kachecks", _parts())
    return found


def _script(name: str, body: str) -> str:
    return _HEAD.format(name=name) + body + _TAIL.format(name=name)


def _parts() -> str:
    lines = [
        "    if ((COMP_CWORD == 1)); then",
        f'        _kachecks_words "{" ".join(PARTS)} --help --version"',
        "        return",
        "    fi",
        "    case ${COMP_WORDS[1]} in",
    ]
    for part in PARTS:
        body = _body("kachecks", parser_of(f"commands.{part}.command"))
        lines += [f"    {part})", *(f"    {line}" for line in body.splitlines()), "        ;;"]
    return "\n".join([*lines, "    esac", ""])


def _body(name: str, parsing: argparse.ArgumentParser) -> str:
    """What may stand at a place of this command line."""
    known = options(parsing)
    lines = ["    case $previous in"]
    for option in known:
        if option.names and option.value:
            lines += _after(name, option)
    lines.append("    esac")
    named = " ".join(each for option in known for each in option.names)
    lines += ["    if [[ $current == -* ]]; then", f'        _{name}_words "{named}"', "    else"]
    lines += [f"        {_by_position(name, known)}", "    fi"]
    return "\n".join([*lines, ""])


def _after(name: str, option: Option) -> list[str]:
    """The value of an option. Where it may be left out, another option may follow."""
    value = _value(name, option)
    lines = [f"    {' | '.join(option.names)})"]
    if option.optional:
        lines += ["        if [[ $current != -* ]]; then", f"            {value}"]
        lines += ["            return", "        fi"]
    else:
        lines += [f"        {value}", "        return"]
    return [*lines, "        ;;"]


def _value(name: str, option: Option) -> str:
    if option.is_file:
        return f"_{name}_files"
    known = values(option)
    upper = "current=${current^^} && " if option.value == "RULE" else ""
    return f'{upper}_{name}_words "{" ".join(known)}"' if known else ":"


def _by_position(name: str, known: list[Option]) -> str:
    values = [_value(name, option) for option in known if not option.names]
    named = " ".join(each for option in known for each in option.names if each.startswith("--"))
    return values[0] if values else f'_{name}_words "{named}"'
