"""One run of check_mysql: look, judge, fence, say.

The healthy path runs every second on every node, so what only a failure or a person needs is
imported there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple, NoReturn

from kachecks.config import DEFAULT_PATH, Config, ConfigError, load
from kachecks.facts import Facts
from kachecks.host import Budget, Host
from kachecks.probe import probe, probe_access
from kachecks.report import log, say
from kachecks.session import DriverError, Lost, Refused, ServerError, Session, SessionError
from kachecks.state import Lock, StateError, forget, is_news, read_text
from kachecks.verdict import Observation, Verdict, explain, judge, needs_peer

BUSY = frozenset({1040, 1203, 1226})
ACCESS_DENIED = frozenset({1044, 1045, 1130, 1142, 1227, 1698, 2059, 2061})

UNKNOWN = 30
HUNG = 11

UNUSABLE_NOTE = "/run/kachecks/check_mysql.unusable"
"""What syslog was last told of an option file that cannot be used; there it has no name yet."""

LONGEST_RUN = 9.8
"""Seconds; keepalived.conf has ``timeout 10``."""

OTHER_COPY_PATIENCE = 8.0
"""Seconds for which a second copy trusts the first one, still at work, and repeats the last
verdict. keepalived 2.1.3 to 2.3.2 starts such copies when a check overruns its interval."""


class Options(NamedTuple):
    """The command line."""

    defaults_file: str = DEFAULT_PATH
    fence: bool = False
    json: bool = False
    explain: bool = False
    verbose: bool = False


def run(arguments: list[str]) -> int:
    """Parse, and answer with the exit status; UNKNOWN whatever goes wrong on the way."""
    options = _quick_options(arguments) or _parsed_options(arguments)
    if options.explain:
        print(explain())
        return 0
    try:
        config = load(options.defaults_file)
        if options.fence:
            forget(UNUSABLE_NOTE)
        return check(config, options)
    except ConfigError as error:
        return _unusable(options, str(error))
    except Exception as error:  # every escape must become a defined status
        if options.verbose:
            raise
        return _unusable(options, f"unexpected {type(error).__name__}: {error}")


def check(config: Config, options: Options) -> int:
    """One run with a valid option file; the exit status."""
    _end_after(config.hung_after + (config.fence_timeout if options.fence else 0.0))
    host = Host(config)
    trouble = ""
    copies = Lock(f"{config.run_dir}/{config.name}.check")
    if options.fence:
        try:
            if not copies.try_to_take(f"{host.now():.3f}"):
                repeated = _status_of_first_copy(host, f"{config.run_dir}/{config.name}.check")
                if repeated is not None:
                    return repeated
        except StateError as error:
            trouble = str(error)
    seen, session = observe(host)
    try:
        if needs_peer(seen, config):
            seen = seen._replace(peer=_ask_peer(host))
        if options.fence:
            try:
                _keep_marks(host, seen, session)
            except StateError as error:
                trouble = str(error)
    finally:
        if session is not None:
            session.close()
    verdict = judge(seen, config)
    if trouble and verdict.reason == "OK":  # it could neither fence nor promote
        verdict = judge(seen._replace(facts=None, failure="unknown", detail=trouble), config)
    if options.fence:
        try:
            verdict = _fence(host, seen, verdict)
        except Exception as error:  # noqa: BLE001 - what was seen still counts
            verdict = _not_fenced(verdict, f"unexpected {type(error).__name__}: {error}")
    with suppress(Exception):  # a verdict stands, whether or not it can be told
        _say(host, options, verdict, seen.vip_here)
    return verdict.status


def observe(host: Host) -> tuple[Observation, Session | None]:
    """Look at this node: the VIP, its server, and whether a promotion is at work."""
    config = host.config
    here = host.vip_here()
    budget = Budget(host, config.hung_after)
    session: Session | None = None
    facts: Facts | None = None
    failure = detail = ""
    while True:
        try:
            session = host.connect_local(budget.left())
            facts = probe(session, budget.left())
            failure = detail = ""
            break
        except Refused as error:
            failure, detail = "down", str(error)
            break
        except ServerError as error:
            failure = "busy" if error.errno in BUSY else "unknown"
            detail = f"{error}{_cure(error, config)}"
            break
        except DriverError as error:
            failure, detail = "unknown", str(error)
            break
        except SessionError as error:
            failure, detail = "hung", f"{error} (hung_after = {config.hung_after:g} s)"
            if budget.over or not isinstance(error, Lost):
                break
        host.sleep(0.05)
    promoting = here and (facts is None or not facts.writable) and host.lock_purpose() == "promote"
    return Observation(here, promoting, facts, failure, detail), session


def _ask_peer(host: Host) -> str:
    """open, closed or unanswered: whether the standby's receiver must be connected."""
    try:
        session = host.connect_peer(1.0)
    except SessionError:
        return "unanswered"
    try:
        return "open" if probe_access(session, 1.0).writable else "closed"
    except SessionError:
        return "unanswered"
    finally:
        session.close()


def _keep_marks(host: Host, seen: Observation, session: Session | None) -> None:
    """Remember which mysqld answered, and whether it was open. Raises StateError."""
    if session is None or seen.facts is None:
        return
    process = host.server_process(session)
    host.remember_server(process)
    if seen.facts.writable:
        host.mark_open(process)
    elif seen.facts.closed and host.open_mark() is not None and host.try_lock("check"):
        try:  # under the lock, so that no promotion is just about to open it
            if probe_access(session, 1.0).closed:
                host.unmark_open()
        except SessionError:
            pass
        finally:
            host.unlock()


def _fence(host: Host, seen: Observation, verdict: Verdict) -> Verdict:
    """Close this server before keepalived learns that the VIP must go, or when it has gone.

    A node that never opened has nothing to close, and nothing to kill. A server that is alive
    and could not be closed keeps the VIP: the other node could only open beside it.
    """
    failing = verdict.status != 0
    closed = seen.facts is not None and seen.facts.closed
    was_open = host.open_mark() is not None or (seen.facts is not None and not closed)
    nothing_to_close = not was_open or (closed and host.open_mark() is None)
    if nothing_to_close or (not failing and seen.vip_here):
        host.forget_trouble()
        return verdict
    from kachecks.demotion import demote, demote_mute
    from kachecks.reconcile import lock_to_demote
    from kachecks.steps import Steps

    steps = Steps(host)
    locked = lock_to_demote(host, host.config.fence_timeout)
    try:
        if not failing and (not locked or host.vip_here()):
            return verdict  # a hook is at work, or has just brought the VIP here
        if seen.failure == "hung":
            outcome = demote_mute(host, steps, seen.detail)
        else:
            outcome = demote(host, steps, host.config.fence_timeout)
        if outcome.done or host.trouble_changed(outcome.why):
            steps.record(outcome, f"check_mysql: {verdict.reason}")
    finally:
        host.unlock()
    if failing and outcome.outcome == "not closed" and seen.holder:
        sentence = f"{verdict.sentence}; kept, because {outcome.why}"
        return verdict._replace(status=0, sentence=sentence)
    return verdict


def _not_fenced(verdict: Verdict, why: str) -> Verdict:
    """Fencing itself went wrong: a dead or hung server gives way all the same, no other does."""
    dead = verdict.reason in ("MYSQLD_DOWN", "MYSQLD_HUNG")
    status = verdict.status if dead or verdict.role == "standby" else 0
    return verdict._replace(status=status, sentence=f"{verdict.sentence}; {why}")


def _say(host: Host, options: Options, verdict: Verdict, vip_here: bool) -> None:
    """Tell syslog what is new, and the person at the terminal everything."""
    entry: dict[str, object] = {
        "reason": verdict.reason,
        "exit": verdict.status,
        "sentence": f"{verdict.reason}: {verdict.sentence}",
        "role": verdict.role,
        "vip": vip_here,
    }
    if options.fence and host.verdict_changed(f"{verdict.reason} {verdict.status}"):
        host.announce(entry, verdict.problem)
    if options.json:
        import json

        say(json.dumps(entry, ensure_ascii=False))
    else:
        say(str(entry["sentence"]))
        if options.verbose:
            say(f"exit {verdict.status}, {verdict.role}, option file {host.config.path}")


def _status_of_first_copy(host: Host, path: str) -> int | None:
    """What the last finished run said, while the copy at work is not older than 8 s."""
    try:
        age = host.now() - float(read_text(path))
    except ValueError:
        age = 0.0  # it has just begun, or just ended
    if age > OTHER_COPY_PATIENCE:
        return None
    status = host.last_verdict().rpartition(" ")[2]
    if status.isdigit():
        return int(status)
    return 0 if host.vip_here() else UNKNOWN


def _cure(error: ServerError, config: Config) -> str:
    if error.errno in ACCESS_DENIED:
        return f"; check [client] in {config.path} and the grants in keepalived-snippets"
    return ""


def _unusable(options: Options, why: str) -> int:
    """UNKNOWN without an option file: exit 0 where the VIP it names is, else 30."""
    from kachecks.last_resort import vip_is_here

    status = 0 if vip_is_here(options.defaults_file) else UNKNOWN
    sentence = f"UNKNOWN: {why}"
    if options.fence and is_news(UNUSABLE_NOTE, sentence):
        log(sentence, problem=True)
    if options.json:
        import json

        entry = {"reason": "UNKNOWN", "exit": status, "sentence": sentence}
        say(json.dumps(entry, ensure_ascii=False))
    else:
        say(sentence)
    return status


def _end_after(seconds: float) -> None:
    """The process's own end, whatever hangs: 3 s of margin, but before keepalived's timeout."""
    from _thread import start_new_thread
    from time import sleep

    def end() -> NoReturn:
        sleep(min(seconds + 3.0, LONGEST_RUN))
        os._exit(HUNG)

    start_new_thread(end, ())


def _quick_options(arguments: list[str]) -> Options | None:
    """The two options keepalived.conf uses, without argparse, which costs as much as the check."""
    options = Options()
    for argument in arguments:
        if argument == "--fence":
            options = options._replace(fence=True)
        elif argument.startswith("--defaults-file="):
            options = options._replace(defaults_file=argument.partition("=")[2])
        else:
            return None
    return options


def _parsed_options(arguments: list[str]) -> Options:
    from kachecks.arguments import parser, rule_statuses

    parsing = parser("check_mysql", "May this node hold the VIP?", epilog=rule_statuses())
    parsing.add_argument(
        "--fence",
        action="store_true",
        help="for keepalived: before failing, close a server that was open, by killing it if"
        " stuck_mysqld says so; without this option nothing is ever changed",
    )
    parsing.add_argument("--json", action="store_true", help="one JSON object instead of a line")
    parsing.add_argument("--explain", action="store_true", help="print the table of rules and exit")
    found = parsing.parse_args(arguments)
    return Options(found.defaults_file, found.fence, found.json, found.explain, found.verbose)
