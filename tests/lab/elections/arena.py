"""Pairs of namespaces in which real keepalived holds an election: no server, no clients."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab.elections.plan import SECOND_INTERFACE, Plan
from tests.lab.error import LabError
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch, ip
from tests.lab.servers.keepalived import PROGRAM, Keepalived

VIP = "10.0.0.100"


def furnish(space: Namespaces, keepalived: Keepalived) -> Path:
    """Make this keepalived start in `space`; returns the program."""
    if keepalived.files:
        # The namespaces' mounts are their own: the host keeps its /etc/keepalived.
        space.run(["mount", "-t", "tmpfs", "none", "/etc/keepalived"])
        for name, file in keepalived.files.items():
            space.run(["cp", file, f"/etc/keepalived/{name}"])
    return Path(keepalived.binds.get(PROGRAM, PROGRAM))


def pid_files(directory: Path) -> list[str | Path]:
    """Options that keep one keepalived's pid files apart; 2.3 wants those of all processes."""
    names = {"-p": "pid", "-r": "vrrp.pid", "-c": "checkers.pid", "-b": "bfd.pid"}
    return [word for option, name in names.items() for word in (option, directory / name)]


class Contender:
    """One node: a card, a second interface to track, and keepalived where it has been started."""

    def __init__(self, switch: Switch, link: Link, directory: Path, keepalived: Keepalived) -> None:
        self._switch = switch
        self.link = link
        self.directory = directory
        directory.mkdir()
        self.conf = directory / "keepalived.conf"
        self.log = directory / "keepalived.log"
        self._space = Namespaces()
        switch.plug(self._space, link)
        ip(
            self._space,
            f"link add {SECOND_INTERFACE} type veth peer far",
            f"link set {SECOND_INTERFACE} up",
            "link set far up",
        )
        self._program = furnish(self._space, keepalived)
        self._keepalived: int | None = None  # pid inside

    @property
    def holds_vip(self) -> bool:
        """From the kernel's own table, read through /proc of the node's first process."""
        return f"|-- {VIP}\n" in Path(f"/proc/{self._space.pid}/net/fib_trie").read_text()

    def start(self, config_id: str) -> None:
        """Start keepalived; one that was stopped must have ended.

        Raises:
            LabError: it still runs.
        """
        if (
            self._keepalived
            and self._space.run(["kill", "-0", str(self._keepalived)], check=False).returncode == 0
        ):
            raise LabError(f"{self.conf}: the stopped keepalived still runs")
        argv: list[str | Path] = [self._program, "--dont-fork", "--log-console", "--vrrp"]
        argv += ["-f", self.conf, "-i", config_id, *pid_files(self.directory)]
        self._keepalived = self._space.spawn(argv, self.log)

    def stop(self) -> None:
        """SIGTERM, not waited for: keepalived takes 1 s to end, the VIP is gone before."""
        self._space.run(["kill", str(self._keepalived)])

    def add_address(self, address: str) -> None:
        ip(self._space, f"addr add {address}/24 dev eth0")

    def set_value(self, value: int) -> None:
        """Of the tracked file, in one step."""
        new = self.directory / "value.new"
        new.write_text(f"{value}\n")
        new.replace(self.directory / "value")

    def set_script(self, fails: bool) -> None:
        flag = self.directory / "failed"
        if fails:
            flag.touch()
        else:
            flag.unlink()

    def set_second_interface(self, up: bool) -> None:
        ip(self._space, f"link set {SECOND_INTERFACE} {'up' if up else 'down'}")

    def set_deaf(self, deaf: bool) -> None:
        """VRRP of others does not reach this node; its own goes out."""
        action = "-A" if deaf else "-D"
        self._space.run(["iptables", "-w", action, "INPUT", "-p", "112", "-j", "DROP"])

    def set_cut(self, cut: bool) -> None:
        """Nothing passes, and the carrier stays: no FAULT, no adverts."""
        (self._switch.disconnect if cut else self._switch.reconnect)(self.link)

    def kill(self) -> None:
        self._space.kill()


class Contest:
    """A pair on a bridge of its own."""

    def __init__(
        self, switch: Switch, number: int, pair: Plan, directory: Path, keepalived: Keepalived
    ) -> None:
        self.plan = pair
        directory.mkdir()
        self.nodes = {
            name: Contender(
                switch,
                Link(f"p{number}{name}", "eth0", f"br{number}", pair.address(name)),
                directory / name,
                keepalived,
            )
            for name in "AB"
        }
        if pair.sources:
            for name, node in self.nodes.items():
                node.add_address(pair.source(name))

    @property
    def holders(self) -> frozenset[str]:
        return frozenset(name for name, node in self.nodes.items() if node.holds_vip)

    def fail_check(self, name: str, fails: bool) -> None:
        """Make the tracked thing of this node worse, or well again."""
        node, side = self.nodes[name], self.plan.side(name)
        if side.tracker == "script":
            node.set_script(fails)
        elif side.tracker == "interface":
            node.set_second_interface(not fails)
        else:
            node.set_value(int(fails != (self.plan.file_weight(name) > 0)))

    def kill(self) -> None:
        for node in self.nodes.values():
            node.kill()


class Arena:
    """All contests of a test, each on its own bridge of one switch."""

    def __init__(self, directory: Path, plans: Sequence[Plan], keepalived: Keepalived) -> None:
        self._switch = Switch(*(f"br{number}" for number in range(len(plans))))
        self.contests: list[Contest] = []
        try:
            for number, pair in enumerate(plans):
                self.contests.append(
                    Contest(self._switch, number, pair, directory / str(number), keepalived)
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for contest in self.contests:
            contest.kill()
        self._switch.kill()

    def after(
        self, event: Callable[[Contest], object], quiet: float, timeout: float = 30
    ) -> list[frozenset[str]]:
        """Who holds each VIP once nobody has changed for ``quiet`` seconds after the event.

        Raises:
            LabError: somebody still changes after ``timeout`` seconds.
        """
        for contest in self.contests:
            event(contest)
        begun = changed = time.monotonic()
        seen = [contest.holders for contest in self.contests]
        while time.monotonic() - changed < quiet:
            if time.monotonic() - begun > timeout:
                raise LabError(f"some VIP has not come to rest within {timeout:g} s")
            time.sleep(0.02)
            now = [contest.holders for contest in self.contests]
            if now != seen:
                seen, changed = now, time.monotonic()
        return seen


def seed() -> int:
    """LAB_SEED repeats a run; without it every run is another one."""
    return int(os.environ.get("LAB_SEED") or int.from_bytes(os.urandom(3), "big"))
