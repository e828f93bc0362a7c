"""doctor on the program keepalived and the process that runs. Rules over facts, pure."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping
from shlex import quote

from kachecks.commands.doctor.host.facts import HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row
from kachecks.commands.text import span

_OLDEST, _NEWEST = (2, 1), (2, 4)
_CONF = "/etc/keepalived/keepalived.conf"
_SECURITY = "SECURITY VIOLATION - scripts are being executed"  # SCRIPT_SECURITY tells that
_SECURITY_STATUS = 6  # of keepalived -t for that line: the highest, it hides that of all others
_ABOUT_A_LINE = re.compile(r"\([^)]*Line \d+\) ")  # 2.1.5 says such things and ends with 0
_LONGEST_SILENCE = 20.0  # s; a check that hangs is ended after 10
_NEEDED = {"CAP_KILL": 5, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_PTRACE": 19}
"""By their bits (linux/capability.h)."""
_NOT_RELEASED = ("-V", "--dont-release-vrrp")


def conf_of(arguments: tuple[str, ...]) -> str:
    """The configuration that a keepalived with these arguments reads."""
    return _option(arguments, "-f", "--use-file") or _CONF


def config_id_of(arguments: tuple[str, ...]) -> str | None:
    """Its configuration id, None the default."""
    return _option(arguments, "-i", "--config-id")


def _option(arguments: tuple[str, ...], short: str, long: str) -> str | None:
    for number, word in enumerate(arguments):
        if word in (short, long) and number + 1 < len(arguments):
            return arguments[number + 1]
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
        if word.startswith(short) and not word.startswith("--"):
            return word[len(short) :]
    return None


def _installed(facts: HostFacts) -> Iterator[Found]:
    if not facts.keepalived.path:
        yield Found("there is no program keepalived on this host")


def _version(facts: HostFacts) -> Iterator[Found]:
    path, version = facts.keepalived.path, facts.keepalived.version
    if path and version is None:
        yield not_checked(f"{path} --version does not tell its version")
    elif path and version and not _OLDEST <= version[:2] <= _NEWEST:
        yield Found(f"{path} is version {'.'.join(map(str, version))}", path)


def _accepts(facts: HostFacts) -> Iterator[Found]:
    program = facts.keepalived
    conf = facts.setup.conf.path if facts.setup else ""
    if not program.path or not conf:
        return
    if program.test_status is None:
        yield not_checked("keepalived -t needs root" if not facts.root else "keepalived -t hangs")
        return
    said = [line.strip() for line in program.complaints if _SECURITY not in line]
    if program.test_status == 0:
        said = [line for line in said if _ABOUT_A_LINE.match(line)]
    elif not said and program.test_status != _SECURITY_STATUS:
        said = [f"exit {program.test_status}"]
    for line in said[:5]:
        yield Found(f"keepalived -t: {line}", conf)


def _runs(facts: HostFacts) -> Iterator[Found]:
    program = facts.keepalived
    if program.path and program.arguments is None:
        yield not_checked("only root can tell which keepalived serves this host: run it as root")
    elif program.path and not program.arguments:
        if _awaits_its_first_start(facts.systemd or {}):
            yield not_checked(
                "keepalived has not been started yet, and will be at the next boot; when doctor has"
                " nothing else to say: systemctl start keepalived",
                elsewhere=True,
            )
        else:
            yield Found("no keepalived runs on this host")


def _awaits_its_first_start(unit: Mapping[str, str]) -> bool:
    """As the installation leaves it: it was started neither at this boot nor later, and nothing
    keeps it from being started at the next one."""
    never = unit.get("ExecMainStartTimestampMonotonic") == "0"
    return never and unit.get("UnitFileState") == "enabled"


def _reads(facts: HostFacts) -> Iterator[Found]:
    arguments = facts.keepalived.arguments
    if not arguments or facts.setup is None:
        return
    used, path = conf_of(arguments), facts.setup.conf.path
    if os.path.normpath(used) != os.path.normpath(path):
        said = f"the running keepalived reads {used}, but doctor looks at {path}"
        yield Found(said, path, f"call doctor with --keepalived-conf {quote(used)}")


def _releases(facts: HostFacts) -> Iterator[Found]:
    for argument in facts.keepalived.arguments or ():
        if argument in _NOT_RELEASED:
            yield Found(
                f"the running keepalived was started with {argument}",
                cure=f"remove {argument} where keepalived is started (/etc/default/keepalived,"
                " /etc/sysconfig/keepalived)",
            )


def _may_act_on_mysqld(facts: HostFacts) -> Iterator[Found]:
    """The process that runs; before one runs, the unit that will start it."""
    has, who = facts.keepalived.capabilities, "the running keepalived"
    lacking = [] if has is None else [name for name, bit in _NEEDED.items() if not has >> bit & 1]
    bound = (facts.systemd or {}).get("CapabilityBoundingSet", "").upper().split()
    if has is None and bound:
        who, lacking = "keepalived.service", [name for name in _NEEDED if name not in bound]
    if lacking:
        yield Found(
            f"{who}, and so check and hooks, lack {', '.join(lacking)}",
            cure=f"add {' '.join(lacking)} to CapabilityBoundingSet= of keepalived.service"
            " (systemctl edit keepalived), then restart it",
        )


def _at_work(facts: HostFacts) -> Iterator[Found]:
    """Whether the check of the running keepalived has left its traces."""
    age, check = facts.check_age, facts.setup.check if facts.setup else None
    if not facts.keepalived.arguments or check is None:
        return
    if age is None and not facts.root:
        yield not_checked("only root can see what the check has left: run doctor as root")
    elif age is None or age > _LONGEST_SILENCE:
        since = "has never run" if age is None else f"has not run for {span(age)}"
        yield Found(
            f"keepalived runs, but the check with --fence {since}",
            check.command.where,
            "reload keepalived, then look into its log for `SECURITY VIOLATION`, `Disabling track"
            " script`, and for denials of SELinux (ausearch -m avc)",
        )


def _notices(facts: HostFacts) -> Iterator[Found]:
    """keepalived has noticed that the check passes."""
    if facts.passing is None and facts.not_run and facts.keepalived.arguments:
        yield not_checked(facts.not_run)
    elif facts.state_not_told:
        yield not_checked(facts.state_not_told)
    elif facts.keepalived_state == "FAULT":
        yield Found(
            "keepalived is in FAULT, although the check passes and the permit is granted",
            facts.instance.where if facts.instance else "",
        )


TABLE: Table[HostFacts] = (
    row("KEEPALIVED_INSTALLED", FAILURE, _installed,
        "keepalived is installed",
        "nobody moves the VIP.",
        "install the package keepalived"),
    row("KEEPALIVED_VERSION", WARNING, _version,
        f"keepalived is {_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}",
        "kachecks has been tried with these. 2.0 does not know track_file and runs without the"
        " permit. (2.1.3 to 2.3.2 start a second copy of a check that overruns its interval;"
        " check_mysql copes with that.)",
        "install keepalived 2.1 to 2.4"),
    row("KEEPALIVED_ACCEPTS", FAILURE, _accepts,
        "keepalived -t has nothing to say about the file",
        "keepalived starts nevertheless, but without what it complains about.",
        "correct the line that it names"),
    row("KEEPALIVED_RUNS", WARNING, _runs,
        "keepalived runs",
        "without it this node neither takes the VIP nor is checked, and nothing fails over to it.",
        "when doctor has nothing else to say: systemctl enable --now keepalived"),
    row("KEEPALIVED_READS", WARNING, _reads,
        "the running keepalived reads the file that is looked at here",
        "it does not help that a file is right if keepalived does not read it.",
        "call doctor with --keepalived-conf FILE"),
    row("VIP_RELEASED", FAILURE, _releases,
        "keepalived does not run with --dont-release-vrrp",
        "a keepalived that stops leaves the VIP on this host, while the other one takes it.",
        "remove -V from keepalived's arguments"),
    row("KEEPALIVED_CAPABILITIES", FAILURE, _may_act_on_mysqld,
        "keepalived, as it runs or will be started, may act on mysqld and on the network",
        "without CAP_KILL a mysqld that hangs cannot be ended, and this node keeps the VIP until it"
        " ends by itself; without CAP_SYS_PTRACE its disks cannot be looked at; without CAP_NET_RAW"
        " and CAP_NET_ADMIN nobody can tell who has the VIP.",
        "add them to CapabilityBoundingSet= of keepalived.service"),
    row("CHECK_AT_WORK", FAILURE, _at_work,
        "the running keepalived does run the check",
        "when keepalived starts it drops a check that it may not run (script security, SELinux, a"
        " path that was not there yet), and then holds the VIP without it.",
        "reload keepalived, and look into its log"),
    row("KEEPALIVED_FAULT", FAILURE, _notices,
        "keepalived is not in FAULT while the check passes and the permit is granted",
        "this node never takes the VIP, and its check goes on saying OK. It happens when run_dir is"
        " removed and made again while keepalived runs: it watches the permit file that is gone.",
        "systemctl reload keepalived; if it stays in FAULT, its log names the interface or the"
        " script that keeps it there"),
)  # fmt: skip
