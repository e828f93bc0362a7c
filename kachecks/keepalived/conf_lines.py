"""The lines of a keepalived.conf as keepalived's parser sees them.

Comments are removed, conditions decided, definitions substituted, included files read in place. The
rules are those of keepalived.conf(5) (ADVANCED CONFIGURATION). Where the page is silent or wrong,
they are those of keepalived 2.2.7 itself, as tried with ``keepalived -t`` and ``--dump-conf``:

- ``!`` and ``#`` begin a comment anywhere outside double quotes, in the middle of a word too;
- ``include`` works with a definition in its file name (the page says no); behind a condition, a
  brace or a definition the VRRP process reads the file twice: the first process has copied it into
  what the second one reads, and has left the line;
- ``$NAME`` counts only before a blank, ``,``, ``)`` or the end of the line, ``${NAME}`` anywhere;
- a comment sign escaped with ``\\``, or inserted by ``${_HASH}``, still begins a comment;
- double quotes around the name of an included file are taken as part of the name;
- a multiline definition ends at the first line without ``\\``, an empty or comment line included.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from kachecks.keepalived.included import INCLUDES, TooMany, demanded, included, refusal

_DEEPEST = 20  # files that include each other; keepalived itself would go on until it has no files
_MOST_FILES = 1000
_LARGEST = 1 << 18  # bytes of a file
_LONGEST = 1024  # bytes of a line with its end (MAXBUF, lib/parser.h of 2.2.7 and 2.3.3)
_MOST_SUBSTITUTIONS = 1000  # in one line: $X=$X has no end
_MOST_PIECES = 5000  # that come out of one line, between braces and by multiline definitions
_BLANK = " \t\v\f\r"

_CONDITION = re.compile(r"@(\^?)([^ \t]*)[ \t]+(.*)")
_DEFINITION = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)=[ \t]*(.*)")
_USE = re.compile(r"\$(?:\{([A-Za-z_]\w*)([ \d]*)\}|([A-Za-z_]\w*)(?=[ \t,)]|$))", re.ASCII)


class ConfError(Exception):
    """The file cannot be read the way keepalived reads it; one sentence with file and line."""


class Line(NamedTuple):
    """A statement, ready to be split into words, or a brace."""

    text: str
    where: str  # FILE:LINE


class Lines:
    """Reads one configuration, and notes what it met on the way."""

    def __init__(self, config_id: str, copied: bool = True) -> None:
        """``copied``: the VRRP process reads what the first one has made of the files (from 2.2
        on), and not the files themselves."""
        self.config_id = config_id
        self._copied = copied
        #: Ids named by conditional lines, such as ``@main``.
        self.ids: set[str] = set()
        #: Sentences on what keepalived ignores in silence, or with only a line in its log.
        self.notes: list[str] = []
        #: The first include for which keepalived ends, and why; "" there is none.
        self.ends = ""
        self._demands = ""  # what include_check makes all includes demand
        self._definitions: dict[str, tuple[str, ...]] = {"_HASH": ("#",), "_BANG": ("!",)}
        self._defining = ""  # the multiline definition that goes on in the next line
        self._files = 0

    def read(self, path: str) -> Iterator[Line]:
        """The lines of the file at ``path``.

        Raises:
            ConfError: there is no such file, keepalived refuses to open it, or it or this reader
                cannot make sense of a line.
        """
        why = refusal(path)
        if why:
            raise ConfError(f"{path}: {why}")
        yield from self._file(path, 0, self._copied)

    def _file(self, path: str, depth: int, copied: bool) -> Iterator[Line]:
        """The lines of one file. ``copied``: it is not the file itself that is read."""
        self._files += 1
        if self._files > _MOST_FILES:
            raise ConfError(f"{path}: more than {_MOST_FILES} files are included")
        for number, row in enumerate(_rows(path), 1):
            where = f"{path}:{number}"
            if len(row.encode("utf-8", "surrogateescape")) >= _LONGEST:
                raise ConfError(
                    f"{where}: a line of {_LONGEST} bytes or more, which keepalived cuts in pieces"
                )
            if "\0" in row:
                raise ConfError(f"{where}: a NUL is in this line, where keepalived's line ends")
            text = _without_comment(row.rstrip("\r"), where)
            if self._defining:
                self._extend(text, where)
            else:
                yield from self._handle(text, where, path, depth, copied)
        self._defining = ""

    def _handle(self, line: str, where: str, path: str, depth: int, copied: bool) -> Iterator[Line]:
        """The lines that result from one line of the file."""
        waiting = [line]
        for _ in range(_MOST_PIECES):
            if not waiting:
                return
            text, following = self._resolved(waiting.pop(), where, path)
            waiting += reversed(following)
            # keepalived's VRRP process reads a copy of what the first process has made of the
            # file, so an escaped \# and ${_HASH} begin a comment after all.
            text = _without_comment(text, where)
            words = words_of(text)
            if len(words) == 2 and words[0] in INCLUDES:
                if copied and not _begins_with_include(line):
                    self.notes.append(
                        f"{where}: keepalived reads {words[1]} twice, and may crash on a comment"
                        " in it, as its include does not begin the line"
                    )
                    yield from self._included(words, where, path, depth, copied=False)
                yield from self._included(words, where, path, depth, copied)
            elif text:
                self._check(words, where)
                piece, rest = _first_piece(text)
                yield Line(piece, where)
                # What follows a brace is a line of its own: it may be conditional, or an include.
                waiting.append(rest)
        raise ConfError(f"{where}: the definitions in this line have no end")

    def _resolved(self, text: str, where: str, path: str) -> tuple[str, tuple[str, ...]]:
        """The line with its conditions decided and definitions put in, and the lines that follow
        from a multiline one."""
        substituted = conditioned = False
        following: tuple[str, ...] = ()
        while text:
            if text.startswith("@") and (substituted or not conditioned):
                conditioned = True  # a second @id is a word like others
                text = self._chosen(text)
                if text and substituted:
                    raise ConfError(
                        f"{where}: a condition (@) that comes out of a definition makes keepalived"
                        " garble the line or crash: write the condition before the definition's use"
                    )
                continue
            defined = _DEFINITION.fullmatch(text)
            if defined:
                self._define(defined[1], defined[2])
                return "", following
            if text.startswith(("~SEQ", "~LST")):
                raise ConfError(
                    f"{where}: {text[:4]} blocks are not read here: write their lines out"
                )
            if "${_ENV " in text:
                raise ConfError(
                    f"{where}: ${{_ENV}} stands for what is in keepalived's environment (2.4),"
                    " which is not known here: write it out"
                )
            changed, rest = self._substitute(text, where, path)
            following = rest + following
            if changed == text:
                break
            text, substituted = changed, True
        return text, following

    def _chosen(self, text: str) -> str:
        """What follows the condition, "" where it does not hold."""
        condition = _CONDITION.fullmatch(text)
        if not condition:
            return ""
        negated, wanted, rest = condition.groups()
        self.ids.add(wanted)
        return rest if (wanted == self.config_id) != bool(negated) else ""

    def _define(self, name: str, value: str) -> None:
        if not value.endswith("\\"):
            self._definitions[name] = (value,)
            return
        first = value[:-1].rstrip(_BLANK)
        self._definitions[name] = (first,) if first else ()
        self._defining = name

    def _extend(self, text: str, where: str) -> None:
        """One more line of a multiline definition; without ``\\`` it is the last."""
        if _begins_with_include(text):
            raise ConfError(
                f"{where}: keepalived loses an include in a definition of several lines, and the"
                " rest of the definition: write it outside"
            )
        more = text.endswith("\\")
        text = text[:-1].rstrip(_BLANK) if more else text
        if text:
            self._definitions[self._defining] += (text,)
        if not more:
            self._defining = ""

    def _substitute(self, text: str, where: str, path: str) -> tuple[str, tuple[str, ...]]:
        """The line with definitions put in, and the lines that follow from a multiline one."""
        following: tuple[str, ...] = ()
        position = text.find("$")
        for _ in range(_MOST_SUBSTITUTIONS):
            if position < 0:
                return text, following
            use = _USE.match(text, position)
            value = self._value(use, where, path) if use else None
            if use and value is not None and (len(value) < 2 or use.end() == len(text)):
                following = value[1:] + following
                text = text[:position] + (value[0] if value else "") + text[use.end() :]
                if len(text) >= _LONGEST:
                    raise ConfError(
                        f"{where}: its definitions make the line longer than keepalived bears"
                    )
            else:
                position += 1
            position = text.find("$", position)
        raise ConfError(f"{where}: the definitions in this line refer to each other without end")

    def _value(self, use: re.Match[str], where: str, path: str) -> tuple[str, ...] | None:
        """The definition's lines, None where there is no such definition."""
        name = use[1] or use[3]
        if name in self._definitions:
            return self._definitions[name]
        if name == "_PWD":
            return (os.path.dirname(os.path.abspath(path)),)
        if name == "_INSTANCE":
            return (self.config_id,)
        if name == "_RANDOM":
            raise ConfError(
                f"{where}: ${{_RANDOM}} is another number at each start: write a number"
            )
        return None

    def _check(self, words: list[str], where: str) -> None:
        """The line, should it be an include_check, which keepalived knows from 2.2 on."""
        if words[:1] == ["include_check"] and self._copied:
            self._demands, unknown = demanded(words[1:], self._demands)
            self.notes += [f"{where}: include_check {each} is passed over" for each in unknown]

    def _included(
        self, words: list[str], where: str, path: str, depth: int, copied: bool
    ) -> Iterator[Line]:
        """The lines of the files that an include names."""
        if depth >= _DEEPEST:
            raise ConfError(f"{where}: more than {_DEEPEST} files include each other")
        try:
            found = included(os.path.dirname(path), words[1])
        except TooMany as error:
            raise ConfError(f"{where}: {error}") from None
        demands = INCLUDES[words[0]] + self._demands if self._copied else ""
        for sentence, demand in found.missed:
            if demand in demands:
                by = words[0] if demand in INCLUDES[words[0]] else "include_check"
                self.ends = self.ends or f"{where}: {by} does not allow that {sentence}"
            else:
                on = "" if demand == "r" else "; keepalived goes on"
                self.notes.append(f"{where}: {sentence}{on}")
        for each in found.files:
            demands = self._demands
            yield from self._file(each, depth + 1, copied)
            self._demands = demands


def _begins_with_include(text: str) -> bool:
    words = words_of(text)
    return len(words) > 1 and words[0] in INCLUDES


def words_of(text: str) -> list[str]:
    """Words between blanks: those of C, for keepalived knows no others; U+00A0 is none."""
    return [word for word in re.split(f"[{_BLANK}]", text) if word]


def _first_piece(text: str) -> tuple[str, str]:
    """What stands before the first brace outside double quotes, or that brace, and the rest."""
    quoted = False
    for position, letter in enumerate(text):
        quoted = quoted != (letter == '"')
        if letter in "{}" and not quoted:
            cut = position or 1
            return text[:cut].rstrip(_BLANK), text[cut:].strip(_BLANK)
    return text, ""


def _without_comment(text: str, where: str) -> str:
    """The line without comment and outer blanks; a ``\\`` at its end stays there."""
    kept = ""
    quoted = comment = continued = False
    position = 0
    text = text.strip(_BLANK)
    while position < len(text):
        letter = text[position]
        following = text[position + 1 : position + 2]
        step = letter
        if letter == "\\":
            if not following:
                continued = True
                break
            step = following if not quoted and following in "#!" else letter + following
            position += 1
        elif letter == '"' and not comment:
            quoted = not quoted
        elif letter in "#!" and not quoted:
            comment = True
        position += 1
        if not comment:
            kept += step
    if quoted:
        raise ConfError(f'{where}: a quote (") is opened and not closed')
    return kept.rstrip(_BLANK) + ("\\" if continued else "")


def _rows(path: str) -> list[str]:
    """The lines of a file. Raises ConfError: it cannot be read, or is no configuration."""
    try:
        data = _content(path)
    except OSError as error:
        raise ConfError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ConfError(f"{path}: larger than {_LARGEST} bytes, and so no keepalived.conf")
    return data.decode("utf-8", "surrogateescape").split("\n")


def _content(path: str) -> bytes:
    """The first _LARGEST bytes, and one more. Raises OSError: also where more is waited for, as in
    /proc/kmsg, which looks like a regular file."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        data = b""
        while len(data) <= _LARGEST:
            more = os.read(file, _LARGEST + 1)
            if not more:
                break
            data += more
        return data
    finally:
        os.close(file)
