"""doctor on what systemd does with keepalived and /run, and on the clock. Rules, pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table, not_checked
from kachecks.config.options import DEFAULT_PATH

_PEER_GETS = 2  # s, for the rest of the transactions, when notify_down has closed
_VOLATILE = ("tmpfs", "ramfs")


def _made_at_boot(facts: HostFacts) -> Iterator[Found]:
    path = facts.run_dir.path
    if facts.made_at_boot is None or facts.run_dir.file_system not in (*_VOLATILE, ""):
        return
    if path.rstrip("/") not in facts.made_at_boot:
        yield Found(
            f"no file in tmpfiles.d makes {path}",
            facts.config.path,
            cure=f"write `d {path} 0700 root root -` into /etc/tmpfiles.d/kachecks.conf",
        )


def _unit(facts: HostFacts) -> Mapping[str, str] | None:
    """Properties of keepalived.service where there is one."""
    unit = facts.systemd
    return unit if unit and unit.get("LoadState", "loaded") == "loaded" else None


def _no_unit(facts: HostFacts) -> Iterator[Found]:
    if facts.systemd is not None and _unit(facts) is None:
        yield not_checked("systemctl knows no keepalived.service: see what else starts it")


def _exec_stop(facts: HostFacts) -> Iterator[Found]:
    unit = _unit(facts)
    yield from _no_unit(facts)
    if unit is None:
        return
    lines = re.findall(r"notify_down\b.*--keep-keepalived.*", unit.get("ExecStop", ""))
    if not lines:
        yield Found("keepalived.service has no ExecStop= with notify_down --keep-keepalived")
    elif not any(_names(line, facts.config.path) for line in lines):
        yield Found(
            f"ExecStop= of keepalived.service does not name {facts.config.path}",
            cure=f"write --also={facts.config.path} into ExecStop= of keepalived.service",
        )


def _names(command: str, option_file: str) -> bool:
    """The command is about this option file, by name or by default."""
    words = command.replace("=", " ").split()
    if option_file in words:
        return True
    return option_file == DEFAULT_PATH and "--defaults-file" not in words


def _exec_stop_post(facts: HostFacts) -> Iterator[Found]:
    unit = _unit(facts)
    yield from _no_unit(facts)
    if unit and not re.search(r"notify_down\b.*--drop-vip", unit.get("ExecStopPost", "")):
        yield Found("keepalived.service has no ExecStopPost= with notify_down --drop-vip")


def _stop_timeout(facts: HostFacts) -> Iterator[Found]:
    yield from _no_unit(facts)
    given = timespan((_unit(facts) or {}).get("TimeoutStopUSec", ""))
    needed = facts.config.fence_timeout + _PEER_GETS
    if given is not None and given < needed:
        yield Found(
            f"TimeoutStopSec of keepalived.service is {given:g} s, notify_down may need"
            f" {needed:g} s",
            cure=f"set TimeoutStopSec= to more than {needed:g} s",
        )


def timespan(text: str) -> float | None:
    """Seconds of what systemctl show prints, such as ``1min 30s``; None for none or infinity."""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
    parts = re.findall(r"([\d.]+)([a-z]+)", text)
    if not parts or any(unit not in units for _, unit in parts):
        return None
    return sum(float(number) * units[unit] for number, unit in parts)


def _restart(facts: HostFacts) -> Iterator[Found]:
    unit = _unit(facts)
    yield from _no_unit(facts)
    if unit and unit.get("Restart", "no") in ("no", ""):
        yield Found("keepalived.service has no Restart=")


def _clock(facts: HostFacts) -> Iterator[Found]:
    if facts.clock_synchronised is None:
        yield not_checked("the kernel does not tell whether its clock is synchronised")
    elif not facts.clock_synchronised:
        yield Found("the kernel's clock is not synchronised")


TABLE: Table[HostFacts] = (
    (
        Rule(
            "RUN_DIR_AT_BOOT",
            FAILURE,
            "tmpfiles.d makes run_dir at boot (where systemd runs)",
            "/run is empty after a reboot. keepalived then starts without the permit, and the"
            " check cannot lock.",
            "copy kachecks.tmpfiles.conf to /etc/tmpfiles.d/kachecks.conf",
        ),
        _made_at_boot,
    ),
    (
        Rule(
            "SYSTEMD_STOP",
            WARNING,
            "keepalived.service has ExecStop=notify_down --keep-keepalived (where systemd runs)",
            "keepalived removes the VIP first when it is stopped. Only ExecStop runs before that:"
            " it closes MySQL and lets the other node have everything.",
            "copy kachecks-keepalived.service.d.conf to"
            " /etc/systemd/system/keepalived.service.d/kachecks.conf; systemctl daemon-reload",
        ),
        _exec_stop,
    ),
    (
        Rule(
            "SYSTEMD_STOP_POST",
            WARNING,
            "keepalived.service has ExecStopPost=notify_down --drop-vip (where systemd runs)",
            "a keepalived that was killed leaves the VIP on the interface: both hosts answer for"
            " it.",
            "copy kachecks-keepalived.service.d.conf to"
            " /etc/systemd/system/keepalived.service.d/kachecks.conf; systemctl daemon-reload",
        ),
        _exec_stop_post,
    ),
    (
        Rule(
            "SYSTEMD_TIMEOUT",
            WARNING,
            "TimeoutStopSec of keepalived.service is longer than fence_timeout and 2 s",
            "systemd kills a notify_down that takes longer, and MySQL stays open.",
            "set TimeoutStopSec=30",
        ),
        _stop_timeout,
    ),
    (
        Rule(
            "SYSTEMD_RESTART",
            WARNING,
            "keepalived.service has Restart= (where systemd runs)",
            "a keepalived that died (2.3.3 has been seen to crash at its start) stays dead, and the"
            " next failure finds no heir.",
            "set Restart=on-failure",
        ),
        _restart,
    ),
    (
        Rule(
            "CLOCK",
            WARNING,
            "the clock is synchronised",
            "the end of a maintenance and the times in the audit log are wall-clock times; with"
            " two clocks that differ nobody can tell later what came first.",
            "run chrony or systemd-timesyncd",
        ),
        _clock,
    ),
)
