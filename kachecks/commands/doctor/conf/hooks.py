"""doctor on the hooks and the permit in keepalived.conf: rules of one node. Pure."""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import WIRED_TO, Setup
from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, row
from kachecks.config.options import DEFAULT_PATH
from kachecks.keepalived.conf import Statement
from kachecks.keepalived.tracker import Tracker


def _hooks(setup: Setup) -> Iterator[Found]:
    if setup.instance is None:
        return
    for role, program in WIRED_TO.items():
        commands = [command for command in setup.hooks if command.role == role]
        if not commands:
            said, where = f"there is no {role}", setup.instance.where
        elif commands[-1].ours not in (program, ""):
            said = f"{role} runs {commands[-1].ours}, expected {program}"
            where = commands[-1].where
        else:
            continue
        command = _command(setup, program) + (" --stop" if role == "notify_stop" else "")
        if setup.config.path != DEFAULT_PATH:
            command += f" --defaults-file={setup.config.path}"
        cure = f'write `{role} "{command}"` into vrrp_instance {setup.instance.name}'
        yield Found(said, where, cure)


def _command(setup: Setup, program: str) -> str:
    """Our programs are beside the check."""
    paths = setup.check.command.paths if setup.check else ()
    return f"{paths[-1].rpartition('/')[0] if paths else '/opt/kachecks/bin'}/{program}"


def _stops_shortly(setup: Setup) -> Iterator[Found]:
    commands = [
        each for each in setup.hooks if (each.role, each.ours) == ("notify_stop", "notify_backup")
    ]
    for command in commands[-1:]:
        if "--stop" not in command.arguments:
            yield Found(
                f"notify_stop runs {' '.join(command.words)}, without --stop",
                command.where,
                f"write --stop into notify_stop ({command.where})",
            )


def _notified_once(setup: Setup) -> Iterator[Found]:
    """Another's program in a notify line is looked at elsewhere."""
    for command in setup.hooks:
        if command.role == "notify" and command.ours:
            yield Found(
                f"notify runs {command.ours} in every state",
                command.where,
                f"remove the notify line ({command.where}) and use notify_master, notify_backup,"
                " notify_fault and notify_stop",
            )


def _permit(setup: Setup) -> Iterator[Found]:
    instance = setup.instance
    if instance is None or setup.checked_by_real_server():
        return
    path = os.path.normpath(setup.permit)
    definitions = setup.conf.root.all("track_file", "vrrp_track_file")
    ours = [each for each in definitions if _file_of(each) == path]
    names = {tracker.name: tracker for tracker in instance.trackers if tracker.kind == "file"}
    tracked = [each for each in ours if each.value in names]
    if tracked:
        yield from _right_permit(setup, tracked[-1], names[tracked[-1].value])
        return
    what = f"vrrp_instance {instance.name} tracks no file {path}"
    others = [_file_of(each) for each in definitions if each.value in names]
    if ours:
        what = f"track_file {ours[0].value} is {path}, but vrrp_instance {instance.name} does"
        what += " not track it"
    elif others:
        what += f", only {', '.join(others)}"
    yield Found(
        what,
        ours[0].where if ours else instance.where,
        f"define `track_file permit {{ file {path} weight 0 reverse init_file 1 }}` and track it"
        f" in vrrp_instance {instance.name}",
    )


def _right_permit(setup: Setup, definition: Statement, tracker: Tracker) -> Iterator[Found]:
    wrong = [*_wrong_permit(setup, definition, tracker)]
    if wrong:
        yield Found(
            f"track_file {definition.value} {' and '.join(wrong)}",
            definition.where,
            f"write `weight 0 reverse` and `init_file 1` into track_file {definition.value}",
        )


def _wrong_permit(setup: Setup, definition: Statement, tracker: Tracker) -> Iterator[str]:
    if tracker.weight != 0 or not tracker.reverse:
        reverse = " reverse" if tracker.reverse else ""
        yield f"has weight {tracker.weight}{reverse}, expected 0 reverse"
    init = definition.last("init_file")
    if init is None or (init.value or "0") != "1":
        yield f"has init_file {init.value or '0'}" if init else "has no init_file"
    elif "overwrite" in init.words:
        yield "has init_file with overwrite, which gives back at start what was withdrawn"
    if definition.name == "track_file" and setup.version and setup.version < (2, 1):
        said = ".".join(map(str, setup.version))
        yield f"is called vrrp_track_file in keepalived {said}, which passes it over"


def _file_of(definition: Statement) -> str:
    statement = definition.last("file")
    return os.path.normpath(statement.value) if statement and statement.value else ""


TABLE: Table[Setup] = (
    row("HOOKS", FAILURE, _hooks,
        "notify_master runs notify_master; notify_backup, _fault and _stop run notify_backup",
        "if a hook is missing, MySQL stays closed on the node with the VIP, or open on the node"
        " without it, until a check mends that.",
        "copy the four notify lines of keepalived.conf.node1"),
    row("STOP_HOOK", WARNING, _stops_shortly,
        "notify_stop runs notify_backup with --stop",
        "one second after notify_stop has started, keepalived kills what still runs. With --stop"
        " the hook closes MySQL within that second, or kills mysqld.",
        "write --stop into notify_stop"),
    row("HOOK_NOTIFY", WARNING, _notified_once,
        "no notify line runs a hook of kachecks",
        "keepalived calls notify in every state, in addition to notify_master and the others and in"
        " no fixed order: the hooks would run twice.",
        "remove the notify line"),
    row("PERMIT", FAILURE, _permit,
        "the instance tracks the permit: RUN_DIR/NAME.permit, weight 0 reverse, init_file 1",
        "a refused promotion and a switchover give the VIP away by withdrawing the permit, within"
        " 10 ms. Without it a node that may not open keeps the VIP.",
        "copy track_file permit of keepalived.conf.node1"),
)  # fmt: skip
