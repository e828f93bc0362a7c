"""How a server could not be asked: what each kind proves about it is what decisions hang on."""


class SessionError(Exception):
    """A server could not be asked; the subclass says how far it came."""


class Refused(SessionError):
    """Nobody listens there: port closed, or no socket file (2002, 2003)."""


class Unreachable(SessionError):
    """Nothing answers at that address, not even its kernel."""


class NoAnswer(SessionError):
    """The connection was accepted, or the statement sent, and no answer came in time."""


class Lost(SessionError):
    """The server closed the connection (killed, shut down, or died)."""


class ServerError(SessionError):
    """An error that a living server sent: it is alive, whatever else is wrong."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(f"error {errno}: {message}")
        self.errno = errno


class DriverError(SessionError):
    """This host cannot even ask: no driver, no right to the socket file, no file descriptor."""
