"""Our reading of keepalived.conf beside keepalived's own, which --dump-conf prints.

Configurations made and spelled at random; LAB_SEED=N repeats a run, LAB_CONFS=N makes as many.
keepalived is started, not left to run: no election takes place.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from kachecks.keepalived.conf import Conf, read
from kachecks.keepalived.file_findings import file_findings
from kachecks.keepalived.instance import Instance, instances
from tests.lab.elections.arena import furnish, pid_files, seed
from tests.lab.elections.conf_dump import LAST_LINK, Dump, dumps
from tests.lab.elections.conf_grammar import Grammar, without_values
from tests.lab.elections.conf_noise import CONFIG_ID, Noise
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch, ip
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import MARIADB, MARIADB_TRIXIE

CONFIGURATIONS = int(os.environ.get("LAB_CONFS", "700"))
CONFIGURATIONS_2_3 = int(os.environ.get("LAB_CONFS", "300"))
_AUTH = {"": "none", "PASS": "SIMPLE_PASSWORD", "AH": "IPSEC_AH"}
NOT_IN_DEBIAN = ("vrrp_ipsets",)
"""Keywords that Debian builds keepalived without."""
_UNKNOWN = "keepalived does not know "


@pytest.mark.parametrize(
    ("flavour", "count"),
    [(MARIADB, CONFIGURATIONS), (MARIADB_TRIXIE, CONFIGURATIONS_2_3)],
    ids=["2.2", "2.3"],
)
def test_values_are_those_keepalived_dumps(flavour: Flavour, count: int, tmp_path: Path) -> None:
    number = seed()
    print(f"LAB_SEED={number}, keepalived {flavour.keepalived.version}")
    dice = random.Random(number)  # noqa: S311 no secret
    confs = []
    for index in range(count):
        directory = tmp_path / str(index)
        directory.mkdir()
        confs.append(Noise(dice, directory).write(Grammar(dice).contents()))
    major, minor = map(int, flavour.keepalived.version.split(".")[:2])
    found, ended, crashed = [], 0, 0
    switch, node = Switch("br0"), Namespaces()
    try:
        switch.plug(node, Link("p0", "eth0", "br0", "10.0.0.1"))
        ip(
            node,
            "link add eth1 type veth peer far",
            "link set eth1 up",
            "link set far up",
            f"link add {LAST_LINK} type veth peer {LAST_LINK}0",
        )
        program = furnish(node, flavour.keepalived)
        for conf, theirs in zip(confs, dumps(node, program, confs)):
            ended += theirs.ends
            crashed += theirs.crashed
            if not theirs.crashed:
                found += differences(conf, read(str(conf), CONFIG_ID, (major, minor)), theirs)
    finally:
        node.kill()
        switch.kill()
    assert not found, f"{len(found)} of {len(confs)}\n" + "\n".join(found[:20])
    assert count * 0.1 < ended < count * 0.6, "a poor grammar"
    assert crashed <= count * 0.05


@pytest.mark.parametrize("flavour", [MARIADB, MARIADB_TRIXIE], ids=["2.2", "2.3"])
def test_keywords_without_their_value(flavour: Flavour, tmp_path: Path) -> None:
    """keepalived -t knows each word of the table from its version on, and ends where it says."""
    major, minor = map(int, flavour.keepalived.version.split(".")[:2])
    conf = tmp_path / "keepalived.conf"
    wrong = []
    node = Namespaces()
    try:
        ip(node, "link add eth0 type veth peer far")
        argv = [furnish(node, flavour.keepalived), "-t", "-f", conf, *pid_files(tmp_path)]
        for case in without_values():
            conf.write_text(case.text)
            done = node.run(argv, check=False)
            told = done.stdout + done.stderr
            known = f"Unknown keyword '{case.word}'" not in told
            ends = "is missing a parameter" in told
            expected = case.keyword.since <= (major, minor) and case.word not in NOT_IN_DEBIAN
            crashed = done.returncode not in range(7)  # it has ended, if not for that reason
            if known != expected or (ends != (expected and case.keyword.ends) and not crashed):
                wrong.append(f"{case.word} in {case.inside}: known {known}, ends {ends}")
    finally:
        node.kill()
    assert not wrong, "\n".join(wrong)


def differences(path: Path, conf: Conf, theirs: Dump) -> list[str]:
    """What we and keepalived make of a file differently, a line for each."""
    ours = instances(conf)
    ends = conf.ends or next((one.ends for one in ours if one.ends), "")
    if bool(ends) != theirs.ends and (ours or not theirs.ends):  # no instance, nothing to run
        return [f"{path}: keepalived {'ends' if theirs.ends else 'does not end'}, ours: {ends!r}"]
    if not ends and _without_note(conf, theirs):
        return [f"{path}: {_without_note(conf, theirs)} are unknown, and we do not say so"]
    if ends:
        return []
    if [one.name for one in ours] != [one["name"] for one in theirs.instances]:
        return [f"{path}: instances {[one.name for one in ours]}, keepalived's {theirs.instances}"]
    if any(found.code == "SCRIPT_USER" for found in file_findings(conf)):
        # There is no user keepalived_script here, so every script has been dropped.
        ours = tuple(without_scripts(one) for one in ours)
    return [
        f"{path}: {one.name}: {name} is {other[name]!r}, ours {value!r}"
        for one, other in zip(ours, theirs.instances)
        for name, value in values(one, other).items()
        if value != other[name]
    ]


def _without_note(conf: Conf, theirs: Dump) -> set[str]:
    """Keywords that keepalived says it does not know, and we do not."""
    if any("no opening brace" in note for note in conf.notes):
        return set()  # its first process then complains of what it does not read
    said = [note.partition(_UNKNOWN)[2] for note in conf.notes if _UNKNOWN in note]
    unknown = {ascii(word)[1:-1] for word in theirs.unknown}
    return {
        word
        for word in unknown
        if not any(note.startswith((f"{word} ", f"'{word}' ")) for note in said)
    }


def without_scripts(one: Instance) -> Instance:
    return one._replace(trackers=tuple(each for each in one.trackers if each.kind != "script"))


def values(ours: Instance, theirs: dict[str, Any]) -> dict[str, Any]:
    """Ours, in the form of the dump."""
    kind, _, password = ours.auth.partition(" ")
    trackers = {
        (one.kind, one.name): (one.weight, one.reverse)
        for one in ours.trackers
        if not one.by and one.kind in ("script", "file", "interface")
    }
    # Its own interface and those that its addresses are on are tracked without being told.
    untold = {
        key: value
        for key, value in theirs["trackers"].items()
        if key[0] == "interface" and key not in trackers and value[0] in (0, 255)
    }
    return {
        "version": ours.version,
        "state": ours.state,
        "priority": ours.priority,
        "vrid": ours.vrid,
        "interface": ours.interface or "not configured",
        "advert_int": ours.advert_int,
        "nopreempt": ours.nopreempt,
        "preempt_delay": ours.preempt_delay,
        "auth": (_AUTH[kind], "" if kind == "AH" else password),
        "peers": ours.peers,
        "source": ours.source,
        "multicast_group": "" if ours.peers else ours.multicast_group,
        "tracked_interface": not ours.dont_track_primary,
        "group": ours.group,
        "faulty": ours.faulty,
        "trackers": {**trackers, **untold},
        **({"checks_source": ours.checks_source} if ours.peers else {}),
        "vips": theirs["vips"]
        if (ours.vips, ours.vip_count) == (frozenset(theirs["vips"]), len(theirs["vips"]))
        else (ours.vips, ours.vip_count),
    }
