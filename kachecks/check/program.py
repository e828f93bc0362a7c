"""check_mysql: its command line, its deadline, what it says. The look itself is in one_run.

The healthy path runs every second on every node, so what only a failure or a person needs is
imported where it is needed.
"""

from __future__ import annotations

import os
import sys
from time import time

from kachecks.check.one_run import Run
from kachecks.check.verdict import RULES, Verdict, explain, severity_of
from kachecks.config.options import DEFAULT_PATH, LONGEST_RUN, Config, ConfigError, load
from kachecks.lean import NamedTuple, plain_options, suppress
from kachecks.node import Node
from kachecks.report import Terminal, log, say, say_lines
from kachecks.state.files import (
    CHECK,
    SHARED_RUN_DIR,
    UNUSABLE,
    USABLE,
    Files,
    Lock,
    StateError,
    note_of,
    path_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any, NoReturn

    from kachecks.mysqld_process import Process
    from kachecks.state.marks import LastVerdict
    from kachecks.state.signs import Sign

UNKNOWN = 30
WRONG_COMMAND_LINE = 2

OTHER_COPY_PATIENCE = 8.0
"""Seconds for which a second copy of the check trusts a first one that is still at work, and
repeats the last verdict; then it looks for itself. keepalived 2.1.3 to 2.3.2 starts such copies
when a check overruns its interval."""


LAST_RESORT = 12
"""Seconds after which the kernel ends a check that cannot end itself, as a call into C holds the
interpreter's lock: after keepalived's own ``timeout``, and with the same result."""


class Kind(NamedTuple):
    """What a node is judged by: as one of a pair, or as a member of a cluster (cluster.program)."""

    run: Callable[[Node, bool], Any]  # one_run.Run, or what has its methods
    severity_of: Callable[[Verdict], str]
    explain: Callable[[], str]


PAIR = Kind(Run, severity_of, explain)


class Options(NamedTuple):
    """The command line."""

    defaults_file: str = DEFAULT_PATH
    fence: bool = False
    json: bool = False
    explain: bool = False
    verbose: bool = False


def main(
    arguments: list[str],
    vip_is_here: Callable[[str], bool],
    option_file_of: Callable[[list[str]], str],
) -> int:
    """Parse, check, return the exit status. Whatever goes wrong on the way, the answer is UNKNOWN.

    Args:
        vip_is_here: tells whether the VIP that an option file names is on this host, though the
            file may be unusable.
        option_file_of: finds the one that a command line names, though that may be wrong.
    """
    options = plain_options(arguments, Options(), {"--fence": "fence"})
    try:
        options = options or _parsed_options(arguments)
    except SystemExit as end:  # it was told
        if not end.code:
            return 0
        return _wrong_command_line(arguments, option_file_of(arguments), vip_is_here)
    if options.explain:
        say_lines(_kind_of(options.defaults_file).explain())
        return 0
    try:
        config = load(options.defaults_file)
        if options.fence:
            _note_usable(config, options.defaults_file)
        return check(config, options)
    except ConfigError as error:
        return _unusable(options, str(error), vip_is_here)
    except Exception as error:  # every escape must become a defined status
        if options.verbose:
            raise
        why = f"unexpected {type(error).__name__}: {error}"
        return _unusable(options, why, vip_is_here)


def _note_usable(config: Config, path: str) -> None:
    """For who comes when it no longer is. Nothing happens where that cannot be noted."""
    if config.run_dir != SHARED_RUN_DIR:  # without tmpfiles.d nobody has made it
        with suppress(OSError):
            os.mkdir(SHARED_RUN_DIR, 0o700)
    Files().is_news(note_of(path, USABLE), f"{','.join(config.vips)}\n{config.alert or ''}")
    note = note_of(path, UNUSABLE)
    age = Files().age(note)
    if not age:
        return
    Files().forget(note)  # people were told that it is not
    with suppress(Exception):  # whether they can be told of its end, a verdict must come
        from kachecks.config.unusable import tell_of_end

        if not Files().age(note):  # on a read-only /run it stays, and that would be told each time
            tell_of_end(path, config.alert or "", age)


def check(config: Config, options: Options) -> int:
    """One run with a valid option file; the exit status."""
    node, kind = Node(config), _kind(config)
    end = _End(node)
    end.comes_after(config.hung_after + (config.fence_timeout if options.fence else 0.0))
    looked = _look(node, options, end, kind)
    by_keepalived = options.fence and not options.json  # a person gets one answer at once
    watches = by_keepalived and config.watch and not looked.status and looked.answered
    if watches and _is_void(node, options, looked.process):
        looked = _look(node, options, end, kind)
    return looked.status


def _kind(config: Config) -> Kind:
    if not config.cluster:
        return PAIR
    from kachecks.cluster.program import MEMBER

    return MEMBER


def _kind_of(option_file: str) -> Kind:
    """A pair's where that file cannot be used."""
    with suppress(ConfigError):
        return _kind(load(option_file))
    return PAIR


def _is_void(node: Node, options: Options, process: Process | None) -> bool:
    """Watch mysqld until the next check is due. True if what happens meanwhile makes a good verdict
    void."""
    with suppress(Exception):  # the verdict stands, whether or not mysqld can be watched
        from kachecks.check.watch import watch

        watched = watch(node, process)
        if options.verbose:
            _teller(options)(watched.said)
        return watched.look_again
    return False


class _Looked(NamedTuple):
    """What one look came to."""

    status: int
    answered: bool = False  # by this node's server
    process: Process | None = None  # the mysqld that has answered, where it is known


def _look(node: Node, options: Options, end: _End, kind: Kind) -> _Looked:
    """Look, act and tell."""
    end.forget_verdict()
    hanging = None
    path = path_of(node.config.run_dir, node.config.name, CHECK)
    copies = Lock(path, node.files)
    if options.fence:
        with suppress(StateError):  # the run meets the same trouble, and judges by it
            if not copies.try_to_take(f"{node.clock.now():.3f} {os.getpid()}"):
                begun, pid = _first_copy(node, path)
                if node.clock.now() - begun <= OTHER_COPY_PATIENCE:
                    return _Looked(_status_of_first_copy(node))
                hanging = _hanging(begun, pid)
    run = kind.run(node, options.fence)
    try:
        judged = run.look(hanging)
        end.judged(judged.verdict)
        verdict = run.act_on(judged)
        with suppress(Exception):  # a verdict stands, whether or not it can be told
            _say(node, options, verdict, kind)
    finally:
        run.close()
        copies.release()
    return _Looked(verdict.status, run.answered, run.process)


def _say(node: Node, options: Options, verdict: Verdict, kind: Kind) -> None:
    """Tell syslog of a new verdict, and the person at the terminal of every one."""
    tell, sentence = _teller(options), f"{verdict.reason}: {verdict.sentence}"
    last = None
    if options.fence:
        last = node.marks.verdict_changed(f"{verdict.reason} {verdict.status}")
    if last or options.json:
        entry: dict[str, object] = {
            "reason": verdict.reason,
            "exit": verdict.status,
            "sentence": sentence,
            "role": verdict.role,
            "vip": node.network.vip_here(),
        }
        if last:
            severity = kind.severity_of(verdict) if verdict.problem else ""
            _announce(node, entry, severity, last)
        if options.json:
            import json

            tell(json.dumps(entry, ensure_ascii=False))
            return
    tell(sentence)
    if options.verbose:
        tell(f"exit {verdict.status}, {verdict.role}, option file {node.config.path}")


def _announce(node: Node, entry: dict[str, object], severity: str, last: LastVerdict) -> None:
    """That the verdict is a new one, and that the last one is over."""
    now = time()
    node.telling.announce(entry, severity, now - node.marks.verdict_age())
    if last.reason not in ("", "OK", entry["reason"]):
        over = f"{last.reason} is over; now {entry['sentence']}"
        node.telling.announce_end(last.reason, now - last.age, over)


def _teller(options: Options) -> Callable[[str], None]:
    """How the person at the terminal is told. keepalived is not kept waiting for one."""
    return Terminal().say if options.fence else say


def _first_copy(node: Node, path: str) -> tuple[float, int]:
    """When the first copy began, and its pid."""
    begun, _, pid = node.files.read(path).partition(" ")
    try:
        if float(begun) <= node.clock.now():
            return float(begun), int(pid)
    except ValueError:
        pass
    return node.clock.now(), 0  # it has just begun, or just ended


def _hanging(begun: float, pid: int) -> Sign | None:
    """The first copy hangs in the kernel, as at a dead disk. One that is only late may have had no
    CPU, and proves nothing."""
    from kachecks.mysqld_process import hangs_in_kernel
    from kachecks.state.signs import Sign

    if not hangs_in_kernel(pid):
        return None
    return Sign(f"the check before this one (process {pid}) hangs in the kernel", begun)


def _status_of_first_copy(node: Node) -> int:
    """What the last finished run said."""
    status = node.marks.last_verdict().rpartition(" ")[2]
    if status.isdecimal() and len(status) < 3:
        return int(status)
    return 0 if node.network.vip_here() else UNKNOWN


def _wrong_command_line(arguments: list[str], path: str, vip_is_here: Callable[[str], bool]) -> int:
    """Exit 0 where the VIP is, as nothing would close an open server before it left; else 2.

    A mistake in keepalived.conf, which has root run this, is told to syslog and the alert program.
    One of a person at a terminal, or of a monitoring system's account, changes nothing.
    """
    from kachecks.check.unusable import FENCING_IS_OFF, is_here
    from kachecks.check.verdict import CANNOT_TELL
    from kachecks.config.unusable import tell

    if os.geteuid() or (sys.stderr is not None and sys.stderr.isatty()):
        return WRONG_COMMAND_LINE
    vips, _, program = Files().read(note_of(path, USABLE)).partition("\n")
    status = 0 if vip_is_here(path) or is_here(vips) else WRONG_COMMAND_LINE
    typed = " ".join(["check_mysql", *arguments])
    sentence = f"UNKNOWN: wrong command line: {typed}{FENCING_IS_OFF}"
    if Files().is_news(note_of(path, UNUSABLE), sentence):
        log(sentence, problem=True)
        entry: dict[str, object] = {"reason": "UNKNOWN", "exit": status, "sentence": sentence}
        tell(path, program, CANNOT_TELL, entry)
    return status


def _unusable(options: Options, why: str, vip_is_here: Callable[[str], bool]) -> int:
    """Answer UNKNOWN without a usable option file: exit 0 if the VIP that it names is here, or one
    that it has named when it was last usable, else 30."""
    from kachecks.check.unusable import FENCING_IS_OFF, is_here
    from kachecks.check.verdict import CANNOT_TELL
    from kachecks.config.unusable import tell

    path = options.defaults_file
    vips, _, program = Files().read(note_of(path, USABLE)).partition("\n")
    here = vip_is_here(path) or is_here(vips)
    status = 0 if here else UNKNOWN
    sentence = f"UNKNOWN: {why}{FENCING_IS_OFF}"
    entry: dict[str, object] = {"reason": "UNKNOWN", "exit": status, "sentence": sentence}
    if options.fence and Files().is_news(note_of(path, UNUSABLE), sentence):
        log(sentence, problem=True)
        tell(path, program, CANNOT_TELL, entry)
    if options.json:
        import json

        sentence = json.dumps(entry, ensure_ascii=False)
    _teller(options)(sentence)
    return status


class _End:
    """Ends the process whatever hangs: 3 s after all work should be done, but before keepalived's
    timeout.

    If there is a verdict by then, it is the fencing that hangs, and the exit status is that for a
    server that could not be closed. Without a verdict the process was too slow to tell (an
    overloaded machine): UNKNOWN, so that the VIP stays where it is.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._status: int | None = None

    def judged(self, verdict: Verdict) -> None:
        """There is a verdict."""
        self._status = verdict.status_if_open

    def forget_verdict(self) -> None:
        """Another look begins."""
        self._status = None

    def comes_after(self, seconds: float) -> None:
        """Start the clock."""
        from _signal import alarm  # type: ignore[import-not-found] # `signal` itself loads enum
        from _thread import start_new_thread

        alarm(LAST_RESORT)
        with suppress(RuntimeError):  # no more threads: the alarm alone ends it
            start_new_thread(self._wait, (min(seconds + 3.0, LONGEST_RUN),))

    def _wait(self, seconds: float) -> NoReturn:
        from time import sleep

        status = UNKNOWN
        try:
            sleep(seconds)
            status = self.status
            log(f"UNKNOWN: the check has not ended within {seconds:g} s: exit {status}", True)
        finally:
            os._exit(status)

    @property
    def status(self) -> int:
        """The exit status for keepalived, if the process ended now."""
        if self._status is not None:
            return self._status
        return 0 if self._node.network.vip_here() else UNKNOWN


def parser() -> argparse.ArgumentParser:
    """The command line as people use it."""
    from kachecks.command_line import parser as with_common_options

    parsing = with_common_options("check_mysql", "May this node hold the VIP?", _exit_statuses())
    parsing.add_argument(
        "--fence",
        action="store_true",
        help="for keepalived: before failing, close a server that was open, by killing it if"
        " stuck_mysqld says so; without this option nothing is ever changed",
    )
    said = parsing.add_mutually_exclusive_group()
    said.add_argument("--json", action="store_true", help="one JSON object instead of a line")
    said.add_argument("--explain", action="store_true", help="print the table of rules and exit")
    return parsing


def _exit_statuses() -> str:
    """The exit statuses of check_mysql, from the table that also decides."""
    lines = ["exit status (see --explain; 0 also where a rule keeps the VIP on its holder):"]
    lines.append("   0  OK")
    lines += [f"  {rule.status:>2}  {rule.reason}: {rule.meaning}" for rule in RULES]
    from kachecks.cluster.verdict import OWN_RULES

    lines += [f"  {rule.status:>2}  {rule.reason}: {rule.meaning}" for rule in OWN_RULES]
    lines.append("   2  wrong command line, where the VIP is not")
    lines += ["", "examples:", "  check_mysql -v", "  check_mysql --json | jq .reason"]
    return "\n".join(lines)


def _parsed_options(arguments: list[str]) -> Options:
    found = parser().parse_args(arguments)
    return Options(found.defaults_file, found.fence, found.json, found.explain, found.verbose)
