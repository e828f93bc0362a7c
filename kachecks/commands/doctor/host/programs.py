"""doctor on the programs that keepalived runs: are they ours, can they run, who may change them.

Rules over facts, pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from kachecks.commands.doctor.conf.setup import Command
from kachecks.commands.doctor.host.facts import File, HostFacts
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row

_ACTS = re.compile(r"\b(pkill|killall|ifdown|ifup)\b[^\n;&|]*")


def _files(facts: HostFacts) -> Iterator[tuple[Command, File]]:
    """Each file once, with the first command that runs it."""
    told = set()
    for command in facts.commands:
        for path in command.paths:
            file = facts.files.get(path)
            if file and path not in told:
                told.add(path)
                yield command, file


def _there(facts: HostFacts) -> Iterator[Found]:
    for command, file in _files(facts):
        if file.found is None:
            said = f"{file.path} cannot be looked at ({file.why}): run doctor as root"
            yield not_checked(said, command.where)
        elif not file.found:
            yield Found(
                f"{command.role} runs {file.path}: {file.why}",
                command.where,
                f"install {file.path}, or correct the path in {command.role}",
            )
    for command in facts.commands:
        if command.program and not command.program.startswith("/"):
            yield Found(
                f"{command.role} runs {command.program}, which is no absolute path",
                command.where,
                f"write the absolute path of {command.program}",
            )


def _executed(facts: HostFacts) -> Iterator[tuple[Command, File]]:
    """Those that keepalived executes itself."""
    for command, file in _files(facts):
        if file.found and file.path == command.program:
            yield command, file


def _executable(facts: HostFacts) -> Iterator[Found]:
    for command, file in _executed(facts):
        if not file.executable:
            said = f"{command.role} runs {file.path}, which is not executable"
            yield Found(said, command.where, f"chmod +x {quote(file.path)}")


def _interpreter(facts: HostFacts) -> Iterator[Found]:
    for command, file in _executed(facts):
        if file.interpreter is None:
            yield Found(
                f"{file.path} begins with no #! and is no binary",
                command.where,
                f"let {file.path} begin with #! and its interpreter",
            )
        elif not file.interpreter_found:
            yield Found(
                f"{file.path} wants the interpreter {file.interpreter}, which is not there",
                command.where,
                f"install {file.interpreter}, or install kachecks again, which writes {file.path}"
                " anew",
            )


def _safe(facts: HostFacts) -> Iterator[Found]:
    told = set()
    for command, file in _files(facts):
        for part in file.parts:
            if part.unsafe and part.path not in told:
                told.add(part.path)
                said = f"{part.unsafe}, and root runs {file.path} through it"
                yield Found(said, command.where, part.mending)


def _security(facts: HostFacts) -> Iterator[Found]:
    setup = facts.setup
    if setup and setup.instance and not setup.setting("enable_script_security"):
        yield Found("enable_script_security is not set", setup.conf.path)


def _users(facts: HostFacts) -> Iterator[Found]:
    setup = facts.setup
    if setup is None:
        return
    root = f"write `script_user root` into global_defs of {setup.conf.path}"
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
            root + (f", and remove the user from {command.role}" if command.user else ""),
        )
    kept = setup.setting("script_user") or facts.users.get("keepalived_script") is not None
    if setup.setting("enable_script_security") and not kept and setup.commands:
        yield Found(
            "enable_script_security is set, script_user is not, and there is no user"
            " keepalived_script: keepalived disables every script",
            setup.conf.path,
            root,
        )


def _alert(facts: HostFacts) -> Iterator[Found]:
    path, where = facts.config.alert, facts.config.path
    file = facts.files.get(path) if path else None
    if path is None or file is None:
        return
    if file.found is None:
        yield not_checked(f"alert program {path} cannot be looked at", where)
        return
    if not file.found:
        why = file.why
    elif not file.executable:
        why = "it is not executable"
    elif file.interpreter is None or not file.interpreter_found:
        why = f"its interpreter ({file.interpreter or 'no #!'}) is not there"
    else:
        why = next((part.unsafe for part in file.parts if part.unsafe), "")
    if why:
        script = "; it takes no arguments: write a script" if " " in path else ""
        yield Found(f"alert = {path}: {why}", where, f"correct {path}, or alert in {where}{script}")


def _foreign(facts: HostFacts) -> Iterator[Found]:
    """Hooks that are not ours and do not call ours. A wrapper that calls ours is fine."""
    for command in facts.setup.hooks if facts.setup else ():
        file = facts.files.get(command.program)
        if command.ours or command.role == "notify" or _calls_ours(command, file):
            continue
        if file and file.found is None:
            yield not_checked(f"{file.path} cannot be read: run doctor as root", command.where)
            continue
        yield Found(
            f"{command.role} runs {' '.join(command.words) or 'nothing'}, no program of kachecks",
            command.where,
            f"replace it by kachecks' own program, or let {command.program} call that as its last"
            " act",
        )


def _calls_ours(command: Command, file: File | None) -> bool:
    if file is None or not file.found:
        return False
    wanted = "notify_master" if command.role == "notify_master" else "notify_backup"
    return re.search(rf"^[^#\n]*\b{wanted}\b", file.text, re.M) is not None


def _kills(facts: HostFacts) -> Iterator[Found]:
    setup = facts.setup
    if setup is None:
        return
    downs = [server.last("notify_down") for server in setup.real_servers()]
    paths = [(c.program, c.where, c.words) for c in setup.hooks if not c.ours]
    paths += [(d.value.split()[0], d.where, ()) for d in downs if d and d.value.split()]
    for path, where, words in dict.fromkeys(paths):
        file = facts.files.get(path)
        text = "\n".join(line.partition("#")[0] for line in (file.text if file else "").split("\n"))
        acts = [match[0].strip() for match in _ACTS.finditer(f"{text}\n{' '.join(words)}")]
        if acts:
            yield Found(
                f"{path} does {' and '.join(f'`{act}`' for act in acts)}",
                where,
                f"remove {path}; kachecks closes MySQL and lets keepalived move the VIP",
            )


TABLE: Table[HostFacts] = (
    row("SCRIPT_FOUND", FAILURE, _there,
        "every program that keepalived.conf runs exists and is named by an absolute path",
        "if keepalived does not find a check, it removes it from the instance and becomes MASTER"
        " without it, whatever MySQL does.",
        "install the program, or correct the path"),
    row("SCRIPT_EXECUTABLE", FAILURE, _executable,
        "every program that keepalived runs is executable",
        "keepalived removes a check that is not executable and becomes MASTER without it, and"
        " keepalived -t does not complain.",
        "chmod +x the program"),
    row("SCRIPT_INTERPRETER", FAILURE, _interpreter,
        "the interpreter that a script names after #! is there",
        "a check that cannot be executed (a removed or upgraded virtual environment) counts as"
        " passed: the child of keepalived ends with 0, and nothing is logged.",
        "install the interpreter, or kachecks again"),
    row("SCRIPT_SAFE", FAILURE, _safe,
        "programs that root runs, and every directory on the way, belong to root alone",
        "with enable_script_security, keepalived removes a check that others may change, and"
        " becomes MASTER without it. Without enable_script_security, whoever may write there can"
        " act as root.",
        "chown root:root and chmod go-w what the sentence names"),
    row("SCRIPT_SECURITY", WARNING, _security,
        "global_defs has enable_script_security",
        "without it keepalived runs programs as root even if others may change them.",
        "write `enable_script_security` and `script_user root` into global_defs"),
    row("SCRIPT_USER", FAILURE, _users,
        "check and hooks run as root",
        "only root may hear VRRP adverts, ask with ARP, end a stuck mysqld and write run_dir. A"
        " user that does not exist disables the script.",
        "write `script_user root` into global_defs"),
    row("ALERT", FAILURE, _alert,
        "the alert program, if one is set, exists, is executable and belongs to root alone",
        "nobody would be told of a failover, or of what prevents one.",
        "correct the program, or alert in the option file"),
    row("FOREIGN_HOOK", FAILURE, _foreign,
        "the notify lines run programs of kachecks, or scripts that call them",
        "nobody opens MySQL where the VIP arrives, and nobody closes it where the VIP leaves.",
        "copy the four notify lines of keepalived.conf.node1"),
    row("NOTIFY_KILLS", FAILURE, _kills,
        "no notify script kills keepalived by name or takes an interface down",
        "pkill keepalived releases the VIP from a server that is still open, hits every keepalived"
        " of the host, and the node stays out until somebody starts it again; ifdown cuts"
        " replication just when the other node needs the rest.",
        "remove the script"),
)  # fmt: skip
