"""keepalived.conf made at random: right, wrong, repeated, in the wrong place or out of order.

Each piece is mostly right, so that most files are run by keepalived and have values to compare.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from kachecks.keepalived.keywords import ROOT, Block, Keyword, Version
from tests.lab.elections.conf_noise import Content

_ODD_NUMBERS = ("-1", "0", "1.5", "7x", "abc", "254", "255", "256", "300", "-254", "+3", "''")
_ODD_ADDRESSES = (
    "10.0.9", "10.0.0.09", "db2", "10.0.0.1,10.0.0.2", "fd00::1/64", "10.0.0.7-9", "::g",
)  # fmt: skip
_ODD_WORDS = (
    "nopremt",
    "prioritty 7",
    "\u00a0",
    "state\u00a0MASTER",
    "BACKUP",
    "track_script",
    "}",
    "{",
)
_ODD_BLOCKS = (
    ("track_scripts", ["s0"]), ("unkn", ["priority 3", "state MASTER"]), ("authentification", []),
    ("virtual_ip", ["10.0.0.77"]), ("notify", ["x"]), ("priority 7", ["nopreempt"]),
)  # fmt: skip


class WithoutValue(NamedTuple):
    """A file in which a keyword has no value."""

    inside: str  # the block, "" none
    word: str
    keyword: Keyword
    text: str


def without_values() -> list[WithoutValue]:
    """One for each keyword that kachecks knows."""
    return list(_without_values(ROOT, "", "\n%s\n", min(each.since for each in ROOT.values())))


def _without_values(block: Block, inside: str, text: str, since: Version) -> Iterator[WithoutValue]:
    for word, known in block.items():
        keyword = known._replace(since=max(since, known.since))
        yield WithoutValue(inside, word, keyword, text % word)
        if keyword.block:
            value = " N" if keyword.named else " 10.0.0.1 80" if keyword.ends else ""
            inner = text % f"{word}{value}\n{{\n%s\n}}"
            yield from _without_values(keyword.block, word, inner, keyword.since)


class Grammar:
    """Files of one random sequence."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def contents(self) -> list[Content]:
        """The statements of one file."""
        dice = self._dice
        scripts = [f"s{n}" for n in range(2)]
        made: list[Content] = [("global_defs", self._globals())]
        made += [("vrrp_script " + name, self._script()) for name in scripts]
        made.append(("track_file f", self._file()))
        names = [f"V{n}" for n in range(1, dice.choice([2, 2, 3, 4]))]
        if dice.random() < 0.25:
            made.append(("vrrp_sync_group G", self._group(names, scripts)))
        made += [(f"vrrp_instance {name}", self._instance(name, scripts)) for name in names]
        if self._seldom():
            made.append((f"vrrp_instance {dice.choice(['', 'V1', 'V1 V2'])}", ["priority 9"]))
        if self._seldom():
            made.append(self._pick(_ODD_BLOCKS))
        if self._seldom(0.2):
            made.insert(dice.randrange(len(made)), made.pop(dice.randrange(len(made))))
        return self._spoilt(made)

    def _seldom(self, chance: float = 0.06) -> bool:
        return self._dice.random() < chance

    def _often(self) -> bool:
        return self._dice.random() < 0.4

    def _pick(self, among: tuple[Content, ...]) -> Content:
        return self._dice.choice(among)

    def _number(self, *usual: int) -> str:
        return self._dice.choice(_ODD_NUMBERS) if self._seldom() else str(self._dice.choice(usual))

    def _weight(self, *usual: int) -> str:
        """More often out of range."""
        odd = self._dice.choice(["254", "-254", "255", "300"])
        return odd if self._seldom(0.08) else self._number(*usual)

    def _address(self, usual: str) -> str:
        return self._dice.choice(_ODD_ADDRESSES) if self._seldom() else usual

    def _spoilt(self, block: list[Content]) -> list[Content]:
        """With now and then a line more, twice, elsewhere, or without its value."""
        dice = self._dice
        if self._seldom(0.04):
            block.insert(dice.randint(0, len(block)), self._pick((*_ODD_WORDS, *_ODD_BLOCKS)))
        if block and self._seldom(0.04):
            block.append(dice.choice(block))
        if block and self._seldom(0.02):
            at = dice.randrange(len(block))
            line = block[at]
            block[at] = line.split()[0] if isinstance(line, str) and line.strip() else line
        return block

    def _globals(self) -> list[Content]:
        lines = ["router_id x", *(["script_user root"] if not self._seldom(0.12) else [])]
        for line in (
            f"vrrp_version {self._number(2, 3)}",
            f"vrrp_mcast_group4 {self._address('224.0.0.19')}",
            "enable_script_security",
        ):
            lines += [line] if self._seldom(0.2) else []
        lines += ["vrrp_strict"] if self._seldom() else []
        return self._spoilt(list(lines))

    def _script(self) -> list[Content]:
        lines: list[Content] = ["script /usr/bin/true"] if not self._seldom() else []
        for name, usual in (("interval", (1, 2)), ("rise", (1, 3)), ("fall", (1, 3))):
            lines += [f"{name} {self._number(*usual)}"] if self._often() else []
        if self._often():
            lines.append(f"weight {self._weight(-253, -20, 0, 7)}{self._reverse()}")
        return self._spoilt(lines)

    def _file(self) -> list[Content]:
        lines: list[Content] = ["file /run/f"] if not self._seldom() else []
        if self._often():
            lines.append(f"weight {self._weight(0, 1, -5)}{self._reverse()}")
        return self._spoilt(lines)

    def _reverse(self) -> str:
        return self._dice.choice(["", "", "", " reverse", " noreverse"])

    def _group(self, names: list[str], scripts: list[str]) -> list[Content]:
        lines: list[Content] = [("group", [*names, *(["none"] if self._seldom() else [])])]
        lines += ["sync_group_tracking_weight"] if self._seldom(0.3) else []
        lines += self._tracking(scripts, 0.2)
        return self._spoilt(lines)

    def _tracking(self, scripts: list[str], chance: float) -> list[Content]:
        dice = self._dice
        made: list[Content] = []
        for kind, names in (("script", scripts), ("file", ["f"]), ("interface", ["eth1", "eth0"])):
            entries: list[Content] = []
            for name in names if self._seldom(chance) else ():
                weight = f" weight {self._weight(0, -20, 30)}{self._reverse()}"
                entries.append(name + dice.choice(["", weight]))
            if kind != "interface":  # one that is not there ends keepalived
                if entries and self._seldom(0.15):
                    odd = ["nowhere", "s0 wait 3", "s1 weight", "f weight 2 x", "s0", "f"]
                    entries.append(dice.choice(odd))
                entries = self._spoilt(entries)
            made += [(f"track_{kind}", entries)] if entries else []
        return made

    def _instance(self, name: str, scripts: list[str]) -> list[Content]:
        dice = self._dice
        number = int(name[1:])
        six = self._seldom(0.1)
        source = f"fd00::{number}" if six else f"10.0.0.{number}"
        lines: list[Content] = (
            [] if self._seldom(0.02) else [f"interface {dice.choice(['eth0'] * 4 + ['eth1'])}"]
        )
        lines += (
            [] if self._seldom(0.02) else [f"virtual_router_id {self._number(*[number] * 12, 1)}"]
        )
        optional: list[Content] = [
            f"priority {self._number(1, 50, 100, 254, 255)}",
            f"state {dice.choice(['MASTER', 'MASTER', 'BACKUP', 'BACKUP', 'backup'])}",
            dice.choice(["nopreempt", "nopreempt", "preempt"]),
            f"preempt_delay {self._number(0, 3, 60)}",
            f"advert_int {dice.choice(['1', '0.2', '2.5', '300', '.555', '7', '1.2345678', '-1'])}",
            f"version {self._number(2, 3)}",
            f"version {self._number(2, 2, 3)}",
            f"state {dice.choice(['MASTER', 'BACKUP'])}",
            dice.choice(["strict_mode", "strict_mode off", "strict_mode maybe", "accept"]),
            f"{dice.choice(['mcast', 'unicast'])}_src_ip {self._address(source)}",
            f"mcast_dst_ip {self._address('224.0.0.20')}",
            "dont_track_primary",
            "check_unicast_src",
            "native_ipv6",
            ("authentication", self._authentication()),
            ("authentication", self._authentication()),
            ("unicast_peer", self._peers(six)),
        ]
        lines += [one for one in optional if dice.random() < 0.22]
        if self._seldom(0.04):
            lines += ["state MASTER", ("authentication", ["auth_type AH", "auth_pass x"])]
        lines += self._tracking(scripts, 0.25)
        lines.append(("virtual_ipaddress", self._addresses(number, six)))
        if self._seldom():
            lines.append(("virtual_ipaddress_excluded", self._addresses(number + 100, not six)))
        if self._often():
            dice.shuffle(lines)
        return self._spoilt(lines)

    def _authentication(self) -> list[Content]:
        lines: list[Content] = [
            f"auth_type {self._dice.choice(['PASS', 'AH', 'AH', 'pass'])}",
            f"auth_pass {self._dice.choice(['x', '123456789', 'abc!d'])}",
        ]
        return self._spoilt(lines if not self._seldom() else lines[:1])

    def _peers(self, six: bool) -> list[Content]:
        ttl = self._dice.choice(["", "", " min_ttl 3", " max_ttl 300", " ttl 3"])
        prefix = "fd00::" if six else "10.0.0."
        return self._spoilt([self._address(f"{prefix}{n}") + ttl for n in (8, 9)])

    def _addresses(self, number: int, six: bool) -> list[Content]:
        dice = self._dice
        made: list[Content] = []
        for host in range(dice.choice([1, 1, 1, 2, 3])):
            usual = f"fd00:{number}::{host}/64" if six else f"10.0.{number}.{host}/24"
            options = ["", "", "", " dev eth0", " dev eth1", " scope global", " no_track"]
            odd = [" dev", " dev eth0 dev eth1", " brd 10.0.0.x", " label 1234567890123456", " x y"]
            made.append(self._address(usual) + dice.choice(odd if self._seldom() else options))
        return self._spoilt(made)
