"""Ask who else on this link has an IP address, and announce who has it: IPv4 and IPv6 alike.

The frames carry our own MAC address as their sender, whatever they announce: a switch would
otherwise believe that the other host has moved to our port.
"""

from __future__ import annotations

import select
import time

from kachecks.network import interfaces
from kachecks.network.arp import Arp
from kachecks.network.ndp import Discovery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Union

    Link = Union[Arp, Discovery]

_PROBES = 3
PROBE_SECONDS = 0.03
_READ_LATE = 100  # packets; on a link that is flooded there is no end
_ANNOUNCEMENTS = 5  # at once, as keepalived's vrrp_garp_master_repeat: one frame may be lost
_VIRTUAL_MACS = ("00:00:5e:00:01:", "00:00:5e:00:02:")  # RFC 9568 section 7.3


def who_answers(addresses: Sequence[str], interface: str, apart: float = PROBE_SECONDS) -> str:
    """MAC address (`02:00:…`) of another host that answers for one of these addresses, or "".

    Sends three probes, ``apart`` seconds one after the other: 90 ms when nobody answers. This
    host's own answers, which reach it from a second card on the same link, do not count. "" also
    where the interface does not exist, is down or is no Ethernet.

    Raises:
        PermissionError: CAP_NET_RAW is missing.
    """
    answers = _answers(addresses, interface, apart)
    try:
        return next(answers, "")
    finally:
        answers.close()


def all_who_answer(addresses: Sequence[str], interface: str) -> frozenset[str]:
    """The MAC address of every other host that answers for one of these addresses within 90 ms.

    Raises: PermissionError, as above.
    """
    return frozenset(_answers(addresses, interface, PROBE_SECONDS))


def _answers(addresses: Sequence[str], interface: str, apart: float) -> Generator[str, None, None]:
    """Each answer of another host, as it comes."""
    own = own_macs()
    links = _links(addresses, interface)
    try:
        for _ in range(_PROBES if links else 0):
            until = time.monotonic() + apart
            for link in links:
                link.probe()
            for ready in _readable(links, until):
                mac = ready.answer()
                if mac and mac not in own:
                    yield str(mac)
    finally:
        for link in links:
            link.close()


def _readable(links: list[Link], until: float) -> Generator[Link, None, None]:
    """Each link once for every packet that has come until then.

    This process may have been asleep at that time: what lies there already came before, and is not
    lost.
    """
    late = 0
    while late < _READ_LATE:
        left = until - time.monotonic()
        ready = select.select(links, [], [], max(left, 0.0))[0]
        if left <= 0 and not ready:
            return
        late += left <= 0
        yield from ready


def announce(addresses: Sequence[str], mac: str, interface: str) -> None:
    """Tell every host on the link that these addresses are at that MAC address.

    Their caches are updated where they have an entry, and get no new one. Nothing happens where the
    interface does not exist, is down or is no Ethernet.

    Raises:
        PermissionError: CAP_NET_RAW is missing.
        ValueError: it is no MAC address.
    """
    hardware = bytes.fromhex(mac.replace(":", ""))
    if len(hardware) != 6:
        raise ValueError(f"{mac} is no MAC address, expected six bytes as 02:00:0a:00:00:01")
    for link in _links(addresses, interface):
        try:
            for _ in range(_ANNOUNCEMENTS):
                link.announce(hardware)
        finally:
            link.close()


def own_macs() -> set[str]:
    """The MAC addresses of this host, without those that VRRP gives to whoever is MASTER.

    With `use_vmac` both nodes have the same virtual MAC address, but the standby never sends from
    it.
    """
    return {mac for mac in interfaces.own_macs() if not mac.startswith(_VIRTUAL_MACS)}


def _links(addresses: Sequence[str], interface: str) -> list[Link]:
    """One for each family of these addresses that the interface can do.

    Raises: PermissionError.
    """
    own_mac = interfaces.mac_of(interface)
    links: list[Link] = []
    families: tuple[tuple[type[Link], list[str]], ...] = (
        (Arp, [address for address in addresses if ":" not in address]),
        (Discovery, [address for address in addresses if ":" in address]),
    )
    for family, asked in families:
        if own_mac and asked:
            try:
                links.append(family(asked, interface, own_mac))
            except PermissionError:
                raise
            except OSError:
                continue  # the interface has just gone, or the kernel has no IPv6
    return links
