"""doctor on the programs that keepalived runs: can it, may anybody change them. Rules, pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import Command
from kachecks.commands.doctor.host.facts import File, HostFacts
from kachecks.commands.doctor.host.safety import mending, unsafe
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table, not_checked


def _script_files(facts: HostFacts) -> Iterator[tuple[Command, File]]:
    """Each file once, with the first command that runs it."""
    told = set()
    for command in facts.setup.commands if facts.setup else ():
        for path in command.paths:
            file = facts.files.get(path)
            if file and path not in told:
                told.add(path)
                yield command, file


def _there(facts: HostFacts) -> Iterator[Found]:
    for command, file in _script_files(facts):
        if file.found is None:
            said = f"{file.path} cannot be looked at ({file.why}): run doctor as root"
            yield not_checked(said, where=command.where)
        elif not file.found:
            yield Found(
                f"{command.role} runs {file.path}: {file.why}",
                command.where,
                cure=f"install {file.path}, or correct the path in {command.role}",
            )
    for command in facts.setup.commands if facts.setup else ():
        if command.program and not command.program.startswith("/"):
            yield Found(
                f"{command.role} runs {command.program}, which is no absolute path",
                command.where,
                cure=f"write the absolute path of {command.program}",
            )


def _executable(facts: HostFacts) -> Iterator[Found]:
    for command, file in _script_files(facts):
        if file.found and file.path == command.program and not file.executable:
            yield Found(
                f"{command.role} runs {file.path}, which is not executable",
                command.where,
                cure=f"chmod +x {file.path}",
            )


def _interpreter(facts: HostFacts) -> Iterator[Found]:
    for command, file in _script_files(facts):
        if not file.found or file.path != command.program:
            continue
        if file.interpreter is None:
            yield Found(
                f"{file.path} begins with no #! and is no binary",
                command.where,
                cure=f"let {file.path} begin with #! and its interpreter",
            )
        elif not file.interpreter_found:
            yield Found(
                f"{file.path} wants the interpreter {file.interpreter}, which is not there",
                command.where,
                cure=f"install {file.interpreter}, or install kachecks again, which writes"
                f" {file.path} anew",
            )


def _safe(facts: HostFacts) -> Iterator[Found]:
    told = set()
    for command, file in _script_files(facts):
        for part in file.parts:
            why = unsafe(part)
            if why and part.path not in told:
                told.add(part.path)
                said = f"{why}, and root runs {file.path} through it"
                yield Found(said, command.where, cure=mending(part))


def _security(facts: HostFacts) -> Iterator[Found]:
    setup = facts.setup
    if setup and setup.instance and not setup.setting("enable_script_security"):
        yield Found("enable_script_security is not set", setup.conf.path)


def _users(facts: HostFacts) -> Iterator[Found]:
    setup = facts.setup
    if setup is None:
        return
    told = set()
    for command in setup.commands:
        name = facts.user(command.user)
        uid = facts.users.get(name, 0 if name == "root" else None)
        if uid == 0 or name in told:
            continue
        told.add(name)
        missing = "does not exist" if uid is None else "is not root"
        yield Found(
            f"{command.role} runs as {name}, who {missing}",
            command.where,
            cure=f"write `script_user root` into global_defs of {setup.conf.path}"
            + (f", and remove the user from {command.role}" if command.user else ""),
        )
    stated = setup.setting("script_user")
    kept = facts.users.get("keepalived_script") is not None
    if setup.setting("enable_script_security") and not stated and not kept and setup.commands:
        yield Found(
            "enable_script_security is set, script_user is not, and there is no user"
            " keepalived_script: keepalived disables every script",
            setup.conf.path,
            cure=f"write `script_user root` into global_defs of {setup.conf.path}",
        )


def _alert(facts: HostFacts) -> Iterator[Found]:
    path = facts.config.alert
    file = facts.files.get(path) if path else None
    if path is None or file is None:
        return
    why = ""
    if file.found is None:
        yield not_checked(f"alert program {path} cannot be looked at", where=facts.config.path)
    elif not file.found:
        why = file.why
    elif not file.executable:
        why = "it is not executable"
    elif file.interpreter is None or not file.interpreter_found:
        why = f"its interpreter ({file.interpreter or 'no #!'}) is not there"
    else:
        why = next((unsafe(part) for part in file.parts if unsafe(part)), "")
    if why:
        cure = f"correct {path}, or alert in {facts.config.path}"
        yield Found(f"alert = {path}: {why}", facts.config.path, cure=cure)


TABLE: Table[HostFacts] = (
    (
        Rule(
            "SCRIPT_FOUND",
            FAILURE,
            "every program that keepalived.conf runs is there, named by an absolute path",
            "keepalived removes a check that it does not find from the instance and becomes MASTER"
            " without it, whatever MySQL does.",
            "install the program, or correct the path",
        ),
        _there,
    ),
    (
        Rule(
            "SCRIPT_EXECUTABLE",
            FAILURE,
            "every program that keepalived runs is executable",
            "keepalived removes a check that is not executable and becomes MASTER without it;"
            " keepalived -t does not mind.",
            "chmod +x the program",
        ),
        _executable,
    ),
    (
        Rule(
            "SCRIPT_INTERPRETER",
            FAILURE,
            "the interpreter that a script names after #! is there",
            "a check that cannot be executed (a removed or upgraded virtual environment) counts as"
            " passed: the child of keepalived ends with 0, and nothing is logged.",
            "install the interpreter, or kachecks again",
        ),
        _interpreter,
    ),
    (
        Rule(
            "SCRIPT_SAFE",
            FAILURE,
            "programs that root runs, and every directory on the way, belong to root alone",
            "with enable_script_security keepalived removes such a check and becomes MASTER"
            " without it; without it whoever may write there is root.",
            "chown root:root and chmod go-w what the sentence names",
        ),
        _safe,
    ),
    (
        Rule(
            "SCRIPT_SECURITY",
            WARNING,
            "global_defs has enable_script_security",
            "without it keepalived runs programs as root that others may change.",
            "write `enable_script_security` and `script_user root` into global_defs",
        ),
        _security,
    ),
    (
        Rule(
            "SCRIPT_USER",
            FAILURE,
            "check and hooks run as root",
            "only root may hear VRRP adverts, ask with ARP, end a stuck mysqld and write run_dir."
            " A user that does not exist disables the script.",
            "write `script_user root` into global_defs",
        ),
        _users,
    ),
    (
        Rule(
            "ALERT",
            FAILURE,
            "the alert program, where there is one, is there, executable and root's alone",
            "nobody is told of a failover, nor of what stands in its way.",
            "correct the program, or alert in the option file",
        ),
        _alert,
    ),
)
