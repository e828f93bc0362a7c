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
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from _operator import itemgetter
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, NamedTuple, TypeVar

    T = TypeVar("T", bound=Any)
else:
    _items = [property(itemgetter(position)) for position in range(32)]
    """For the items of any tuple, by their positions."""

    class _FieldsFromAnnotations(type):
        """Makes the fields of each class below NamedTuple."""

        def __new__(kind, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))  # its own; it may add none
            if fields:
                while len(_items) < len(fields):
                    _items.append(property(itemgetter(len(_items))))
                defaults = tuple([body[field] for field in fields if field in body])
                body.update(zip(fields, _items), _fields=fields, _defaults=defaults)
            body["__slots__"] = ()
            return type.__new__(kind, name, bases, body)

    class NamedTuple(tuple, metaclass=_FieldsFromAnnotations):
        """A tuple whose items have names; see typing.NamedTuple."""

        def __new__(cls, *values, **named):
            lacking = len(cls._fields) - len(values)
            if named or not 0 <= lacking <= len(cls._defaults):
                values = cls._completed(values, named)
            elif lacking:
                values += cls._defaults[-lacking:]  # those of the last fields
            return tuple.__new__(cls, values)

        @classmethod
        def _completed(cls, values, named):
            """All items in order, from those given by position, by name and by default."""
            given = dict(zip(cls._fields, values))
            surplus = [name for name in named if name in given or name not in cls._fields]
            if surplus or len(values) > len(cls._fields):
                raise TypeError(f"{cls.__name__}: too many values: {surplus or len(values)}")
            defaults = zip(reversed(cls._fields), reversed(cls._defaults))
            given = {**dict(defaults), **given, **named}
            missing = [field for field in cls._fields if field not in given]
            if missing:
                raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}")
            return [given[field] for field in cls._fields]

        def _replace(self, **changed):
            """The same with some items changed."""
            values = [changed.pop(field, value) for field, value in zip(self._fields, self)]
            if changed:
                raise ValueError(f"{type(self).__name__} has no {', '.join(changed)}")
            return tuple.__new__(type(self), values)

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
        name, _, value = argument.partition("=")
        if value and name == "--defaults-file":
            options = options._replace(defaults_file=value)
        elif argument in flags:
            options = options._replace(**{flags[argument]: True})
        else:
            return None
    return options


_NAMES = "check config hooks keepalived mysql network state transitions"
PACKAGES = frozenset(f"kachecks.{name}" for name in _NAMES.split())
"""Those that check_mysql and notify_master load. None has a package inside."""


_LARGEST = 1 << 16
"""Bytes of a file of byte code that is read in one go; ours have up to 40,000."""

_UNHASHED = MAGIC_NUMBER + bytes(4)
"""How byte code begins that is of this version of Python, and goes by the time and the size of its
source (PEP 552)."""

_ENDING = str(__spec__.cached).rpartition("/lean")[2] if __spec__ else ""
"""Such as ``.cpython-311.pyc``."""


class _Loader(SourceFileLoader):
    """Takes the byte code that Python has kept of a module, after the same check as Python's own.

    That takes a third of the steps. All else is left to Python's own: no byte code, an older one,
    one that is checked in another way.
    """

    def __init__(self, name: str, path: str, cached: str, source: os.stat_result) -> None:
        super().__init__(name, path)
        self._cached, self._source = cached, source

    def get_code(self, fullname: str) -> CodeType | None:
        """See importlib.abc.InspectLoader."""
        data = b""
        with suppress(OSError):
            file = os.open(self._cached, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.read(file, _LARGEST)
            finally:
                os.close(file)
        changed, size = int(self._source.st_mtime), self._source.st_size
        current = _UNHASHED + b"".join(_four_bytes(each) for each in (changed, size))
        if data[:16] == current and len(data) < _LARGEST:
            code: CodeType = loads(memoryview(data)[16:])  # noqa: S302 - as Python itself does
            return code
        return super().get_code(fullname)


def _four_bytes(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")


class _AtOnce:
    """Finds a module of ours by its name alone (the import system's "meta path finder").

    Python's own lists each directory, and looks for four kinds of file in it: a quarter of the time
    that importing takes.
    """

    @classmethod
    def find_spec(cls, name: str, path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """None: it is not ours to find, or not there."""
        package, _, last = name.rpartition(".")
        if package != "kachecks" and package not in PACKAGES:
            return None
        if name not in PACKAGES:
            return cls._spec(name, path[0], last)
        place = f"{path[0]}/{last}"
        spec = cls._spec(name, place, "__init__")
        if spec is not None:
            spec.submodule_search_locations = [place]
        return spec

    @classmethod
    def _spec(cls, name: str, directory: str, file: str) -> ModuleSpec | None:
        path = f"{directory}/{file}" + ".py"
        cached = f"{directory}/__pycache__/{file}{_ENDING}"
        try:
            source = os.stat(path)
        except OSError:  # a package, or nothing: Python's own says so
            return None
        made = ModuleSpec(name, _Loader(name, path, cached, source), origin=path)
        made.cached, made.has_location = cached, True
        return made


def find_modules_at_once() -> None:
    """From now on, in this process. Nothing changes where this file did not come from a directory
    (a zip file, an importer of somebody else's)."""
    if __spec__ and type(__spec__.loader) is SourceFileLoader:
        sys.meta_path.insert(0, _AtOnce)


__all__ = ["NamedTuple", "find_modules_at_once", "pasted", "plain_options", "shown", "suppress"]
