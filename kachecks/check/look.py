"""One look at this node: the VIP, its server, and whether a promotion is at work."""

from __future__ import annotations

from kachecks.check.verdict import Observation
from kachecks.mysql.facts import Facts
from kachecks.mysql.probe import probe
from kachecks.mysql.session import DriverError, Lost, Refused, ServerError, Session, SessionError
from kachecks.node import Budget, Host

BUSY = frozenset({1040, 1203, 1226})
ACCESS_DENIED = frozenset({1044, 1045, 1130, 1142, 1227, 1698, 2059, 2061})


def observe(host: Host) -> tuple[Observation, Session | None]:
    """What is seen within hung_after seconds, and the session it was asked by."""
    config = host.config
    here = host.vip_here()
    budget = Budget(host, config.hung_after)
    session: Session | None = None
    facts: Facts | None = None
    failure = detail = ""
    while True:
        try:
            session = host.connect_local(budget.left())
            facts = probe(session, budget.left())
            failure = detail = ""
            break
        except Refused as error:
            failure, detail = "down", str(error)
            break
        except ServerError as error:
            failure = "busy" if error.errno in BUSY else "unknown"
            detail = f"{error}{_cure(error, config.path)}"
            break
        except DriverError as error:
            failure, detail = "unknown", str(error)
            break
        except SessionError as error:
            failure, detail = "hung", f"{error} (hung_after = {config.hung_after:g} s)"
            if budget.over or not isinstance(error, Lost):
                break
        host.sleep(0.05)
    promoting = here and (facts is None or not facts.writable) and host.lock_purpose() == "promote"
    return Observation(here, promoting, facts, failure, detail), session


def _cure(error: ServerError, path: str) -> str:
    if error.errno in ACCESS_DENIED:
        return f"; check [client] in {path} and the grants in keepalived-snippets"
    return ""


def is_due(host: Host, session: Session, facts: Facts) -> bool:
    """The last look is peer_check seconds old, or found something.

    Or this closed server has not been seen up to date with the peer since it started.
    """
    last = host.last_look()
    if last is None or last.wrong or host.now() - last.at >= host.config.peer_check:
        return True
    return not facts.writable and not host.had_contact(host.server_process(session))


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
