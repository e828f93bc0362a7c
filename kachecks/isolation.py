"""Whether this node still sees anybody: the peer's host, or a witness outside both nodes.

Only with a witness. A node that is cut off cannot be closed by the other one, so it closes itself
in time (two_clocks). Patience lies in one run of the check, and nothing is remembered.
"""

from __future__ import annotations

from kachecks.host import Host

LAST_ATTEMPT = 0.3
"""Seconds to ask once more where isolation_timeout has already gone by within this run."""

SLOW = 0.5
"""Seconds after which what this run has seen of the network is no longer fresh."""


class Isolation:
    """What one run of the check knows of the network."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._addresses = [host.config.peer, *host.config.witnesses]
        self._last_answer = host.now()

    def sentence(self) -> str:
        """In words that nobody has answered for isolation_timeout seconds; "" if somebody has.

        Raises OSError: this account may not ask.
        """
        if not self._host.config.witnesses:
            return ""
        timeout = self._host.config.isolation_timeout
        left = self._last_answer + timeout - self._host.now()
        if self._host.network.answers(self._addresses, max(left, LAST_ATTEMPT)):
            self._last_answer = self._host.now()
            return ""
        names = ", ".join(self._host.config.witnesses)
        return (
            f"neither the peer {self._host.config.peer} nor a witness ({names}) has answered for"
            f" {timeout:g} s"
        )

    @property
    def stale(self) -> bool:
        """It is worth asking again: this run has taken its time since the last answer."""
        return self._host.now() - self._last_answer > SLOW
