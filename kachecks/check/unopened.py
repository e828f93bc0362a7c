"""A node that has the VIP and is closed, so that nobody serves: what a check does about it.

A promotion needs less than a second as a rule, and ends by itself: it opens, or is refused and
gives the VIP back. What is left for the check are promotions that were killed, could not even
begin, or were never called for, and a server that was closed by somebody else.
"""

from __future__ import annotations

from kachecks.check.verdict import Observation, Verdict, judge
from kachecks.mysql.errors import OPEN
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.state.marks import Unopened
from kachecks.transitions.giving_way import ask_peer, mark_superseded, stays_closed

MOST_PROMOTIONS = 3
"""So many promotions the checks start on a node that stays closed, each a second after the last one
has ended. Then it gives way, as one does whose promotion is refused."""


def finish_promotion(node: Node, seen: Observation, verdict: Verdict) -> Verdict:
    """See to a closed node with the VIP and no hook at work: it was superseded, a promotion was cut
    short, or none ever opens it."""
    if seen.promoting or not stays_closed(node):
        return verdict
    so_far = node.marks.unopened() or Unopened(node.clock.now())
    if ask_peer(node) == OPEN:
        return judge(seen._replace(gave_way=mark_superseded(node)), node.config)
    if so_far.promotions < MOST_PROMOTIONS:
        return _start_promotion(node, so_far, verdict)
    seconds = node.clock.now() - so_far.since
    why = (
        f"the VIP is here, but this server has been closed for {seconds:.0f} s, and"
        f" {so_far.promotions} promotions that the check has started have not opened it:"
        " notify_master -v by hand says why"
    )
    node.marks.forget_unopened()
    try:
        node.marks.mark_gave_way(why)
    except StateError as error:
        why = f"{why}; but {error}"
    return judge(seen._replace(gave_way=why), node.config)


def _start_promotion(node: Node, so_far: Unopened, verdict: Verdict) -> Verdict:
    """One more is counted first, so that one that cannot be started counts, too."""
    said = ""
    try:
        node.marks.note_unopened(so_far._replace(promotions=so_far.promotions + 1))
        node.keepalived.start_notify_master()
    except OSError as error:
        said = f"no promotion can be started: {error.strerror}"
    except StateError as error:
        said = str(error)
    if not said:
        return verdict
    return verdict._replace(sentence=f"{verdict.sentence}; {said}")
