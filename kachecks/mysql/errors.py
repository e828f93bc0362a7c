"""How a server answered, or failed to: decisions depend on what each kind of answer proves about
it.

There is one vocabulary, from the driver's error to the sentence that people read. A server is
*open* or *closed* if it says so. Otherwise it is *refusing* (nobody listens, but its host answers),
*absent* (nothing at that address answers), *mute* (no answer in time, or the connection was lost),
*busy* (it has no connection left), *unaskable* (it answers with another error), or *unknown* (this
host cannot ask).
"""

OPEN, CLOSED = "open", "closed"
REFUSING, ABSENT, MUTE = "refusing", "absent", "mute"
BUSY, UNASKABLE, UNKNOWN = "busy", "unaskable", "unknown"

GONE = (REFUSING, ABSENT)
"""No mysqld answers there. It may still be ending (a server that shuts down closes its port first),
or be cut off."""

ANSWERED = (OPEN, CLOSED, REFUSING, BUSY, UNASKABLE)
"""Its host, at least, has just answered."""

CONNECTIONS_USED_UP = frozenset({1040, 1203, 1226})
"""No connection is left. One may become free, so it is worth asking again."""

CANNOT_LOG_IN = frozenset({1044, 1045, 1130, 1698, 2059, 2061})
NOT_ALLOWED = frozenset({1142, 1143, 1227})
LOCK_WAIT_TIMEOUT = 1205
NO_SUCH_THREAD, NOT_OURS_TO_KILL = 1094, 1095


CONNECTION_REFUSED = 111
NO_SUCH_FILE = 2
NO_WAY = frozenset({20, 40})
"""ENOTDIR, ELOOP: a file or a link is in the way."""
TIMED_OUT = 110
UNREACHABLE_ERRNOS = frozenset({110, 112, 113})  # timed out, host down, no route to host
NOT_SENT_ERRNOS = frozenset({1, 99, 100, 101})
"""Not permitted (a firewall of this host's), cannot assign address, network down, no route: of
this host's own side (connect(2)), except that 101 may also come from a router."""

BAD_TLS, NO_PLUGIN, NO_PROOF = 2026, 2059, 2061
"""Client errors of the manual, by which callers tell why there is no login."""

ENDED_BY_THE_SERVER = frozenset({1053, 1080, 1927})
"""Errors with which a server says goodbye: it shuts down, or an administrator has killed the
connection."""


class SessionError(Exception):
    """A server could not be asked; the subclass says how far the attempt got.

    The text is one line without control characters, since a server may have sent a part of it.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(each if each.isprintable() else " " for each in message))


class Refused(SessionError):
    """Nobody listens there: port closed, or no socket file (2002, 2003)."""


class Unreachable(SessionError):
    """Nothing answers at that address, not even its kernel."""


class NoAnswer(SessionError):
    """The connection was accepted, or the statement sent, and no answer came in time."""


class Lost(SessionError):
    """The server closed the connection (killed, shut down, or died)."""


class ServerError(SessionError):
    """An error that a living server sent: it is alive, whatever else is wrong.

    With ``errno`` 0 the server sent no error, but it is one that kachecks cannot work with.
    """

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(f"error {errno}: {message}" if errno else message)
        self.errno = errno


class OtherPlugin(ServerError):
    """The account is authenticated by a plugin that our own client does not have."""

    def __init__(self, message: str, plugin: str) -> None:
        super().__init__(NO_PLUGIN, message)
        self.plugin = plugin


class BrokenAnswer(ServerError):
    """A server that is alive sent what no honest server sends, or more than an answer may hold.

    Where it is the connection that broke, nobody knows where the next answer would begin, so the
    session cannot be used any more.
    """

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(errno, message)


class NoGtids(ServerError):
    """The server answers, and its GTIDs are switched off: nobody can tell what it lacks."""

    def __init__(self, mode: str) -> None:
        super().__init__(
            0,
            f"gtid_mode is {mode}, and without GTIDs nobody can tell what a server lacks:"
            " SET GLOBAL gtid_mode, step by step, to ON",
        )


class DriverError(SessionError):
    """This host cannot even ask: no driver, no right to the socket file, no file descriptor."""


class NotReady(DriverError):
    """This host has not got so far in time, for want of CPU: it says nothing about the server, and
    the next attempt need not load again what this one has loaded."""


class NotSent(DriverError):
    """This host's own network did not let the question out: no address, no route, a firewall.

    It is a sign neither of the other one's life nor of its death.
    """


def not_connected(errno: int, where: object, message: str, local: bool = False) -> SessionError:
    """What connect(2) failed with, in our terms.

    Args:
        where: the server's address, as people shall read it.
        local: it is a unix socket.
    """
    if errno in (CONNECTION_REFUSED, NO_SUCH_FILE):
        return Refused(f"nobody listens on {where}: {message}")
    if errno in UNREACHABLE_ERRNOS:
        return Unreachable(f"nothing answers at {where}: {message}")
    if errno in NOT_SENT_ERRNOS and not local:
        return NotSent(f"cannot reach {where}: {message}")
    cure = "; mend that path, or correct socket in [client]" if errno in NO_WAY and local else ""
    return DriverError(f"cannot connect to {where}: {message}{cure}")


class Nonsense(ValueError):
    """A value that no server has; the text names it, and holds nothing of what was sent."""


def broken_answer(address: str, sql: str, error: Exception) -> BrokenAnswer:
    """The server has answered with rows that make no sense: as good as an error that it sent. Its
    session can still be used.

    Args:
        error: what whoever read the rows has met.
    """
    why = f"unexpected {type(error).__name__}"  # its text may hold what was sent
    if isinstance(error, Nonsense):
        why = str(error)
    elif isinstance(error, KeyError):
        why = f"no column {error.args[0]}"
    elif isinstance(error, IndexError):
        why = "no row"
    asked = sql if len(sql) <= 64 else f"{sql[:64]}..."
    return BrokenAnswer(
        f"{address} gave a broken answer to {asked}: {why}; check what listens there"
    )


def grants_files() -> str:
    """Where the statements that make our account are, for a shell."""
    home = __file__.rpartition("/mysql/")[0]
    packaged = home.startswith("/opt/kachecks/versions/")
    documents = "/usr/share/doc/kachecks/keepalived-snippets"
    return f"{documents if packaged else f'{home}/snippets'}/grants.*.sql"


def word_for(error: SessionError) -> str:
    """One of the words above for a server that could not be asked."""
    if isinstance(error, Refused):
        return REFUSING
    if isinstance(error, Unreachable):
        return ABSENT
    if isinstance(error, ServerError):
        return BUSY if error.errno in CONNECTIONS_USED_UP else UNASKABLE
    return UNKNOWN if isinstance(error, DriverError) else MUTE
