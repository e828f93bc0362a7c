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


class SessionError(Exception):
    """A server could not be asked; the subclass says how far the attempt got."""


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


class NotSent(DriverError):
    """This host's own network did not let the question out: no address, no route, a firewall.

    It is a sign neither of the other one's life nor of its death.
    """


class Nonsense(ValueError):
    """A value that no server has; the text names it, and holds nothing of what was sent."""


class BrokenAnswer(ServerError):
    """The server has answered with rows that make no sense: as good as an error that it sent."""

    def __init__(self, address: str, sql: str, error: Exception) -> None:
        """Args: ``error``: what whoever read the rows has met."""
        why = f"unexpected {type(error).__name__}"  # its text may hold what was sent
        if isinstance(error, Nonsense):
            why = str(error)
        elif isinstance(error, KeyError):
            why = f"no column {error.args[0]}"
        elif isinstance(error, IndexError):
            why = "no row"
        asked = sql if len(sql) <= 64 else f"{sql[:64]}..."
        super().__init__(
            0,
            f"{address} gave a broken answer to {asked}: {why}; check what listens there",
        )


def word_for(error: SessionError) -> str:
    """One of the words above for a server that could not be asked."""
    if isinstance(error, Refused):
        return REFUSING
    if isinstance(error, Unreachable):
        return ABSENT
    if isinstance(error, ServerError):
        return BUSY if error.errno in CONNECTIONS_USED_UP else UNASKABLE
    return UNKNOWN if isinstance(error, DriverError) else MUTE
