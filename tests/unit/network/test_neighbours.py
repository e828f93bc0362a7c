"""ARP and neighbour discovery: packets as Linux sent them, and those that must not count.

Captured from Linux 6.18: host 02:00:0a:00:00:02, with 10.0.0.2 and fd00::2, answers the questions
of 02:00:0a:00:00:01.
"""

import socket

import pytest

from kachecks.network import arp, interfaces, ndp, neighbours

OURS, OTHER = "02:00:0a:00:00:01", "02:00:0a:00:00:02"
OUR_MAC, OTHER_MAC = bytes.fromhex("02000a000001"), bytes.fromhex("02000a000002")
IPV4, IPV6 = socket.inet_aton("10.0.0.2"), socket.inet_pton(socket.AF_INET6, "fd00::2")

ARP_REPLY = bytes.fromhex("000108000604000202000a0000020a00000202000a00000100000000")
ADVERTISEMENT = bytes.fromhex(
    "8800081a60000000fd000000000000000000000000000002020102000a000002"
)  # solicited, override
NOTHING = (b"", "")


@pytest.mark.parametrize("padding", [b"", bytes(18)])  # to the least length of a frame
def test_an_arp_reply_tells_who_answers(padding: bytes) -> None:
    assert arp.answerer(ARP_REPLY + padding, OUR_MAC) == (IPV4, OTHER)


@pytest.mark.parametrize(
    "packet",
    [
        ARP_REPLY[:27],
        b"",
        arp.question(IPV4, OTHER_MAC),
        arp.announcement(IPV4, OTHER_MAC),  # somebody may say it for another
        b"\0\x06" + ARP_REPLY[2:],  # not Ethernet
        ARP_REPLY[:4] + b"\x08\x04" + ARP_REPLY[6:],  # not six bytes of hardware address
        ARP_REPLY[:18] + b"\xff" * 6 + ARP_REPLY[24:],  # unasked, to everybody
        ARP_REPLY[:18] + OTHER_MAC + ARP_REPLY[24:],  # to somebody else
    ],
    ids=["short", "empty", "question", "announcement", "hardware", "lengths", "unasked", "other"],
)
def test_no_other_arp_packet_is_an_answer(packet: bytes) -> None:
    assert arp.answerer(packet, OUR_MAC) == NOTHING


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        # It comes from nobody.
        (arp.question(IPV4, OUR_MAC), "000108000604000102000a000001000000000000000000000a000002"),
        # Gratuitous: as keepalived 2.2.7 sends it, but for its ff:… in the place of the target's
        # MAC address, which says nothing in a request.
        (
            arp.announcement(IPV4, OUR_MAC),
            "000108000604000102000a0000010a0000020000000000000a000002",
        ),
        # It names us, so that the answer finds us.
        (
            ndp.question(IPV6, OUR_MAC),
            "8700000000000000fd000000000000000000000000000002010102000a000001",
        ),
        # It overrides, and names the MAC address.
        (
            ndp.announcement(IPV6, OUR_MAC),
            "8800000020000000fd000000000000000000000000000002020102000a000001",
        ),
    ],
    ids=["ARP question", "ARP announcement", "solicitation", "advertisement"],
)
def test_what_is_sent(packet: bytes, expected: str) -> None:
    assert packet.hex() == expected


@pytest.mark.parametrize("before", [b"", bytes([14, 2]) + bytes(14)])  # a nonce (RFC 3971)
def test_an_advertisement_tells_who_answers(before: bytes) -> None:
    """The option that names the MAC address need not be the first."""
    assert ndp.answerer(ADVERTISEMENT[:24] + before + ADVERTISEMENT[24:]) == (IPV6, OTHER)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        ADVERTISEMENT[:23],
        ADVERTISEMENT[:24],  # names no MAC address
        ADVERTISEMENT[:-1],
        ADVERTISEMENT[:24] + bytes(8),  # an option of length 0 must not hold us for ever
        ADVERTISEMENT[:24] + bytes([1]) + ADVERTISEMENT[25:],  # the sender's address: no answer
        b"\x87" + ADVERTISEMENT[1:],
        ADVERTISEMENT[:1] + b"\1" + ADVERTISEMENT[2:],
        ndp.question(IPV6, OTHER_MAC),
        ndp.announcement(IPV6, OTHER_MAC),  # somebody may say it for another
        ADVERTISEMENT[:4] + b"\xa0" + ADVERTISEMENT[5:],  # by a router, unasked
    ],
)
def test_no_other_icmpv6_packet_is_an_answer(packet: bytes) -> None:
    assert ndp.answerer(packet) == NOTHING


def test_the_group_of_who_has_an_address() -> None:
    address = socket.inet_pton(socket.AF_INET6, "2001:db8::12ab:cdef")
    assert ndp.solicited_node(address) == "ff02::1:ffab:cdef"


def test_the_mac_that_vrrp_gives_to_the_master_is_not_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = {OURS, "00:00:5e:00:01:33", "00:00:5e:00:02:33"}
    monkeypatch.setattr(interfaces, "own_macs", lambda: cards)
    assert neighbours.own_macs() == {OURS}


class Answering:
    """A link on which somebody answers at once, again and again."""

    def __init__(self, mac: str) -> None:
        self.mac = mac
        self.near, self.far = socket.socketpair()
        self.far.send(b"x")  # always something to read

    def fileno(self) -> int:
        return self.near.fileno()

    def probe(self) -> None:
        pass

    def answer(self) -> str:
        return self.mac

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.mark.parametrize(("mac", "found"), [(OTHER, OTHER), (OURS, ""), ("", "")])
def test_our_own_answer_is_none(monkeypatch: pytest.MonkeyPatch, mac: str, found: str) -> None:
    """A second card on the same link answers as well."""
    monkeypatch.setattr(neighbours, "own_macs", lambda: {OURS})
    link = Answering(mac)
    monkeypatch.setattr(neighbours, "_links", lambda *_: [link])
    assert neighbours.who_answers(["10.0.0.100"], "eth0") == found
    assert link.near.fileno() == -1


class Overslept(Answering):
    """Its answer has come when this process wakes up, too late, behind packets of others."""

    def __init__(self, mac: str, clock: list[float], others: int) -> None:
        super().__init__(mac)
        self.clock, self.left = clock, others
        self.far.send(b"x" * others)

    def probe(self) -> None:
        self.clock[0] += 60.0

    def answer(self) -> str:
        self.near.recv(1)
        self.left -= 1
        return self.mac if self.left < 0 else ""


@pytest.mark.parametrize("others", [0, 40])
def test_what_has_come_is_read_late(monkeypatch: pytest.MonkeyPatch, others: int) -> None:
    clock = [0.0]
    monkeypatch.setattr(neighbours.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(neighbours, "own_macs", set)
    monkeypatch.setattr(neighbours, "_links", lambda *_: [Overslept(OTHER, clock, others)])
    assert neighbours.who_answers(["10.0.0.100"], "eth0") == OTHER


def test_all_who_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer does not end it, as for who_answers."""
    links = [Answering(each) for each in (OTHER, OURS, "02:00:0a:00:00:77", OTHER)]
    monkeypatch.setattr(neighbours, "own_macs", lambda: {OURS})
    monkeypatch.setattr(neighbours, "_links", lambda *_: links)
    found = neighbours.all_who_answer(["10.0.0.100"], "eth0")
    assert found == {OTHER, "02:00:0a:00:00:77"}
    assert all(each.near.fileno() == -1 for each in links)


@pytest.mark.parametrize("interface", ["no-such-card", ""])
@pytest.mark.parametrize("address", ["10.0.0.100", "fd00::100"])
def test_where_there_is_no_interface_nobody_answers(address: str, interface: str) -> None:
    assert neighbours.who_answers([address], interface) == ""
    assert not neighbours.all_who_answer([address], interface)
    neighbours.announce([address], OURS, interface)


@pytest.mark.parametrize("mac", ["", "02:00:0a:00:00", "02:00:0a:00:00:01:02", "eth0"])
def test_only_a_mac_address_is_announced(mac: str) -> None:
    with pytest.raises(ValueError, match=r"MAC|hex"):
        neighbours.announce(["10.0.0.100"], mac, "lo")
