"""What this node sees of the network around it, and what it tells the network.

A thin composition of three modules: who answers pings (ping), who has an address on the link
(neighbours), who is MASTER for our VIP (vrrp). The healthy path of check_mysql needs only ping; the
others are imported where they are used.
"""

from __future__ import annotations

from kachecks.network import vip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kachecks.config.options import Config

_DEAF_AFTER_ADVERTS = 2.2  # two adverts must have been lost, and the timer's jitter on top
_KNOCK_SECONDS = 0.1  # the answer comes in less than 1 ms
_HOLDER_SECONDS = 2.0
_AT_ONCE = 0.015  # s; a kernel on the same link answers within one millisecond


class Network:
    """The network of one pair, as this node sees it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def vip_here(self) -> bool:
        """Every VIP of this pair is on this host at this moment. Raises OSError."""
        return vip.here(self._config.vips)

    def vips_missing(self) -> tuple[str, ...]:
        """Those VIPs of this pair that are not on this host. Raises OSError."""
        return tuple(each for each in self._config.vips if not vip.here([each]))

    def answers(self, addresses: Sequence[str], seconds: float) -> bool:
        """Any of them answers a ping within so many seconds; returns at the first answer.

        Raises OSError: not allowed to ping, or no socket is left.
        """
        from kachecks.network import ping

        return ping.answers(addresses, seconds)

    def holder_elsewhere(self) -> str:
        """MAC address of another host that answers for one of our VIPs, "" when nobody does.

        Takes 90 ms when nobody does. Raises OSError: there is no such interface; PermissionError
        without CAP_NET_RAW.
        """
        from kachecks.network import neighbours

        return neighbours.who_answers(self._config.vips, self._interface())

    def _holder_at_once(self) -> str:
        from kachecks.network import neighbours

        return neighbours.who_answers(self._config.vips, self._interface(), _AT_ONCE)

    def ask_for_holder(self) -> Callable[[], str]:
        """Begin to ask, in a thread, what holder_elsewhere tells; a call gets the answer.

        With everything that has to be loaded it takes longer than a takeover has time, so it is
        begun first of all, and the three probes follow each other faster.

        The call raises OSError: PermissionError as above, TimeoutError if this host is too slow.
        """
        from kachecks.asking import Asking
        from kachecks.bounded import GivenUp

        asking = Asking()
        asking.ask("holder", self._holder_at_once)

        def answer() -> str:
            try:
                return str(asking.answer("holder", _HOLDER_SECONDS))
            except GivenUp:
                raise TimeoutError("whether another host has the VIP was not found out") from None

        return answer

    def peer_on_link(self) -> bool:
        """Another host answers ARP, or ND, for the peer's own address. That works even where ping
        is filtered.

        An IPv4 address answers on any interface of the peer (Linux, arp_ignore = 0), an IPv6
        address only on the interface that has it. Raises: PermissionError without CAP_NET_RAW.
        """
        from kachecks.network import neighbours

        return bool(neighbours.who_answers([self._config.peer], self._interface()))

    def nothing_on_link(self, seconds: float) -> bool:
        """Nobody but this host answers for a VIP, nor the peer's host in any way, within so many
        seconds, and all of that can be told: the peer is a neighbour on the link of the VIP.

        Raises: PermissionError without CAP_NET_RAW; OSError: no socket is left.
        """
        from kachecks.network import neighbours

        if not self.peer_is_neighbour():
            return False
        asked, apart = [*self._config.vips, self._config.peer], seconds / 5
        if neighbours.who_answers(asked, self._interface(), apart):
            return False
        return not self.answers([self._config.peer], seconds - 3 * apart)

    def macs_of_vip(self) -> frozenset[str]:
        """MAC address of every other host that answers for one of our VIPs; takes 90 ms.

        Raises: PermissionError without CAP_NET_RAW.
        """
        from kachecks.network import neighbours

        return neighbours.all_who_answer(self._config.vips, self._interface())

    def macs_of_peer(self) -> frozenset[str]:
        """The same for the peer's own address, as in peer_on_link."""
        from kachecks.network import neighbours

        return neighbours.all_who_answer([self._config.peer], self._interface())

    def hears_peer(self) -> bool:
        """Another host sends adverts for one of our VIPs; returns at the first advert heard.

        Waits for a little more than two advert intervals. Raises: PermissionError without
        CAP_NET_RAW.
        """
        from kachecks.network import vrrp

        seconds = _DEAF_AFTER_ADVERTS * self._config.advert_int
        return vrrp.heard(self._config.vips, self._interface(), seconds)

    def _shares_link(self) -> bool:
        """The peer's own address is reached by the interface of the VIP."""
        from kachecks.network import interfaces

        interface = self._config.interface
        return not interface or interface == interfaces.towards(self._config.peer)

    def peer_is_neighbour(self) -> bool:
        """The peer's own address is on the link of the VIP, an Ethernet, with no router between."""
        from kachecks.network import interfaces

        interface, near = interfaces.route_to(self._config.peer)
        same = near and (self._config.interface or interface) == interface
        return same and bool(interfaces.mac_of(interface))

    def peer_has_no_vrrp(self) -> bool:
        """The peer's kernel says that nobody there receives VRRP packets: no keepalived runs.

        False where it does not say so, which takes 0.1 s. Raises: PermissionError without
        CAP_NET_RAW.
        """
        from kachecks.network import vrrp

        if not self._shares_link():
            return False
        return vrrp.nobody_listens(self._config.peer, _KNOCK_SECONDS)

    def announce(self, mac: str) -> None:
        """Tell the hosts on the link that our VIPs are at this MAC address (`02:00:…`).

        Raises: PermissionError without CAP_NET_RAW; ValueError if it is no MAC address.
        """
        from kachecks.network import neighbours

        neighbours.announce(self._config.vips, mac, self._interface())

    def _interface(self) -> str:
        from kachecks.network import interfaces

        named = self._config.interface
        if named and not interfaces.exists(named):
            from errno import ENODEV

            raise OSError(ENODEV, f"there is no interface {named} (option interface)")
        return named or interfaces.towards(self._config.peer)
