"""Our reading of keepalived.conf beside keepalived's own, which --dump-conf prints.

Configurations made and spelled at random; LAB_SEED=N repeats a run. keepalived is started, not
left to run: no election takes place.
"""

from __future__ import annotations

import random
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from kachecks.keepalived.conf import read
from kachecks.keepalived.instance import Instance, instances
from tests.lab.elections.arena import furnish, pid_files, seed
from tests.lab.elections.conf_noise import CONFIG_ID, Content, Noise
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch, ip
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import MARIADB, MARIADB_TRIXIE

CONFIGURATIONS = 40
AT_ONCE = 8
DUMP = "dump.log"
LAST_SECTION = "------< Interfaces >------"
PATIENCE = 30  # s
#: keepalived 2.3.3 has crashed at start in this test: one file in many, and that file not always.
CRASHED = "VRRP child process("
MOST_CRASHES = CONFIGURATIONS // 10


@pytest.mark.parametrize("flavour", [MARIADB, MARIADB_TRIXIE], ids=["2.2", "2.3"])
def test_values_are_those_keepalived_dumps(flavour: Flavour, tmp_path: Path) -> None:
    number = seed()
    print(f"LAB_SEED={number}, keepalived {flavour.keepalived.version}")
    dice = random.Random(number)  # noqa: S311 no secret
    switch, node = Switch("br0"), Namespaces()
    try:
        switch.plug(node, Link("p0", "eth0", "br0", "10.0.0.1"))
        ip(node, "link add eth1 type veth peer far", "link set eth1 up", "link set far up")
        program = furnish(node, flavour.keepalived)
        confs, dumped_ones = [], []
        for index in range(CONFIGURATIONS):
            directory = tmp_path / str(index)
            directory.mkdir()
            confs.append(Noise(dice, directory).write(contents(dice)))
        for first in range(0, CONFIGURATIONS, AT_ONCE):
            batch = confs[first : first + AT_ONCE]
            running = [start(node, program, conf) for conf in batch]
            for conf, process in zip(batch, running):
                if wait_for_dump(conf, process):
                    dumped_ones.append(conf)
                process.kill()
                process.wait()
    finally:
        node.kill()
        switch.kill()
    wrong = []
    for conf in dumped_ones:
        ours = [values(one) for one in instances(read(str(conf), CONFIG_ID)) if not one.dropped]
        theirs = dumped(conf.with_name(DUMP).read_text())
        if ours != theirs:
            wrong.append(f"{conf}\n  ours   {ours}\n  theirs {theirs}")
    assert not wrong, "\n".join(wrong)
    assert len(confs) - len(dumped_ones) <= MOST_CRASHES


def contents(dice: random.Random) -> list[Content]:
    """What the files say, with a few values out of range."""
    version = dice.choice([2, 3])
    scripts = [f"s{n}" for n in range(3)]
    made: list[Content] = [
        ("global_defs", ["router_id x", "script_user root", f"vrrp_version {version}"])
    ]
    for script in scripts:
        weight = dice.choice(
            [[], [f"weight {dice.randint(-253, 253)}{dice.choice(['', ' reverse'])}"]]
        )
        made.append((f"vrrp_script {script}", ["script /usr/bin/true", *weight]))
    made.append(("track_file f", ["file /run/f", f"weight {dice.choice([0, 1, -5])}"]))
    for vrid in range(1, dice.randint(2, 4)):
        made.append((f"vrrp_instance V{vrid}", _instance(dice, vrid, scripts)))
    return made


def _instance(dice: random.Random, vrid: int, scripts: list[str]) -> list[Content]:
    made: list[Content] = ["interface eth0", f"virtual_router_id {vrid}"]
    optional: list[Content] = [
        f"priority {dice.choice([1, 50, 100, 254, 255, 0, 300])}",
        f"state {dice.choice(['MASTER', 'BACKUP', 'backup'])}",
        "nopreempt",
        f"advert_int {dice.choice(['1', '0.2', '2.5', '300', '.555', '7'])}",
        f"version {dice.choice([2, 3, 4])}",
        ("authentication", ["auth_type PASS", f"auth_pass {dice.choice(['x', '123456789'])}"]),
        ("unicast_peer", ["10.0.0.2", "10.0.0.3"]),
        ("track_interface", [dice.choice(["eth1", "eth1 weight -5", "eth1 weight 9 reverse"])]),
        ("track_file", [dice.choice(["f", "f weight 7", "f weight -3 reverse"])]),
    ]
    made += [one for one in optional if dice.random() < 0.5]
    tracked = dice.sample(scripts, dice.randint(0, 3))
    if tracked:
        entries: list[Content] = [
            f"{script}{dice.choice(['', ' weight 0', ' weight -20', ' weight 30 reverse'])}"
            for script in tracked
        ]
        made.append(("track_script", entries))
    dice.shuffle(made)
    vips: list[Content] = [f"10.0.{vrid}.{host}/24 dev eth0" for host in range(1, 3)]
    return [*made, ("virtual_ipaddress", vips)]


def start(node: Namespaces, program: Path, conf: Path) -> subprocess.Popen[Any]:
    argv: list[str | Path] = [program, "--dont-fork", "--log-console", "--no-syslog"]
    with conf.with_name(DUMP).open("wb") as output:  # a pipe that nobody reads would fill up
        return node.popen(
            [*argv, "--dump-conf", "--vrrp", "-f", conf, "-i", CONFIG_ID, *pid_files(conf.parent)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def wait_for_dump(conf: Path, process: subprocess.Popen[Any]) -> bool:
    """Until the sections that are read have been printed; False if keepalived crashed instead."""
    until = time.monotonic() + PATIENCE
    while CRASHED not in (dump := conf.with_name(DUMP).read_text()):
        if LAST_SECTION in dump:
            return True
        assert process.poll() is None and time.monotonic() < until, conf
        time.sleep(0.02)
    return False


def values(instance: Instance) -> dict[str, Any]:
    """Ours, in the form of the dump."""
    return {
        "name": instance.name,
        "version": instance.version,
        "state": instance.state,
        "priority": instance.priority,
        "vrid": instance.vrid,
        "advert_int": instance.advert_int,
        "nopreempt": instance.nopreempt,
        "password": instance.auth.partition(" ")[2],
        "vips": instance.vips,
        "peers": instance.peers,
        "trackers": {(one.kind, one.name): (one.weight, one.reverse) for one in instance.trackers},
    }


def dumped(dump: str) -> list[dict[str, Any]]:
    """Theirs."""
    text = re.sub(r"^\w{3} \w{3} +\d+ [\d:]+ \d+: ", "", dump, flags=re.MULTILINE)
    # Both processes write: a line of the parent's may stand in the middle of a list.
    text = "".join(line for line in text.splitlines(True) if line[:1] in (" ", "-"))
    topology = text.partition("------< VRRP Topology >------")[2].partition("------<")[0]
    return [_one(part) for part in topology.split(" VRRP Instance = ")[1:]]


def _one(text: str) -> dict[str, Any]:
    def value(name: str) -> str:
        found = re.search(rf"^   {name} = (.*)$", text, re.MULTILINE)
        return found[1].strip() if found else ""

    def entries(heading: str) -> list[str]:
        found = re.search(rf"^   {heading}.*\n((?:     .*\n)*)", text, re.MULTILINE)
        return [line.strip() for line in found[1].splitlines()] if found else []

    number, unit = value("Advert interval").split()
    trackers = {}
    for kind, heading in (
        ("script", "Tracked scripts"),
        ("interface", "Tracked interfaces"),
        ("file", "Tracked files"),
    ):
        for entry in entries(heading):
            words = entry.replace(",", "").split()
            trackers[kind, words[0]] = (int(words[2]), "reverse" in words)
    return {
        "name": text.partition("\n")[0].strip(),
        "version": int(value("VRRP Version")),
        "state": value("Wantstate"),
        "priority": int(value("Priority")),
        "vrid": int(value("Virtual Router ID")),
        "advert_int": float(number) / (1000 if unit == "milli-sec" else 1),
        "nopreempt": value("Preempt") == "disabled",
        "password": value("Password"),
        "vips": frozenset(entry.split("/")[0] for entry in entries("Virtual IP ")),
        "peers": frozenset(entry.split()[0] for entry in entries("Unicast Peer")),
        "trackers": trackers,
    }
