"""doctor on what systemd does with keepalived and /run, and on the clock.

Rules over facts, pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Finder, Found, Table, not_checked, row
from kachecks.config.options import DEFAULT_PATH, Config

_PEER_GETS = 2  # s, for the rest of the transactions, when notify_down has closed
_DROP_IN = (
    "copy kachecks-keepalived.service.d.conf to"
    " /etc/systemd/system/keepalived.service.d/kachecks.conf; systemctl daemon-reload"
)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def _unit(name: str, wrong: Callable[[str, Config], Found | None]) -> Finder[HostFacts]:
    """A property of keepalived.service, where systemd runs; ``wrong`` gets its value."""

    def finder(facts: HostFacts) -> Iterator[Found]:
        if facts.systemd is None:
            return
        if facts.systemd.get("LoadState", "loaded") != "loaded" or not facts.systemd:
            yield not_checked("systemctl knows no keepalived.service: see what else starts it")
            return
        found = wrong(facts.systemd.get(name, ""), facts.config)
        if found:
            yield found

    return finder


def _stops(value: str, config: Config) -> Found | None:
    lines = re.findall(r"notify_down\b.*--keep-keepalived.*", value)
    if not lines:
        return Found("keepalived.service has no ExecStop= with notify_down --keep-keepalived")
    if any(_names(line, config.path) for line in lines):
        return None
    return Found(
        f"ExecStop= of keepalived.service does not name {config.path}",
        cure=f"write --also={config.path} into ExecStop= of keepalived.service",
    )


def _names(command: str, option_file: str) -> bool:
    """The command is about this option file, by name or by default."""
    words = command.replace("=", " ").split()
    if option_file in words:
        return True
    return option_file == DEFAULT_PATH and "--defaults-file" not in words


def _drops(value: str, _config: Config) -> Found | None:
    if re.search(r"notify_down\b.*--drop-vip", value):
        return None
    return Found("keepalived.service has no ExecStopPost= with notify_down --drop-vip")


def _waits(value: str, config: Config) -> Found | None:
    given, needed = timespan(value), config.fence_timeout + _PEER_GETS
    if given is None or given >= needed:
        return None
    return Found(
        f"TimeoutStopSec of keepalived.service is {given:g} s, notify_down may need {needed:g} s",
        cure=f"set TimeoutStopSec= to more than {needed:g} s",
    )


def timespan(text: str) -> float | None:
    """Seconds of what systemctl show prints, such as ``1min 30s``; None for none or infinity."""
    parts = re.findall(r"([\d.]+)([a-z]+)", text)
    if not parts or any(unit not in _UNITS for _, unit in parts):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _restarts(value: str, _config: Config) -> Found | None:
    return Found("keepalived.service has no Restart=") if value in ("no", "") else None


def _made_at_boot(facts: HostFacts) -> Iterator[Found]:
    path, made = facts.run_dir.path, facts.made_at_boot
    lasting = facts.run_dir.file_system and not facts.run_dir.volatile
    if made is not None and not lasting and path.rstrip("/") not in made:
        yield Found(
            f"no file in tmpfiles.d makes {path}",
            facts.config.path,
            f"write `d {path} 0700 root root -` into /etc/tmpfiles.d/kachecks.conf",
        )


def _clock(facts: HostFacts) -> Iterator[Found]:
    if facts.clock_synchronised is None:
        yield not_checked("the kernel does not tell whether its clock is synchronised")
    elif not facts.clock_synchronised:
        yield Found("the kernel's clock is not synchronised")


TABLE: Table[HostFacts] = (
    row("RUN_DIR_AT_BOOT", FAILURE, _made_at_boot,
        "tmpfiles.d makes run_dir at boot (where systemd runs)",
        "/run is empty after a reboot. keepalived then starts without the permit, and the check"
        " cannot lock.",
        "copy kachecks.tmpfiles.conf to /etc/tmpfiles.d/kachecks.conf"),
    row("SYSTEMD_STOP", WARNING, _unit("ExecStop", _stops),
        "keepalived.service has ExecStop=notify_down --keep-keepalived (where systemd runs)",
        "keepalived removes the VIP first when it is stopped. Only ExecStop runs before that: it"
        " closes MySQL and lets the other node have everything.",
        _DROP_IN),
    row("SYSTEMD_STOP_POST", WARNING, _unit("ExecStopPost", _drops),
        "keepalived.service has ExecStopPost=notify_down --drop-vip (where systemd runs)",
        "a keepalived that was killed leaves the VIP on the interface: both hosts answer for it.",
        _DROP_IN),
    row("SYSTEMD_TIMEOUT", WARNING, _unit("TimeoutStopUSec", _waits),
        "TimeoutStopSec of keepalived.service is longer than fence_timeout + 2 s",
        "systemd kills a notify_down that takes longer, and MySQL stays open.",
        "set TimeoutStopSec=30"),
    row("SYSTEMD_RESTART", WARNING, _unit("Restart", _restarts),
        "keepalived.service has Restart= (where systemd runs)",
        "a keepalived that died (2.3.3 has been seen to crash at its start) stays dead, and at the"
        " next failure nobody takes over.",
        "set Restart=on-failure"),
    row("CLOCK", WARNING, _clock,
        "the clock is synchronised",
        "the end of a maintenance and the times in the audit log are wall-clock times. If the two"
        " clocks differ, nobody can tell later what came first.",
        "run chrony or systemd-timesyncd"),
)  # fmt: skip
