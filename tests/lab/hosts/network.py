"""The wires of a lab: bridges in a namespace of their own, so no name on the host ever collides."""

import contextlib
import subprocess
from dataclasses import dataclass

from tests.lab.error import LabError
from tests.lab.hosts.namespaces import ENVIRONMENT, Namespaces

PREFIX = 24  # every network of the lab is a /24


@dataclass(frozen=True)
class Link:
    """One network card: an interface inside, a port of a bridge on the switch's side."""

    port: str  # name of the switch's end
    interface: str  # name of the inner end
    bridge: str
    address: str

    @property
    def mac(self) -> str:
        """Fixed, as a real card's is: neighbours' ARP entries survive a power cycle."""
        return "02:00:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))


def ip(inside: Namespaces, *commands: str) -> None:
    """Run `ip` commands (without the word ip) in the network namespace of `inside`.

    Only in that one: the pids in the commands are the host's.
    """
    done = subprocess.run(
        ["nsenter", "-t", str(inside.pid), "--net", "ip", "-batch", "-"],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=30,
    )
    if done.returncode:
        raise LabError(f"ip {'; '.join(commands)}: {done.stderr.strip()}")


class Switch(Namespaces):
    """The bridges that the lab's links are plugged into."""

    def __init__(self, *bridges: str) -> None:
        super().__init__()
        ip(self, "link set lo up")
        for number, bridge in enumerate(bridges):
            # An address of its own: a bridge without one takes that of a port, and changes it when
            # the port goes, to the surprise of everybody's ARP cache.
            # Snooping would keep VRRP's multicast from ports that have not asked for it (yet).
            own = f"address 02:01:00:00:00:{number:02x}"
            add = f"link add {bridge} {own} type bridge forward_delay 0 mcast_snooping 0"
            ip(self, add, f"link set {bridge} up")

    def plug(self, host: Namespaces, link: Link) -> None:
        """Give `host` the network card `link` and connect it, with its address."""
        self.insert(host, link)
        ip(
            host,
            "link set lo up",
            f"address add {link.address}/{PREFIX} dev {link.interface}",
            f"link set {link.interface} up",
        )

    def insert(self, host: Namespaces, link: Link) -> None:
        """Give `host` the network card `link`, connected; its system does the rest."""
        inner_end = f"name {link.interface} address {link.mac} netns {host.pid}"
        ip(
            self,
            f"link add {link.port} type veth peer {inner_end}",
            f"link set {link.port} master {link.bridge} up",
        )

    def unplug(self, link: Link) -> None:
        """Take the card away, both ends. With its host's network it may be gone already."""
        with contextlib.suppress(LabError):
            ip(self, f"link del {link.port}")

    def disconnect(self, link: Link) -> None:
        """Silent loss: the interface keeps its carrier, nothing passes."""
        ip(self, f"link set {link.port} nomaster")

    def move(self, link: Link, bridge: str) -> None:
        """To a network where only those are that were moved there too."""
        ip(self, f"link set {link.port} master {bridge}")

    def cut_carrier(self, link: Link) -> None:
        """The cable is out: the inner interface reports NO-CARRIER."""
        ip(self, f"link set {link.port} down")

    def reconnect(self, link: Link) -> None:
        """Undo both kinds of loss, and a move."""
        ip(self, f"link set {link.port} master {link.bridge} up")

    def add_address(self, bridge: str, address: str) -> None:
        """A host of its own on the network, such as a witness."""
        ip(self, f"address add {address}/{PREFIX} dev {bridge}")
