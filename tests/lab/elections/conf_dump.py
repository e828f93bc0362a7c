"""What keepalived itself makes of a keepalived.conf: it is started, and its --dump-conf read."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab.elections.arena import pid_files
from tests.lab.elections.conf_noise import CONFIG_ID
from tests.lab.error import LabError
from tests.lab.hosts.namespaces import Namespaces

AT_ONCE = 6
PATIENCE = 30  # s
_DUMP = "dump.log"
#: A link that nothing in the files names, made last: when it is listed, all else has been.
LAST_LINK = "last"
_COMPLETE = re.compile(f" Name = {LAST_LINK}")
_NOTHING = "keepalived has no configuration to run"
#: The last one is all that is said for an include whose demands are not met.
_ENDING = (
    "exited with permanent error CONFIG",
    "is missing a parameter",
    _NOTHING,
    "Stopped Keepalived v",
)
#: 2.3.3 crashes at start now and then, one file in many and that file not always; 2.2.7 on a
#: comment at the beginning of a line in a file that it reads twice.
_CRASHED = re.compile(r"VRRP child process\(|exited due to segmentation fault")


class Dump(NamedTuple):
    """One keepalived's answer."""

    ends: bool
    crashed: bool
    unknown: frozenset[str]  # keywords
    braceless: bool  # a block without its opening brace: its first process complains of the rest
    instances: list[dict[str, Any]]


def dumps(node: Namespaces, program: Path, confs: Sequence[Path]) -> Iterator[Dump]:
    """For each file in its directory; interfaces eth0, eth1 and LAST_LINK must be there.

    Raises:
        LabError: keepalived neither dumps nor ends.
    """
    for first in range(0, len(confs), AT_ONCE):
        batch = confs[first : first + AT_ONCE]
        running = [_start(node, program, conf) for conf in batch]
        try:
            for conf, process in zip(batch, running):
                found = _read(conf, process)
                _kill(process)
                yield found
        finally:
            for process in running:
                _kill(process)


def _start(node: Namespaces, program: Path, conf: Path) -> subprocess.Popen[Any]:
    argv: list[str | Path] = [program, "--dont-fork", "--log-console", "--no-syslog"]
    with conf.with_name(_DUMP).open("wb") as output:  # a pipe that nobody reads would fill up
        return node.popen(
            [*argv, "--dump-conf", "--vrrp", "-f", conf, "-i", CONFIG_ID, *pid_files(conf.parent)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _kill(process: subprocess.Popen[Any]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(conf: Path, process: subprocess.Popen[Any]) -> Dump:
    until = time.monotonic() + PATIENCE
    path = conf.with_name(_DUMP)
    while True:
        ended = process.poll() is not None
        text = path.read_text(errors="surrogateescape")
        if _COMPLETE.search(text) or ended or _CRASHED.search(text) or _NOTHING in text:
            break
        if time.monotonic() > until:
            raise LabError(f"{conf}: no dump within {PATIENCE} s")
        time.sleep(0.01)
    unknown = frozenset(re.findall(r"Unknown keyword '(.*?)'\n", text, re.DOTALL)) - {"}"}
    complete = bool(_COMPLETE.search(text))
    crashed = bool(_CRASHED.search(text)) or not (complete or _ends(text))
    return Dump(
        ends=not complete and not crashed,
        crashed=crashed,
        unknown=unknown,
        braceless="Missing '{'" in text,
        instances=_instances(text) if complete else [],
    )


def _ends(text: str) -> bool:
    return any(said in text for said in _ENDING)


def _instances(dump: str) -> list[dict[str, Any]]:
    text = re.sub(r"^\w{3} \w{3} +\d+ [\d:]+ \d+: ", "", dump, flags=re.MULTILINE)
    # Both processes write: a line of the parent's may stand in the middle of a list.
    text = "".join(line for line in text.splitlines(True) if line[:1] in (" ", "-"))
    topology = text.partition("------< VRRP Topology >------")[2].partition("------<")[0]
    found = [_one(part) for part in topology.split(" VRRP Instance = ")[1:]]
    untold = "Multicast address" not in topology  # 2.1, where it is the same for all
    for one in found:
        one["trackers"] = _trackers(text, one["name"])
        if untold and not one["peers"]:
            family = 6 if any(":" in vip for vip in one["vips"]) else 4
            group = re.search(rf"VRRP IPv{family} mcast group = (\S+)", text)
            one["multicast_group"] = group[1] if group else ""
    return found


def _trackers(text: str, instance: str) -> dict[tuple[str, str], tuple[int, bool]]:
    """By the lists of who is tracked by what, which a sync group's trackers are in too."""
    found = {}
    for kind, section, head in (
        ("script", "VRRP Scripts", " VRRP Script = "),
        ("file", "VRRP Track files", " Track file = "),
        ("interface", "Interfaces", " Name = "),
    ):
        listed = text.partition(f"------< {section} >------")[2].partition("------<")[0]
        for part in listed.split(head)[1:]:
            name = part.partition("\n")[0].strip()
            weight = re.search(rf"^     {instance}, weight (-?\d+)( reverse)?", part, re.MULTILINE)
            if weight:
                found[kind, name] = (int(weight[1]), bool(weight[2]))
    return found


def _one(text: str) -> dict[str, Any]:
    def value(name: str) -> str:
        found = re.search(rf"^   {name} = (.*)$", text, re.MULTILINE)
        return found[1].strip() if found else ""

    def entries(heading: str) -> list[str]:
        found = re.search(rf"^   {heading}.*\n((?:     .*\n)*)", text, re.MULTILINE)
        return [line.split()[0] for line in found[1].splitlines()] if found else []

    number, unit = value("Advert interval").split()
    source = re.search(r"Using src_ip = (\S+) \(from configuration\)", text)
    group = re.search(r"Multicast address (\S+?)(?:,| |$)", text, re.MULTILINE)
    return {
        "name": text.partition("\n")[0].strip(),
        "version": int(value("VRRP Version")),
        "state": value("Wantstate"),
        "priority": int(value("Priority")),
        "vrid": int(value("Virtual Router ID")),
        "interface": value("Interface"),
        "advert_int": float(number) / (1000 if unit == "milli-sec" else 1),
        "nopreempt": value("Preempt") == "disabled",
        "preempt_delay": float(value("Preempt delay").split()[0]) if value("Preempt delay") else 0,
        "auth": (value("Authentication type") or "none", value("Password")),
        "vips": [entry.split("/")[0] for entry in entries("Virtual IP [(:]")],
        "peers": frozenset(entries("Unicast Peer")),
        "source": source[1] if source else "",
        "multicast_group": group[1] if group else "",
        "checks_source": value("Check unicast src :").startswith("yes")
        or "unicast src : yes" in text,
        "tracked_interface": "VRRP interface tracking disabled" not in text,
        "group": value("Sync group"),
        "faulty": value("Number of config faults") not in ("0", ""),
    }
