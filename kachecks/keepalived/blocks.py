"""Which block each line of a keepalived.conf belongs to, as keepalived's own parser decides.

It looks at one line after the other and never at the whole (process_stream and alloc_value_block
in lib/parser.c of 2.2.7 and 2.3.3). So what it does not know changes what follows: the brace that
closes an unknown block closes the block around it, and the rest of that is unknown in its turn.
Each line is either taken, or passed over with a note, or it ends keepalived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from kachecks.keepalived.commands import why_unreadable
from kachecks.keepalived.conf_lines import ConfError, Line, words_of
from kachecks.keepalived.keywords import NEWEST, ROOT, Block, Keyword, Version

_CLOSED, _CUT = "closed", "cut"
"""How a block is left: by its own brace, or with a block in it that was passed over."""
_MOST_HINTS = 100  # unknown words for which a known one is looked for, which takes a millisecond
_MOST_WITHOUT_BRACE = 20
_AWAITED = -1  # of _Parser._skipping: a block is to be passed over, and its { has not come yet


class Statement(NamedTuple):
    """A keyword with its parameters and, where it has braces, its block."""

    words: tuple[str, ...]
    where: str  # FILE:LINE
    block: tuple[Statement, ...] | None  # None: no braces

    @property
    def name(self) -> str:
        return self.words[0]

    @property
    def value(self) -> str:
        """The first parameter, "" where there is none."""
        return self.words[1] if len(self.words) > 1 else ""

    def all(self, *names: str) -> list[Statement]:
        """Statements of the block with one of these names, in order."""
        return [inner for inner in self.block or () if inner.name in names]

    def last(self, *names: str) -> Statement | None:
        """The last such statement, for those where a later one replaces an earlier one in
        keepalived. Of those where the first counts there is only one."""
        found = self.all(*names)
        return found[-1] if found else None

    def entries(self, *names: str) -> list[Statement]:
        """Lines in the blocks of these names, such as the addresses of ``virtual_ipaddress``."""
        return [entry for inner in self.all(*names) for entry in inner.block or ()]


class Parsed(NamedTuple):
    """All lines of a configuration."""

    statements: tuple[Statement, ...]
    notes: tuple[str, ...]  # what is passed over; FILE:LINE and a sentence
    ends: str  # the line at which keepalived ends, and why; "" it does not


Split = tuple[tuple[str, ...], str]
"""The words of a line, and its FILE:LINE."""


def parse(lines: Iterable[Line], version: Version | None = None) -> Parsed:
    """Read all of a configuration as this version of keepalived does; None: as any.

    Raises:
        ConfError: as ``lines`` does, for quotes that do not fit, and for too many missing braces.
    """
    split: list[Split] = []
    texts: dict[Split, str] = {}
    for line in lines:
        words = words_in(line)
        if words:
            split.append((words, line.where))
            texts[words, line.where] = line.text
    parser = _Parser(split, version or NEWEST, texts)
    found: list[Statement] = []
    parser.keywords(ROOT, found)
    first_parser = _Parser(split, version or NEWEST)
    first: list[Statement] = []
    first_parser.keywords(_FIRST, first)
    ends = parser.ends or first_parser.ends or _does_not_run(first, found)
    settings = [each for each in first if each.name == "global_defs"]
    taken = [each for each in found if each.name != "global_defs"]
    return Parsed((*settings, *taken), tuple(parser.notes), ends)


def _does_not_run(first: Iterable[Statement], found: Iterable[Statement]) -> str:
    """Why the VRRP process is not started, "" it is.

    The first process of keepalived reads global_defs for all, and passes over, brace by brace, what
    others read. Where it meets no vrrp_instance that way, it starts nobody who could read them.
    """
    ours = next((each for each in found if each.name == "vrrp_instance"), None)
    if ours is None or any(each.name in _NEEDS_VRRP for each in first):
        return ""
    return f"{ours.where}: a brace before this line is not closed, and keepalived runs without VRRP"


_FIRST: Block = {
    name: keyword._replace(other=False) if name == "global_defs" else Keyword(other=True)
    for name, keyword in ROOT.items()
}
_NEEDS_VRRP = ("vrrp_instance", "static_ipaddress", "static_routes", "static_rules")


class _Parser:
    """One process of keepalived's that reads the file."""

    def __init__(
        self, lines: Iterable[Split], version: Version, texts: Mapping[Split, str] | None = None
    ) -> None:
        """``texts``: the lines as they were before they were split, for those with a command."""
        self.notes: list[str] = []
        self.ends = ""  # the first line that ends keepalived; what follows is read nevertheless
        self._lines = iter(lines)
        self._version = version
        self._texts = texts or {}
        self._skipping = 0  # braces that are open in a block that is passed over
        self._unknown = 0  # braces that are open outside of all blocks, and belong to nothing
        self._without_brace = 0
        self._names: set[tuple[str, str]] = set()

    def keywords(
        self, block: Block, into: list[Statement], inside: str = "", opens: bool = False
    ) -> str:
        """Read the lines of one block up to its end.

        Args:
            into: gets what is taken.
            inside: how the block is called, "" the whole file.
            opens: its opening brace is still to come.

        Returns how it was left: _CLOSED, _CUT or "", which is the end of the file.
        """
        for words, where in self._rest():
            if self._skipping == _AWAITED:
                self._skipping = int(words[0] == "{")
                if self._skipping:
                    continue
            if self._skipping:
                self._skip(words)
                if inside and not self._skipping:
                    return _CUT
            elif words[0] == "{":
                if not opens:
                    self._stray_brace(where, inside)
                opens = False
            else:
                if opens:
                    self._note(where, f"there is no opening brace after {inside}")
                opens = False
                if words[0] == "}" and inside:
                    return _CLOSED
                self._one(block, words, where, into, inside)
        return ""

    def _rest(self) -> Iterator[Split]:
        """The lines from here on; what is put back comes first."""
        while (split := next(self._lines, None)) is not None:
            yield split

    def _skip(self, words: Sequence[str]) -> None:
        for word in words:
            self._skipping += {"{": 1, "}": -1}.get(word, 0)
            if not self._skipping:
                return

    def _stray_brace(self, where: str, inside: str) -> None:
        if inside:
            self._note(
                where, f"this brace opens nothing, and the one that closes it closes {inside}"
            )
        else:
            self._unknown += 1

    def _one(
        self, block: Block, words: tuple[str, ...], where: str, into: list[Statement], inside: str
    ) -> None:
        """One line that is not passed over."""
        keyword = block.get(words[0])
        if keyword is None or keyword.since > self._version:
            self._do_not_know(block, words[0], where, inside)
        elif keyword.ends and len(words) < 2:
            self.ends = self.ends or f"{where}: {words[0]} has no value"
        elif keyword.command and self._is_unreadable(words, where):
            return
        elif keyword.other:
            taken = self._of_another_process(keyword, words, where)
            into += [taken] if taken else []
        else:
            why = self._why_passed_over(keyword, words, into)
            if why:
                self._note(where, why)
                if keyword.named or keyword.once:
                    self._skipping = _AWAITED
            if not (why and keyword.once):
                so_far = len(self.notes)
                taken = self._with_block(keyword, words, where)
                if why:
                    del self.notes[so_far:]  # on what nobody reads
                elif taken:
                    into.append(taken)

    def _is_unreadable(self, words: tuple[str, ...], where: str) -> bool:
        """Whether keepalived goes on without this command, or crashes on it."""
        why, crashes = why_unreadable(self._texts.get((words, where), ""))
        if why and crashes and words[0] == "script":
            self.ends = self.ends or (
                f"{where}: its VRRP process crashes on this line whenever it starts, for {why}: put"
                " the whole command between double quotes, and an apostrophe behind \\\\"
            )
        elif why:
            self._note(where, f"keepalived goes on without this {words[0]}, for {why}")
        return bool(why)

    def _do_not_know(self, block: Block, word: str, where: str, inside: str) -> None:
        if word == "}":
            if not self._unknown:
                self._note(where, "one closing brace too many is passed over")
            self._unknown = max(self._unknown - 1, 0)
            return
        if word in block:
            since = ".".join(map(str, block[word].since))
            hint = f" (only from {since} on)"
        else:
            near = get_close_matches(word, block, 1) if len(self.notes) < _MOST_HINTS else []
            hint = f" ({near[0]}?)" if near else ""
        shown = word if word.isascii() else ascii(word)
        within = f"in {inside}" if inside else "here"
        self._note(where, f"keepalived does not know {shown} {within}{hint}: it goes on without")

    def _why_passed_over(
        self, keyword: Keyword, words: tuple[str, ...], into: Sequence[Statement]
    ) -> str:
        """Why a keyword that is known is not taken, "" it is taken."""
        name = words[0]
        if keyword.named:
            if len(words) != 2:
                return f"{name} must have one name: keepalived passes its block over"
            if words[:2] in self._names:
                return f"{name} {words[1]} is defined twice: keepalived passes this one over"
            self._names.add((name, words[1]))
        alone = keyword.once or keyword.first
        if alone and any(each.name == name and (keyword.once or each.value) for each in into):
            return f"{name} is there twice: keepalived takes the first and passes this one over"
        return ""

    def _with_block(self, keyword: Keyword, words: tuple[str, ...], where: str) -> Statement | None:
        """The statement with what stands in its braces; None: keepalived forgets it."""
        inside = " ".join(words[:2])
        if keyword.values:
            return Statement(words, where, tuple(self._values(inside, where)))
        if keyword.block is None:
            return Statement(words, where, None)
        inner: list[Statement] = []
        left = self.keywords(keyword.block, inner, inside, opens=True)
        if not left:
            self._note(where, f"the block of {inside} is not closed")
        if left == _CUT and words[0] == "vrrp_sync_group" and self._version >= (2, 3):
            self._note(where, f"keepalived forgets {inside}, for what is passed over in it")
            return None
        return Statement(words, where, tuple(inner))

    def _values(self, inside: str, where: str) -> Iterator[Statement]:
        """The lines of a block that has no keywords."""
        opens = True
        for words, at in self._rest():
            if opens and words[0] == "{":
                words = words[1:]
            elif opens:
                self._note(at, f"there is no opening brace after {inside}")
            opens = False
            closed = bool(words) and words[-1] == "}"
            if words[: -1 if closed else None]:
                yield Statement(words[: -1 if closed else None], at, None)
            if closed:
                return
        self._note(where, f"the block of {inside} is not closed")

    def _of_another_process(
        self, keyword: Keyword, words: tuple[str, ...], where: str
    ) -> Statement | None:
        """A block that the VRRP process passes over brace by brace, and another one reads.

        Without an opening brace nothing is passed over: both read what follows, each as its own.
        """
        inner: list[Split] = []
        depth = 0
        for split in self._rest():
            inner.append(split)
            if not depth and split[0][0] != "{":
                self._one_more_without_brace(where)
                inner += self._rest()
                self._lines = iter(inner)
                break
            depth += split[0].count("{") - split[0].count("}")
            if depth <= 0:
                break
        if keyword.block is None and not keyword.values:  # what is in it is nothing to us
            return Statement(words, where, None)
        other = _Parser(inner, self._version)
        taken = other._with_block(keyword, words, where)
        other.keywords(_FIRST, [])  # what is left where it has closed the block earlier
        self.notes += other.notes
        if words[0] != "global_defs":  # which is the first process's
            self.ends = self.ends or other.ends
        return taken

    def _one_more_without_brace(self, where: str) -> None:
        """Each has all that follows read once more."""
        self._without_brace += 1
        if self._without_brace > _MOST_WITHOUT_BRACE:
            raise ConfError(
                f"{where}: more than {_MOST_WITHOUT_BRACE} blocks have no opening brace"
            )

    def _note(self, where: str, sentence: str) -> None:
        self.notes.append(f"{where}: {sentence}")


def words_in(line: Line) -> tuple[str, ...]:
    """Words between blanks; double quotes hold one together and are taken off.

    There are no escapes: keepalived knows them only in a few values, such as scripts, which it
    splits once more.
    """
    parts = line.text.split('"')
    if len(parts) % 2 == 0:
        raise ConfError(f'{line.where}: a quote (") is opened and not closed')
    words: list[str] = []
    for number, part in enumerate(parts):
        words += [part] if number % 2 else words_of(part)
    return tuple(words)
