"""doctor on what systemd does with keepalived and /run, and on the clock.

Rules over facts, pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from shlex import quote

from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Finder, Found, Table, not_checked, row
from kachecks.config.options import DEFAULT_PATH, Config

_PEER_GETS = 2  # s, for the rest of the transactions, when notify_down has closed
_DROP_IN = (
    "copy kachecks-keepalived.service.d.conf to"
    " /etc/systemd/system/keepalived.service.d/kachecks.conf; systemctl daemon-reload"
)
_NOT_AT_BOOT = ("disabled", "enabled-runtime")
"""Values of UnitFileState; `static`, `generated` and the like are started by something else."""
_MASKED = ("masked", "masked-runtime")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def _unit(name: str, wrong: Callable[[str, Config], Found | None]) -> Finder[HostFacts]:
    """A property of keepalived.service, where systemd runs; ``wrong`` gets its value."""

    def finder(facts: HostFacts) -> Iterator[Found]:
        if facts.systemd is None:
            return
        state = facts.systemd.get("LoadState", "loaded")
        if state in _MASKED:
            yield not_checked("keepalived.service is masked: SYSTEMD_ENABLED")
            return
        if state != "loaded" or not facts.systemd:
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


def _read_anew(value: str, _config: Config) -> Found | None:
    if value != "yes":
        return None
    return Found("the files of keepalived.service have changed since systemd has read them")


def _enabled(facts: HostFacts) -> Iterator[Found]:
    """Before keepalived has been started for the first time, KEEPALIVED_RUNS says all of it."""
    state = (facts.systemd or {}).get("UnitFileState", "")
    if state in _MASKED:
        yield Found(
            "keepalived.service is masked: nothing can start it",
            cure="systemctl unmask keepalived && systemctl enable --now keepalived",
        )
    elif state in _NOT_AT_BOOT and facts.keepalived.arguments:
        yield Found(f"keepalived.service is {state}")


def _server_enabled(facts: HostFacts) -> Iterator[Found]:
    unit = facts.server_unit
    if unit is None or facts.systemd is None:
        return
    name, state = unit.get("Id", ""), unit.get("UnitFileState", "")
    if not name:
        yield not_checked("the server runs in no service of systemd: see what starts it at boot")
    elif state in _MASKED:
        cure = f"systemctl unmask {quote(name)} && systemctl enable {quote(name)}"
        yield Found(f"{name} is masked", cure=cure)
    elif state in _NOT_AT_BOOT:
        yield Found(f"{name} is {state}", cure=f"systemctl enable {quote(name)}")


def _starts_after_the_server(facts: HostFacts) -> Iterator[Found]:
    unit, after = facts.server_unit, (facts.systemd or {}).get("After")
    if not unit or after is None:
        return  # SERVER_ENABLED and SYSTEMD_STOP tell why that is not known
    if unit["Id"] not in after.split():
        yield Found(
            f"After= of keepalived.service does not name {unit['Id']}",
            cure=f"write After={unit['Id']} into [Unit] of keepalived.service (systemctl edit"
            " keepalived)",
        )


def _gives_up(facts: HostFacts) -> Iterator[Found]:
    """systemd.unit(5), StartLimitIntervalSec=: so many starts in that time, and no further one."""
    unit = facts.systemd or {}
    seconds, pause = timespan(unit.get("StartLimitIntervalUSec", "")), unit.get("RestartUSec", "")
    burst = unit.get("StartLimitBurst", "")
    if not seconds or not burst.isdecimal() or unit.get("Restart") in (None, "no"):
        return
    if 0 < int(burst) * (timespan(pause) or 0) < seconds:
        yield Found(
            f"systemd gives keepalived up when it has died {burst} times within {seconds:g} s"
        )


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
    row("SYSTEMD_START_LIMIT", WARNING, _gives_up,
        "systemd never stops starting keepalived anew (where systemd runs)",
        "a keepalived that dies a few times in a row, of something that passes by itself, stays"
        " dead, and at the next failure nobody takes over.",
        "write StartLimitIntervalSec=0 into [Unit] of keepalived.service (it stands in"
        " kachecks-keepalived.service.d.conf), then systemctl daemon-reload"),
    row("SYSTEMD_RELOAD", WARNING, _unit("NeedDaemonReload", _read_anew),
        "systemd has read the files of keepalived.service as they are now (where systemd runs)",
        "it goes on with what they said before, so that neither ExecStop= nor anything else of a"
        " new drop-in is in force.",
        "systemctl daemon-reload"),
    row("SYSTEMD_ENABLED", WARNING, _enabled,
        "keepalived.service starts at boot, and is not masked (where systemd runs)",
        "after a reboot, which a power cut is too, this node is no standby, and nobody notices"
        " before the other one fails.",
        "systemctl enable keepalived"),
    row("SERVER_ENABLED", WARNING, _server_enabled,
        "the server's own unit starts at boot (where systemd runs)",
        "after a reboot this node has no server, and is no standby.",
        "systemctl enable the server's unit"),
    row("SYSTEMD_ORDER", WARNING, _starts_after_the_server,
        "keepalived.service has After= with the server's unit (where systemd runs)",
        "at shutdown systemd stops both at once: the server may be gone before it has given the"
        " other node everything. At boot keepalived starts before there is a server.",
        _DROP_IN),
    row("CLOCK", WARNING, _clock,
        "the clock is synchronised",
        "the end of a maintenance and the times in the audit log are wall-clock times. If the two"
        " clocks differ, nobody can tell later what came first.",
        "run chrony or systemd-timesyncd"),
)  # fmt: skip
