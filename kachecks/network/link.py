"""What this node sees of the network around it, and what it tells the network.

A thin composition of three modules: who answers pings (ping), who has an address on the link
(neighbours), who is MASTER for our VIP (vrrp). The healthy path of check_mysql needs only ping; the
others are imported where they are used.
"""

from __future__ import annotations

from kachecks.network import vip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from kachecks.config.options import Config

_DEAF_AFTER_ADVERTS = 2.2  # two adverts must have been lost, and the timer's jitter on top
_KNOCK_SECONDS = 0.1  # the answer comes in less than 1 ms


class Network:
    """The network of one pair, as this node sees it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def vip_here(self) -> bool:
        """Every VIP of this pair is on this host at this moment. Raises OSError."""
        return vip.here(self._config.vips)

    def answers(self, addresses: Sequence[str], seconds: float) -> bool:
        """Any of them answers a ping within so many seconds; returns at the first answer.

        Raises: PermissionError, neither root nor allowed to ping.
        """
        from kachecks.network import ping

        return ping.answers(addresses, seconds)

    def holder_elsewhere(self) -> str:
        """MAC address of another host that answers for one of our VIPs, "" when nobody does.

        Takes 90 ms when nobody does. Raises: PermissionError without CAP_NET_RAW.
        """
        from kachecks.network import neighbours

        return neighbours.who_answers(self._config.vips, self._interface())

    def peer_on_link(self) -> bool:
        """Another host answers ARP, or ND, for the peer's own address. That works even where ping
        is filtered.

        An IPv4 address answers on any interface of the peer (Linux, arp_ignore = 0), an IPv6
        address only on the interface that has it. Raises: PermissionError without CAP_NET_RAW.
        """
        from kachecks.network import neighbours

        return bool(neighbours.who_answers([self._config.peer], self._interface()))

    def hears_peer(self) -> bool:
        """Another host sends adverts for one of our VIPs; returns at the first advert heard.

        Waits for a little more than two advert intervals. Raises: PermissionError without
        CAP_NET_RAW.
        """
        from kachecks.network import vrrp

        seconds = _DEAF_AFTER_ADVERTS * self._config.advert_int
        return vrrp.heard(self._config.vips, self._interface(), seconds)

    def peer_has_no_vrrp(self) -> bool:
        """The peer's kernel says that nobody there receives VRRP packets: no keepalived runs.

        False where it does not say so, which takes 0.1 s. Raises: PermissionError without
        CAP_NET_RAW.
        """
        from kachecks.network import interfaces, vrrp

        interface = self._config.interface
        if interface and interface != interfaces.towards(self._config.peer):
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

        return self._config.interface or interfaces.towards(self._config.peer)
