"""Whether this run looks closer (closer_look): asked every second, so it is apart from the look."""

from __future__ import annotations

from kachecks.facts import Facts
from kachecks.host import Host
from kachecks.session import Session


def is_due(host: Host, session: Session, facts: Facts) -> bool:
    """The last look is peer_check seconds old, or found something.

    Or this closed server has not been seen up to date with the peer since it started.
    """
    last = host.last_look()
    if last is None or last.wrong or host.now() - last.at >= host.config.peer_check:
        return True
    return not facts.writable and not host.had_contact(host.server_process(session))
