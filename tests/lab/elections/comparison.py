"""Our reading of a keepalived.conf beside what keepalived itself has made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kachecks.keepalived.conf import Conf, read
from kachecks.keepalived.file_findings import file_findings
from kachecks.keepalived.instance import Instance, instances
from kachecks.keepalived.keywords import Version
from tests.lab.elections.conf_dump import Dump
from tests.lab.elections.conf_noise import CONFIG_ID

_AUTH = {"": "none", "PASS": "SIMPLE_PASSWORD", "AH": "IPSEC_AH"}
_UNKNOWN = "keepalived does not know "


def differences(path: Path, version: Version, theirs: Dump) -> list[str]:
    """What we and keepalived of this version make of a file differently, a line for each."""
    conf = read(str(path), CONFIG_ID, version)
    ours = instances(conf)
    ends = conf.ends or next((one.ends for one in ours if one.ends), "")
    if "crashes" in ends:  # of which its dump, if it has got so far, does not know
        return []
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
        ours = tuple(_without_scripts(one) for one in ours)
    return [
        f"{path}: {one.name}: {name} is {other[name]!r}, ours {value!r}"
        for one, other in zip(ours, theirs.instances)
        for name, value in _values(one, other).items()
        if value != other[name]
    ]


def _without_note(conf: Conf, theirs: Dump) -> set[str]:
    """Keywords that keepalived says it does not know, and we do not."""
    if theirs.braceless or any("no opening brace" in note for note in conf.notes):
        return set()  # its first process then complains of what it does not read
    said = [note.partition(_UNKNOWN)[2] for note in conf.notes if _UNKNOWN in note]
    unknown = {ascii(word)[1:-1] for word in theirs.unknown}
    return {
        word
        for word in unknown
        if not any(note.startswith((f"{word} ", f"'{word}' ")) for note in said)
    }


def _without_scripts(one: Instance) -> Instance:
    return one._replace(trackers=tuple(each for each in one.trackers if each.kind != "script"))


def _values(ours: Instance, theirs: dict[str, Any]) -> dict[str, Any]:
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
