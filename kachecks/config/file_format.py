"""MySQL's own option-file form: lines, groups, quotes, escapes.

The same text means the same as to MySQL's own programs (verified against my_print_defaults): `#`
and `;` begin a comment at the start of a line; after a value only `#` does, and not inside quotes;
`-` and `_` are alike in keys; groups may be repeated; and the escapes of _ESCAPES hold with or
without quotes. Where MySQL would skip what it does not know, this raises ConfigError.

Read by check_mysql once a second: nothing is imported here that `os` has not loaded.
"""

from __future__ import annotations

import os
import stat

from kachecks import lean
from kachecks.lean import NamedTuple, pasted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LARGEST_FILE = 1 << 20
SPACE = " \t\n\v\f\r"  # what MySQL strips; str.strip() alone would also eat a no-break space
_ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "r": "\r",
    "s": " ",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


ONE_LINE = "where it is the rest of a password, write that in one line and in quotes"


class ConfigError(Exception):
    """The option file cannot be used: one sentence with the file, the line and what is expected."""


class Line(NamedTuple):
    """One `key = value` of the file."""

    where: str  # FILE:LINE, for messages
    number: int
    group: str
    name: str
    value: str | None  # None where there is no `=`
    cut: bool = False  # a `#` ended it that no blank parts from it
    secret: bool = False  # its name may be a part of a password: nothing of it may be shown


def read(path: str, option: str = "--defaults-file") -> tuple[str, int]:
    """Text and mode of the file, both of the same open file; never waits (a FIFO would block).

    Args:
        option: by which another file can be named, for messages only.

    Raises: ConfigError, also for a file that somebody else may have written: it says which server
        root's checks close or kill, and what is run as `alert`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise ConfigError(f"{path}: is not a regular file, expected an option file")
            data = os.read(descriptor, _LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; {option}=FILE names another,"
            " kachecks setup writes one"
        ) from None
    _must_be_ours(path, info)
    if not data:
        raise ConfigError(f"{path}: is empty, expected an option file with [kachecks]")
    if len(data) > _LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than {_LARGEST_FILE} bytes, expected an option file")
    if data.startswith(b"\xef\xbb\xbf"):  # the byte order mark of a Windows editor
        data = data[3:]
    try:
        return data.decode(), info.st_mode
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    raise ConfigError(f"{path}:{line}: is not UTF-8, expected text in UTF-8")


def _must_be_ours(path: str, info: os.stat_result) -> None:
    """Raises ConfigError: not only root, or whoever runs this, could have written the file."""
    uid, mode = info.st_uid, info.st_mode & 0o777
    try:
        others = exposed(path)
    except OSError as error:
        others = f"the way to it cannot be looked at: {error.strerror}"
    if uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{path}: belongs to uid {uid}, expected root or who runs this:"
            f" chown root {pasted(path)}"
        )
    if mode & 0o022:
        raise ConfigError(
            f"{path}: its mode is {mode:04o}, so others can write to it: chmod 600 {pasted(path)}"
        )
    if others:
        raise ConfigError(
            f"{path}: {others}, expected a way to it that only root, or who runs this, can change"
        )


def exposed(path: str, uid: int = 0, gid: int = 0) -> str:
    """Who else may decide what lies at this path, and where; "" if nobody may.

    Else than root, whoever runs this, and the account ``uid`` with its group ``gid`` in directories
    of its own: each directory, link and file on the way must belong to one of them and be writable
    by them alone.
    In a directory with the sticky bit anybody may write, and then what lies in it must be root's or
    ours: for ``uid`` another account could have come first. (What permissions a socket has says
    nothing about who listens.)

    Raises OSError: something on the way is missing, or may not be looked at.
    """
    us = os.geteuid()
    uids, gids = (0, us, uid), (0, os.getegid())
    shared = ""
    for here, info in _way_to(path):
        if info.st_uid not in uids:
            return f"{here} belongs to uid {info.st_uid}"
        if shared and info.st_uid not in (0, us):
            return shared
        shared, mode = "", info.st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            anybody, group = mode & 0o002, mode & 0o020 and info.st_gid not in gids
            if mode & 0o020 and info.st_gid == gid and info.st_uid == uid:
                group = 0  # the account's own: its group is let in by it, not by root
            if mode & 0o020 and not (anybody or group) and _has_acl(here):
                return f"an ACL may let others write to {here}: setfacl -b"
            if anybody or group:
                who = "anybody" if anybody else f"gid {info.st_gid}"
                shared = f"{who} may write to {here} (mode {mode & 0o7777:04o})"
                if not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
                    return shared
    return shared


def _has_acl(path: str) -> bool:
    """The group's permissions are those of an ACL at most: acl(5)."""
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:  # none, or a file system that has none
        return False


_MOST_LINKS = 40  # as many as the kernel follows: path_resolution(7)


def _way_to(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Each directory, link and file that leads to what lies at a path. Raises OSError."""
    names = (path if path[:1] == "/" else f"{os.getcwd()}/{path}").split("/")[::-1]
    here, links = "", 0
    while names:
        name = names.pop()
        if name == "..":
            here = here.rpartition("/")[0]
        if name in ("", ".", ".."):
            continue
        info = os.lstat(f"{here}/{name}")
        yield f"{here}/{name}", info
        if not stat.S_ISLNK(info.st_mode):
            here = f"{here}/{name}"
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(40, os.strerror(40))  # ELOOP
        target = os.readlink(f"{here}/{name}")
        here = "" if target[:1] == "/" else here
        names += target.split("/")[::-1]


def lines(text: str, path: str, groups: Sequence[str]) -> Iterator[Line]:
    """The keys and values of a text, in order; `path` is for messages only.

    Raises: ConfigError for a group that is not one of `groups`, and for what MySQL would skip.
    """
    if "\r" in text.strip() and "\n" not in text.strip():  # as of old Macintoshes
        raise ConfigError(f"{path}: its lines end with CR alone, expected LF: tr '\\r' '\\n'")
    group, secret = "", False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(SPACE)
        if not line or (line[0] in "#;" and "\0" not in line):
            continue
        where = f"{path}:{number}"
        if "\0" in line:
            raise ConfigError(f"{where}: holds a NUL byte, expected text")
        if line[0] == "!":
            raise ConfigError(f"{where}: !include and !includedir are not supported")
        if line[0] == "[":
            group, secret = _group(line, where, groups, secret), False
            continue
        if not group:
            raise ConfigError(
                f"{where}: found a key before any group, expected [{groups[0]}] first"
            )
        name, value, rest = _split(line)
        cut, below, secret = rest > 0 and line[rest - 1] not in SPACE, secret, _begins_one(name)
        yield Line(where, number, group, name, value, cut, below or secret)


def _begins_one(name: str) -> bool:
    """`password`, and `passwordS3cret` where an `=` lacks. An editor may have wrapped what follows,
    so that the next line begins with the rest."""
    return name[:4].lower() == "pass"


def _group(line: str, where: str, groups: Sequence[str], secret: bool) -> str:
    """The group of a `[group]` line; what follows the bracket is ignored, as MySQL does.

    Args:
        secret: the line may be the rest of a password.
    """
    name, bracket, _ = line[1:].partition("]")
    if not bracket:
        raise ConfigError(f"{where}: found `[` without `]`, expected {_listed(groups)}")
    if name.lower() in groups:
        return name.lower()
    if secret:
        raise ConfigError(f"{where}: unknown group, expected {_listed(groups)}; {ONE_LINE}")
    raise ConfigError(f"{where}: unknown group [{shown(name)}], expected {_listed(groups)}")


def _split(line: str) -> tuple[str, str | None, int]:
    """Key and value of a line, no value without `=`: what mysys/my_default.c does, in its order;
    and where a comment after them begins, 0 without."""
    quote, escaped, comment = "", False, 0
    for position, char in enumerate(line):
        if char in "'\"" and not escaped:
            if not quote:
                quote = char
            elif quote == char:
                quote = ""
        if char == "#" and not quote:
            line, comment = line[:position], position
            break
        escaped = bool(quote) and char == "\\" and not escaped
    name, equals, value = line.partition("=")
    name, value = name.strip(SPACE), value.strip(SPACE)
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        value = value[1:-1]
    return name, _unescape(value) if equals else None, comment


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    parts, rest = [], value
    while True:
        before, backslash, rest = rest.partition("\\")
        parts.append(before)
        if not rest:
            return "".join(parts) + backslash
        parts.append(_ESCAPES.get(rest[0], "\\" + rest[0]))
        rest = rest[1:]


def _listed(groups: Sequence[str]) -> str:
    *first, last = (f"[{group}]" for group in groups)
    return f"{', '.join(first)} or {last}"


def shown(text: str) -> str:
    """Someone's text inside one line of a message: no control characters, not too long."""
    return lean.shown(text, 60)
