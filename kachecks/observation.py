"""One look at this node: the VIP, its server, and whether a promotion is at work."""

from __future__ import annotations

from kachecks.facts import Facts
from kachecks.host import Budget, Host
from kachecks.probe import probe
from kachecks.session import DriverError, Lost, Refused, ServerError, Session, SessionError
from kachecks.verdict import Observation

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
