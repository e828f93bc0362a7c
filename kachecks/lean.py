"""Stand-ins for what check_mysql cannot afford to import every second.

NamedTuple stands in for that of typing, suppress for that of contextlib (2 ms), plain_options for
argparse; shown does without unicodedata, pasted without shlex; find_modules_at_once saves Python's
search for each of our files.

Importing typing takes as long as importing everything of ours. Type checkers see the original; at
run time the class below offers what we use of it: fields from annotations, defaults, methods and
properties, ``_fields``, ``_replace``, ``_asdict``.

Modules that check_mysql loads every second say ``TYPE_CHECKING = False``, which type checkers read
as True. What only annotations need is imported below it.
"""

from __future__ import annotations

import os
import sys
from _operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple, TypeVar

    T = TypeVar("T", bound=Any)
else:

    class _FieldsFromAnnotations(type):
        """Makes the fields of each class below NamedTuple."""

        def __new__(kind, name, bases, body):
            made = super().__new__(kind, name, bases, {"__slots__": (), **body})
            own = getattr(made, "__annotations__", ())
            inherited = any(own is getattr(base, "__annotations__", None) for base in bases)
            fields = () if inherited else tuple(own)  # Python 3.9 inherits annotations
            if not fields:  # NamedTuple itself, or a class that adds no field
                return made
            made._fields = fields
            made._defaults = {field: body[field] for field in fields if field in body}
            for position, field in enumerate(fields):
                setattr(made, field, property(itemgetter(position)))
            return made

    class NamedTuple(tuple, metaclass=_FieldsFromAnnotations):
        """A tuple whose items have names; see typing.NamedTuple."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._completed(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _completed(cls, values, named):
            """All items in order, from those given by position, by name and by default."""
            given = dict(zip(cls._fields, values))
            surplus = [name for name in named if name in given or name not in cls._fields]
            if surplus or len(values) > len(cls._fields):
                raise TypeError(f"{cls.__name__}: too many values: {surplus or len(values)}")
            given = {**cls._defaults, **given, **named}
            missing = [field for field in cls._fields if field not in given]
            if missing:
                raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}")
            return [given[field] for field in cls._fields]

        def _replace(self, **changed):
            """The same with some items changed."""
            return type(self)(**{**self._asdict(), **changed})

        def _asdict(self):
            """The items by name."""
            return dict(zip(self._fields, self))

        def __repr__(self):
            items = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({items})"

        def __getnewargs__(self):
            return tuple(self)


class suppress:
    """``with suppress(OSError):`` goes on after the block when it raises that."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._kinds)


_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
"""Letters and marks that leave a place empty: fillers, joiners, Mongolian selectors, Braille
without a dot. Besides the two blocks of variation selectors, which _is_seen names."""


def shown(text: str, longest: int = 0) -> str:
    """Somebody's text as one line in which nothing is hidden and that no terminal obeys.

    A line end or tab becomes a blank. All else that leaves no mark becomes a question mark: control
    characters, C1 and NUL among them, direction marks, zero-width characters, lone surrogates.

    Args:
        longest: characters, 4 at least; a longer text ends in dots. 0: any number.
    """
    cut = len(text) > longest > 0
    if cut:
        text = text[: longest - 3]
    if not (text.isascii() and text.isprintable()):
        text = "".join(
            each if _is_seen(each) else " " if each in "\t\n\r" else "?" for each in text
        )
    return f"{text}..." if cut else text


def _is_seen(letter: str) -> bool:
    """str.isprintable says no to the categories Other and Separator of Unicode, but for the
    blank."""
    selects = "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"
    return letter.isprintable() and letter not in _INVISIBLE and not selects


def pasted(word: str) -> str:
    """The word as one that a shell takes as it is: in quotes, where it needs them (shlex.quote)."""
    if word and word.isascii() and all(each.isalnum() or each in "@%+=:,./-_" for each in word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def plain_options(arguments: list[str], options: T, flags: dict[str, str]) -> T | None:
    """Read a command line such as keepalived.conf has, without argparse, which costs as much as a
    check.

    Args:
        options: the defaults; one of them is ``defaults_file``.
        flags: argument -> the item of ``options`` that it sets to True.

    None where this is not enough: argparse then reads the command line, or says what is wrong.
    """
    for argument in arguments:
        name, given, value = argument.partition("=")
        if given and name == "--defaults-file":
            options = options._replace(defaults_file=value)
        elif argument in flags:
            options = options._replace(**{flags[argument]: True})
        else:
            return None
    return options


_NAMES = "check config hooks keepalived mysql network state transitions"
PACKAGES = frozenset(f"kachecks.{name}" for name in _NAMES.split())
"""Those that check_mysql and notify_master load. None has a package inside."""


class _AtOnce:
    """Finds a module of ours by its name alone (the import system's "meta path finder").

    Python's own lists each directory, and looks for four kinds of file in it: a quarter of the time
    that importing takes. The files are loaded, and their caches checked, as ever.
    """

    spec: Any = type(__spec__)
    loader: Any = type(__spec__.loader)

    @classmethod
    def find_spec(cls, name: str, path: Any = None, _target: Any = None) -> Any:
        """None: it is not ours to find."""
        package, _, last = name.rpartition(".")
        if package != "kachecks" and package not in PACKAGES:
            return None
        place = f"{path[0]}/{last}"
        if name in PACKAGES:
            spec = cls._spec(name, place + "/__init__.py", is_package=True)
            spec.submodule_search_locations.append(place)
            return spec
        if package in PACKAGES and os.path.exists(place + ".py"):  # else Python's own says so
            return cls._spec(name, place + ".py")
        return None

    @classmethod
    def _spec(cls, name: str, file: str, is_package: bool = False) -> Any:
        made = cls.spec(name, cls.loader(name, file), origin=file, is_package=is_package)
        made.has_location = True  # so that the cached byte code is used
        return made


def find_modules_at_once() -> None:
    """From now on, in this process. Nothing changes where this file did not come from a directory
    (a zip file, an importer of somebody else's)."""
    if type(__spec__.loader).__name__ == "SourceFileLoader":
        sys.meta_path.insert(0, _AtOnce)


__all__ = ["NamedTuple", "find_modules_at_once", "pasted", "plain_options", "shown", "suppress"]
