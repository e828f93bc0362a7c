"""Does anybody at that address take VRRP packets? A kernel says so itself when nobody does.

A host answers a packet of an IP protocol that no socket there wants with ICMP protocol unreachable
(RFC 1122, 3.2.2.1), with ICMPv6 unrecognized next header (RFC 4443, 3.4). keepalived has such a
socket from its start to its end, whatever its state, and drops our packet without a word: it names
virtual router 0, which cannot be configured (measured: 0.1 to 0.7 ms until the error where 2.2.7
and 2.3.3 were stopped, silence and no line in their log where they ran).

keepalived's socket is bound to the interface where VRRP runs: only a packet that arrives there
counts, so not where the address is on another network, and not with use_vmac.
"""

from __future__ import annotations

import errno

VRRP = 112
"""Its IP protocol number (RFC 5798)."""

ADVERT = bytes([0x21, 0, 0, 0, 0, 1, 0, 0]) + bytes(12)
"""As long as an advert of version 2 for one address, of virtual router 0 with priority 0."""

_NOBODY = (errno.ENOPROTOOPT, errno.EPROTO)  # what Linux makes of the two messages


def nobody_listens(address: str, seconds: float) -> bool:
    """The host at this address says within so many seconds that nobody takes VRRP there.

    False where it says nothing: somebody does, or a firewall is in between.

    Raises:
        PermissionError: without CAP_NET_RAW.
    """
    import select
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_RAW, VRRP) as knocking:
        try:
            knocking.connect((address, 0))
            knocking.send(ADVERT)
            # Adverts of that host arrive at this socket, too, where VRRP is unicast: an error
            # is not readable before them, so it is asked for by itself.
            poller = select.poll()
            poller.register(knocking, 0)
            poller.poll(seconds * 1000)
            return knocking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _NOBODY
        except OSError as error:
            return error.errno in _NOBODY
