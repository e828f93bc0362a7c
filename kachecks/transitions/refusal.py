"""Why a node that has the VIP is not opened: the ways in which a promotion ends without opening.

Where each refusal is raised:

- the other server is no pair of this one, cannot be asked or closed, or may still be writing; its
  host answers, its mysqld does not (on_hung_peer): ``peer``, ``peer_search``
- this node is the one cut off, or cannot look for the peer's host: ``presence``
- replication is broken, gets nowhere or goes by file, own transactions are lost:
  ``apply_received``
- this node may be hours behind (cold_start) or is known to be (on_stale_replica), this server could
  not serve, or does not let itself be opened: ``promotion``
- the other node's promotion has not ended, this server's GTIDs are off: ``sessions``

Before a promotion begins, ``reconcile`` may end it without a Refusal: ``not now`` (this node has
given way, or is leaving), ``lock busy``.

Why the check refuses a standby the VIP is told by the column *standby* of ``check.verdict``.
"""

from __future__ import annotations


class Refusal(Exception):
    """This node must not open; the text says why."""


class Interrupted(Refusal):
    """A session has ended, and with it our lock. This promotion is over, but a new one may
    begin."""


class StandAside(Exception):
    """This node is not to be promoted any more: the VIP has left, or is about to leave."""


class VipGone(StandAside):
    """The VIP has left this host."""


class Leaving(StandAside):
    """Somebody on this host is closing it in order to leave."""
