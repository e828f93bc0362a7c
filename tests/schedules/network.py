"""What reaches whom. Every path has a direction; a fault takes one away."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.world import World


class Cuts:
    """What of one node's own links is cut, or between the nodes in the direction from it."""

    def __init__(self) -> None:
        self.sends = self.hears = True  # its link to clients, witness and VRRP
        self.replication_sends = self.replication_hears = True  # its second link, where it has one
        self.carrier = True
        self.adverts_pass = self.sql_passes = self.anything_passes = True  # towards the other node
        self.sql_accepted = True  # no firewall answers a connection to the other node with RST


class Links:
    """The network of both nodes. One link each, or a second one for replication."""

    def __init__(self, world: World, one_link: bool) -> None:
        self.world, self.one_link = world, one_link
        self.cuts = (Cuts(), Cuts())
        self.witness_answers = True
        self._known: dict[tuple[str, int], bool] = {}

    def changed(self) -> None:
        """Something was cut, healed, switched off or on: what was known is not known any more."""
        self._known.clear()

    def _link(self, source: Node, target: Node) -> bool:
        out, into = self.cuts[source.index], self.cuts[target.index]
        return out.anything_passes and out.sends and into.hears and self._kernels(source, target)

    def _kernels(self, source: Node, target: Node) -> bool:
        return source.kernel_answers and target.kernel_answers

    def adverts(self, source: Node, target: Node) -> bool:
        """VRRP's multicast gets there."""
        return self._link(source, target) and self.cuts[source.index].adverts_pass

    def ip(self, source: Node, target: Node) -> bool:
        """Packets to the peer's own address get there."""
        if self.one_link:
            return self._link(source, target)
        out, into = self.cuts[source.index], self.cuts[target.index]
        return (
            out.anything_passes
            and out.replication_sends
            and into.replication_hears
            and self._kernels(source, target)
        )

    def sql(self, source: Node, target: Node) -> bool:
        """Packets of a connection to or from mysqld's port get there."""
        passes = self._known.get(("sql", source.index))
        if passes is None:
            passes = self.cuts[source.index].sql_passes and self.ip(source, target)
            self._known["sql", source.index] = passes
        return passes

    def rejects(self, source: Node, target: Node) -> bool:
        """A connection to mysqld's port is answered by a firewall, as if nobody listened."""
        if self.cuts[source.index].sql_accepted:
            return False
        return self.ip(source, target) and self.ip(target, source)

    def echo(self, asking: Node, asked: Node) -> bool:
        """ICMP to the peer's own address is answered."""
        return self.ip(asking, asked) and self.ip(asked, asking)

    def arp(self, asking: Node, asked: Node) -> bool:
        """On the link of the VIP, a question of one node is answered by the other."""
        return self._link(asking, asked) and self._link(asked, asking)

    def talk(self, one: Node, other: Node) -> bool:
        """Anything gets there and back."""
        sql = self.sql(one, other) and self.sql(other, one)
        return sql or self.echo(one, other) or self.arp(one, other)

    def outside(self, node: Node) -> bool:
        """Clients, and the witness if it is there, reach this node and it reaches them."""
        reached = self._known.get(("outside", node.index))
        if reached is None:
            cuts = self.cuts[node.index]
            reached = cuts.sends and cuts.hears and node.kernel_answers
            self._known["outside", node.index] = reached
        return reached

    def witness(self, node: Node) -> bool:
        return self.witness_answers and self.outside(node)
