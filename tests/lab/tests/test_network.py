"""What a node sees of its network, on real links: echo, ARP, neighbour discovery, VRRP adverts.

Three hosts on one bridge, each in namespaces of its own: ours, the other node, a client. No
servers, so each test takes a second or two; what asks runs on our node as a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.lab.error import LabError
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch, ip
from tests.lab.hosts.process import CHECKOUT

OURS, OTHER, CLIENT = "10.0.0.1", "10.0.0.2", "10.0.0.10"
OURS6, OTHER6, CLIENT6 = "fd00::1", "fd00::2", "fd00::10"
ABSENT, ABSENT6 = "10.0.0.99", "fd00::99"
VIP, VIP6 = "10.0.0.100", "fd00::100"
BOTH_FAMILIES = pytest.mark.parametrize("vip", [VIP, VIP6])

CALL = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from kachecks.config.options import parse
from kachecks.network.link import Network
network, (method, arguments) = Network(parse(sys.argv[2], "test.cnf")), json.loads(sys.argv[3])
started = time.monotonic()
try:
    value = getattr(network, method)(*arguments)
except PermissionError:
    value = "PermissionError"
print(json.dumps([value, time.monotonic() - started]))
"""


class Answer(NamedTuple):
    """What a method of Network returned, and how long it took."""

    value: Any
    seconds: float


class Lan:
    """Three hosts with one card each, `eth0`, on one bridge; another bridge is free."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.switch = Switch("br0", "br1")
        self.links = {address: Link(f"p{i}", "eth0", "br0", address) for i, address in enumerate(
            (OURS, OTHER, CLIENT)
        )}  # fmt: skip
        self.ours, self.other, self.client = (self._host(address) for address in self.links)
        for host, address in ((self.ours, OURS6), (self.other, OTHER6), (self.client, CLIENT6)):
            ip(host, f"address add {address}/64 dev eth0 nodad")

    def _host(self, address: str) -> Namespaces:
        host = Namespaces()
        # Otherwise the cards' link-local addresses are tentative for the first seconds.
        sysctl(host, "net.ipv6.conf.default.accept_dad", 0)
        self.switch.plug(host, self.links[address])
        return host

    def close(self) -> None:
        for one in (self.ours, self.other, self.client, self.switch):
            one.kill()

    def mac(self, address: str) -> str:
        return self.links[address].mac

    def ask(
        self,
        method: str,
        *arguments: Any,
        at: Namespaces | None = None,
        under: tuple[str, ...] = (),
        **options: object,
    ) -> Answer:
        """Call a method of Network; on our node, unless `at` says where. `under`: see setpriv."""
        values = {"vip": VIP, "peer": OTHER, "interface": "eth0", **options}
        text = "[kachecks]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
        argv = [*under, sys.executable, "-c", CALL, CHECKOUT, text, json.dumps([method, arguments])]
        return Answer(*json.loads((at or self.ours).run(argv).stdout))

    @contextlib.contextmanager
    def keepalived(self, *settings: str, vip: str, advert_int: float) -> Iterator[None]:
        """keepalived on the other node, from the moment it is MASTER; VRRPv3 below a second."""
        files = {kind: self._directory / f"keepalived.{kind}" for kind in ("conf", "pid", "vrrp")}
        version = 2 if advert_int >= 1 else 3
        files["conf"].write_text(
            "vrrp_instance one {\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n"
            f"  priority 250\n  advert_int {advert_int}\n  version {version}\n  "
            + "\n  ".join(settings)
            + f"\n  virtual_ipaddress {{\n    {vip}\n  }}\n}}\n"
        )
        argv = ["keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", files["conf"]]
        argv += ["-p", files["pid"], "-r", files["vrrp"]]
        process = self.other.popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if "Entering MASTER STATE" in line:
                    break
            else:
                pytest.fail(f"keepalived did not become MASTER: {''.join(said)}")
            yield
        finally:
            process.kill()
            process.communicate()


def sysctl(host: Namespaces, name: str, value: object) -> None:
    host.run(["sysctl", "-qw", f"{name}={value}"])


def let_every_third_pass(host: Namespaces, tables: str, protocol: str, *match: str) -> None:
    rule = [tables, "-A", "INPUT", "-p", protocol, *match]
    third = ["-m", "statistic", "--mode", "nth", "--every", "3", "--packet", "2"]
    host.run([*rule, *third, "-j", "ACCEPT"])
    host.run([*rule, "-j", "DROP"])


def give(host: Namespaces, vip: str) -> None:
    """As keepalived gives it."""
    ip(
        host,
        f"address add {vip}/128 dev eth0 nodad" if ":" in vip else f"address add {vip} dev eth0",
    )


def neighbour(host: Namespaces, address: str) -> str:
    """The MAC address that this host has in its neighbour cache, or ""."""
    shown = json.loads(host.run(["ip", "-json", "neighbour", "show", "to", address]).stdout)
    return str(shown[0].get("lladdr", "")) if shown else ""


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    lan = Lan(tmp_path)
    with contextlib.closing(lan):
        yield lan


# Echo --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [OTHER, OTHER6])
def test_a_host_answers_at_once(lan: Lan, address: str) -> None:
    answer = lan.ask("answers", [address], 1)
    assert answer.value is True
    assert answer.seconds < 0.1, "it took a second question"


@pytest.mark.parametrize("address", [ABSENT, ABSENT6, "192.0.2.1", "2001:db8::1"])
def test_who_is_absent_or_has_no_route_does_not_answer(lan: Lan, address: str) -> None:
    answer = lan.ask("answers", [address], 0.35)
    assert answer.value is False
    assert 0.35 <= answer.seconds < 0.6


def test_one_of_several_is_enough(lan: Lan) -> None:
    answer = lan.ask("answers", [ABSENT, ABSENT6, "192.0.2.1", OTHER6], 1)
    assert answer.value is True
    assert answer.seconds < 0.1


@pytest.mark.parametrize("chain", ["INPUT", "OUTPUT"])
def test_icmp_that_is_filtered_is_no_answer(lan: Lan, chain: str) -> None:
    host = lan.ours if chain == "OUTPUT" else lan.other  # OUTPUT: sendto gets EPERM
    host.run(["iptables", "-A", chain, "-p", "icmp", "-j", "DROP"])
    assert lan.ask("answers", [OTHER], 0.3).value is False


def test_the_question_is_asked_again(lan: Lan) -> None:
    let_every_third_pass(lan.other, "iptables", "icmp")
    answer = lan.ask("answers", [OTHER], 1)
    assert answer.value is True
    assert 0.2 <= answer.seconds < 0.4, "the third question is asked after 0.2 s"


def test_somebody_elses_ping_is_not_taken_for_ours(lan: Lan) -> None:
    busy = lan.ours.popen(["ping", "-q", "-i", "0.002", OTHER], stdout=subprocess.DEVNULL)
    try:
        assert lan.ask("answers", [ABSENT], 0.5).value is False
    finally:
        busy.kill()
        busy.wait()


def test_an_interface_that_is_down_is_no_answer(lan: Lan) -> None:
    ip(lan.ours, "link set eth0 down")
    assert lan.ask("answers", [OTHER, OTHER6], 0.2).value is False


NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


@pytest.mark.parametrize("address", [OTHER, OTHER6])
def test_whoever_may_not_use_raw_sockets_may_ping(lan: Lan, address: str) -> None:
    sysctl(lan.ours, "net.ipv4.ping_group_range", "0 65535")
    assert lan.ask("answers", [address], 1, under=NOBODY).value is True
    absent = ABSENT6 if ":" in address else ABSENT
    assert lan.ask("answers", [absent], 0.2, under=NOBODY).value is False


@pytest.mark.parametrize("address", [OTHER, OTHER6])
def test_without_either_permission_it_is_an_error(lan: Lan, address: str) -> None:
    sysctl(lan.ours, "net.ipv4.ping_group_range", "1 0")
    assert lan.ask("answers", [address], 1, under=NOBODY).value == "PermissionError"


# Neighbours --------------------------------------------------------------------------------------


@BOTH_FAMILIES
def test_another_host_has_the_vip(lan: Lan, vip: str) -> None:
    give(lan.other, vip)
    answer = lan.ask("holder_elsewhere", vip=vip)
    assert answer.value == lan.mac(OTHER)


@BOTH_FAMILIES
def test_nobody_has_the_vip(lan: Lan, vip: str) -> None:
    answer = lan.ask("holder_elsewhere", vip=vip)
    assert answer.value == ""
    assert 0.09 <= answer.seconds < 0.2


@BOTH_FAMILIES
def test_we_have_the_vip(lan: Lan, vip: str) -> None:
    give(lan.ours, vip)
    assert lan.ask("holder_elsewhere", vip=vip).value == ""


@BOTH_FAMILIES
def test_both_have_the_vip(lan: Lan, vip: str) -> None:
    give(lan.ours, vip)
    give(lan.other, vip)
    assert lan.ask("holder_elsewhere", vip=vip).value == lan.mac(OTHER)


@BOTH_FAMILIES
def test_a_second_card_of_ours_on_the_same_link_is_not_another_host(lan: Lan, vip: str) -> None:
    lan.switch.plug(lan.ours, Link("second", "eth1", "br0", "10.0.0.11"))
    give(lan.ours, vip)
    if ":" in vip:
        ip(lan.ours, f"address add {vip}/128 dev eth1 nodad")
    assert lan.ask("holder_elsewhere", vip=vip).value == ""


def test_one_of_several_vips_elsewhere_is_enough(lan: Lan) -> None:
    give(lan.other, VIP6)
    assert lan.ask("holder_elsewhere", vip=f"{ABSENT}, {VIP}, {VIP6}").value == lan.mac(OTHER)


def test_a_holder_that_gets_only_the_third_question(lan: Lan) -> None:
    """Neighbour discovery can be filtered by netfilter; ARP, asked by the same loop, cannot."""
    give(lan.other, VIP6)
    let_every_third_pass(lan.other, "ip6tables", "icmpv6", "--icmpv6-type", "135")
    answer = lan.ask("holder_elsewhere", vip=VIP6)
    assert answer.value == lan.mac(OTHER)
    assert answer.seconds >= 0.06


@BOTH_FAMILIES
def test_an_interface_that_is_down(lan: Lan, vip: str) -> None:
    give(lan.other, vip)
    ip(lan.ours, "link set eth0 down")
    assert lan.ask("holder_elsewhere", vip=vip, interface="eth0").value == ""
    assert lan.ask("announce", lan.mac(OTHER), vip=vip, interface="eth0").value is None
    assert lan.ask("hears_peer", vip=vip, interface="eth0", advert_int=0.1).value is False


@BOTH_FAMILIES
def test_an_interface_that_is_not_there(lan: Lan, vip: str) -> None:
    """That nobody answers would be no answer."""
    give(lan.other, vip)
    for method, *arguments in (["holder_elsewhere"], ["announce", lan.mac(OTHER)], ["hears_peer"]):
        with pytest.raises(LabError, match="there is no interface eth7"):
            lan.ask(method, *arguments, vip=vip, interface="eth7")


@BOTH_FAMILIES
def test_raw_sockets_that_are_not_permitted(lan: Lan, vip: str) -> None:
    for method, *arguments in (["holder_elsewhere"], ["announce", lan.mac(OTHER)], ["hears_peer"]):
        assert lan.ask(method, *arguments, vip=vip, under=NOBODY).value == "PermissionError"


@pytest.mark.parametrize("vip", [VIP, "192.168.7.7"])
@pytest.mark.parametrize("arp_ignore", [0, 1, 2, 3])
def test_a_holder_that_is_choosy_about_arp(lan: Lan, vip: str, arp_ignore: int) -> None:
    sysctl(lan.other, "net.ipv4.conf.all.arp_ignore", arp_ignore)
    give(lan.other, vip)
    assert lan.ask("holder_elsewhere", vip=vip).value == lan.mac(OTHER)


def test_a_holder_with_a_virtual_mac_that_we_have_too(lan: Lan) -> None:
    """keepalived's use_vmac makes the card on both nodes, and the VIP is on one of them."""
    virtual = "00:00:5e:00:01:33"
    for host in (lan.ours, lan.other):
        ip(host, f"link add vrrp.51 link eth0 address {virtual} type macvlan mode private",
           "link set vrrp.51 up")  # fmt: skip
        sysctl(host, "net.ipv4.conf.all.arp_ignore", 1)  # as keepalived does
    assert lan.ask("holder_elsewhere").value == ""
    ip(lan.ours, f"address add {VIP}/32 dev vrrp.51")
    assert lan.ask("holder_elsewhere").value == "", "our own virtual card answers"
    ip(lan.other, f"address add {VIP}/32 dev vrrp.51")
    assert lan.ask("holder_elsewhere").value == virtual


@pytest.mark.parametrize("peer", [OTHER, OTHER6])
def test_the_peer_is_on_the_link_though_it_filters_icmp(lan: Lan, peer: str) -> None:
    lan.other.run(["iptables", "-A", "INPUT", "-j", "DROP"])
    lan.other.run(
        ["ip6tables", "-A", "INPUT", "-p", "icmpv6", "--icmpv6-type", "echo-request", "-j", "DROP"]
    )
    assert lan.ask("answers", [peer], 0.2).value is False
    assert lan.ask("peer_on_link", peer=peer).value is True
    lan.switch.disconnect(lan.links[OTHER])
    assert lan.ask("peer_on_link", peer=peer).value is False


@pytest.mark.parametrize(("near", "far"), [(OTHER, "10.0.1.2"), (OTHER6, "fd01::2")])
def test_without_an_interface_the_route_to_the_peer_decides(lan: Lan, near: str, far: str) -> None:
    """The client has the VIP, and is on the first network only; the peer is on both."""
    for host, number in ((lan.ours, 1), (lan.other, 2)):
        lan.switch.plug(host, Link(f"q{number}", "eth1", "br1", f"10.0.1.{number}"))
        ip(host, f"address add fd01::{number}/64 dev eth1 nodad")
    give(lan.client, VIP)
    assert lan.ask("holder_elsewhere", peer=near, interface="").value == lan.mac(CLIENT)
    assert lan.ask("holder_elsewhere", peer=far, interface="").value == ""
    assert lan.ask("peer_on_link", peer=far, interface="").value is True
    ip(lan.ours, "link set eth0 down", "link set eth1 down")
    assert lan.ask("holder_elsewhere", peer=near, interface="").value == "", "no route any more"


# Announcements -----------------------------------------------------------------------------------


@BOTH_FAMILIES
def test_an_announcement_changes_the_entry_of_a_third_host(lan: Lan, vip: str) -> None:
    """As after a refused promotion: the client believes that we have the VIP, the other has it."""
    give(lan.ours, vip)
    lan.client.run(["ping", "-c", "1", "-w", "3", vip])
    assert neighbour(lan.client, vip) == lan.mac(OURS)
    ip(lan.ours, f"address del {vip}/{128 if ':' in vip else 32} dev eth0")
    give(lan.other, vip)

    lan.ask("announce", lan.mac(OTHER), vip=vip)

    assert neighbour(lan.client, vip) == lan.mac(OTHER)
    heard = lan.switch.run(["bridge", "-json", "fdb", "show", "br", "br0", "dynamic"]).stdout
    ports = {entry["mac"]: entry["ifname"] for entry in json.loads(heard)}
    assert ports[lan.mac(OTHER)] == lan.links[OTHER].port, "the switch believes that it has moved"


@BOTH_FAMILIES
def test_an_announcement_makes_no_entry(lan: Lan, vip: str) -> None:
    lan.ask("announce", lan.mac(OTHER), vip=vip)
    assert neighbour(lan.client, vip) == ""


# Adverts -----------------------------------------------------------------------------------------

UNICAST = (f"unicast_src_ip {OTHER}", f"unicast_peer {{\n    {OURS}\n  }}")
UNICAST6 = (f"unicast_src_ip {OTHER6}", f"unicast_peer {{\n    {OURS6}\n  }}")
PASSWORD = ("authentication {\n    auth_type PASS\n    auth_pass secret12\n  }",)
LINK_LOCAL_FIRST = f"fe80::100\n    {VIP6}"  # as RFC 9568 wants it


@pytest.mark.parametrize(
    ("settings", "advert_int", "vips", "vip"),
    [
        ((), 1, VIP, VIP),
        (PASSWORD, 1, VIP, VIP),
        ((), 0.3, VIP, VIP),
        (UNICAST, 1, VIP, VIP),
        (UNICAST, 0.3, VIP, VIP),
        ((), 0.3, LINK_LOCAL_FIRST, VIP6),
        (UNICAST6, 0.3, VIP6, VIP6),
    ],
    ids=["v2", "v2-password", "v3", "v2-unicast", "v3-unicast", "ipv6", "ipv6-unicast"],
)
def test_the_adverts_of_keepalived(
    lan: Lan, settings: tuple[str, ...], advert_int: float, vips: str, vip: str
) -> None:
    def hears(vip: str) -> Answer:
        return lan.ask("hears_peer", vip=vip, advert_int=advert_int)

    with lan.keepalived(*settings, vip=vips, advert_int=advert_int):
        heard = hears(vip)
        assert heard.value is True
        assert heard.seconds < 1.2 * advert_int, "an advert passed unheard"
        assert hears(f"{ABSENT}, {ABSENT6}").value is False, "heard for a VIP of another pair"
        for tables in ("iptables", "ip6tables"):
            lan.ours.run([tables, "-A", "INPUT", "-p", "112", "-j", "DROP"])
        deaf = hears(vip)
        assert deaf.value is False
        assert 2.2 * advert_int <= deaf.seconds < 2.2 * advert_int + 0.3


SEND = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sender:
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    while True:
        for advert in sys.argv[1:]:
            sender.sendto(bytes.fromhex(advert), ("224.0.0.18", 0))
        time.sleep(0.02)
"""
MASTER = "3133fa010064df710a000064"
LEAVES = "313300010064d9730a000064"
GARBAGE = ("3133fa", "3133faff0064df710a000064", "ff" * 40)


@contextlib.contextmanager
def sending(host: Namespaces, *adverts: str) -> Iterator[None]:
    ip(host, "route add 224.0.0.0/4 dev eth0")
    process = host.popen([sys.executable, "-c", SEND, *adverts])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_an_advert_amid_garbage_is_heard(lan: Lan) -> None:
    with sending(lan.other, *GARBAGE, LEAVES, MASTER):
        assert lan.ask("hears_peer").value is True


def test_a_master_that_leaves_is_not_heard(lan: Lan) -> None:
    with sending(lan.other, *GARBAGE, LEAVES):
        assert lan.ask("hears_peer").value is False


def test_our_own_adverts_are_not_the_peers(lan: Lan) -> None:
    with sending(lan.ours, MASTER):
        assert lan.ask("hears_peer").value is False
        assert lan.ask("hears_peer", at=lan.client).value is True, "nothing was sent at all"


# Whether keepalived runs at all ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "advert_int", "vips", "vip", "peer"),
    [
        ((), 1, VIP, VIP, OTHER),
        (UNICAST, 0.3, VIP, VIP, OTHER),
        ((), 0.3, LINK_LOCAL_FIRST, VIP6, OTHER6),
        (UNICAST6, 0.3, VIP6, VIP6, OTHER6),
    ],
    ids=["multicast", "unicast", "ipv6", "ipv6-unicast"],
)
def test_a_kernel_without_vrrp_says_so(
    lan: Lan, settings: tuple[str, ...], advert_int: float, vips: str, vip: str, peer: str
) -> None:
    def silent() -> Answer:
        return lan.ask("peer_has_no_vrrp", vip=vip, peer=peer)

    with lan.keepalived(*settings, vip=vips, advert_int=advert_int):
        assert silent().value is False
    assert silent().value is True
    for tables in ("iptables", "ip6tables"):
        lan.ours.run([tables, "-A", "INPUT", "-p", "icmpv6" if "6" in tables else "icmp",
                      "-j", "DROP"])  # fmt: skip
        lan.other.run([tables, "-A", "INPUT", "-p", "112", "-j", "DROP"])
    filtered = silent()
    assert filtered.value is False, "a firewall is no proof"
    assert filtered.seconds < 0.5


def test_nobody_at_that_address(lan: Lan) -> None:
    assert lan.ask("peer_has_no_vrrp", peer=ABSENT).value is False


def test_vrrp_on_another_interface_than_the_peer(lan: Lan) -> None:
    """keepalived's socket there is bound to its interface: silence here would prove nothing."""
    assert lan.ask("peer_has_no_vrrp", interface="lo").value is False


def test_knocking_needs_a_right(lan: Lan) -> None:
    assert lan.ask("peer_has_no_vrrp", under=NOBODY).value == "PermissionError"
