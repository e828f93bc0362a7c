"""What one node's keepalived.conf says about one pair: frozen values for doctor's rules. Pure.

The file itself is read by keepalived/conf, its instances by keepalived/instance. Here we only pick
out what belongs to our pair: the instance with the VIP, the check, the hooks.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

from kachecks.config.options import DEFAULT_PATH, Config
from kachecks.keepalived.conf import Conf, Statement
from kachecks.keepalived.instance import Instance, canonical, instances
from kachecks.keepalived.tracker import Tracker

CHECK = "check_mysql"
WIRED_TO = {
    "notify_master": "notify_master",
    "notify_backup": "notify_backup",
    "notify_fault": "notify_backup",
    "notify_stop": "notify_backup",
}
"""Which program of ours each event of keepalived calls."""

_OURS = (CHECK, "notify_master", "notify_backup", "notify_down")
_OPTION = "--defaults-file"


class Command(NamedTuple):
    """A command line in keepalived.conf."""

    role: str  # the statement that holds it, such as notify_stop
    words: tuple[str, ...]  # program and arguments
    where: str  # FILE:LINE
    user: str  # "" the default of the file

    @property
    def ours(self) -> str:
        """Which of our programs it runs, also behind an interpreter or nice(1); "" if it runs
        none."""
        names = [word.rpartition("/")[2] for word in self.words]
        return next((name for name in names if name in _OURS), "")

    @property
    def program(self) -> str:
        """What keepalived executes, "" nothing."""
        return self.words[0] if self.words else ""

    @property
    def paths(self) -> tuple[str, ...]:
        """Files that must exist and be safe: the program, and ours if it is one of its
        arguments."""
        own = [word for word in self.words[1:] if word.rpartition("/")[2] in _OURS]
        return tuple(dict.fromkeys([*self.words[:1], *own]))

    @property
    def arguments(self) -> tuple[str, ...]:
        """What our program gets."""
        for number, word in enumerate(self.words):
            if word.rpartition("/")[2] in _OURS:
                return self.words[number + 1 :]
        return self.words[1:]

    @property
    def option_file(self) -> str:
        """The option file that our program reads."""
        found = DEFAULT_PATH
        for number, word in enumerate(self.arguments):
            if word.startswith(f"{_OPTION}="):
                found = word.partition("=")[2]
            elif word == _OPTION and number + 1 < len(self.arguments):
                found = self.arguments[number + 1]
        return found


class Check(NamedTuple):
    """Our check as an instance tracks it."""

    tracker: Tracker
    definition: Statement
    command: Command

    @property
    def timeout(self) -> int:
        """Seconds that keepalived gives it; 0 where that is not stated, or is no whole number."""
        statement = self.definition.last("timeout")
        return int(statement.value) if statement and statement.value.isdecimal() else 0


class Setup(NamedTuple):
    """One node's keepalived.conf, as far as it is about the pair of one option file."""

    node: str  # HERE or PEER
    config: Config  # of this node
    conf: Conf
    other_end: frozenset[str]  # addresses of the node at the other end; empty: not known
    version: tuple[int, ...] | None  # of keepalived, None: not known
    instances: tuple[Instance, ...]
    instance: Instance | None  # the one with the VIP
    block: Statement  # its block; an empty one without an instance
    check: Check | None
    hooks: tuple[Command, ...]
    permit: str  # the file that keepalived has to track

    @property
    def commands(self) -> tuple[Command, ...]:
        """Everything that keepalived runs for this pair."""
        return ((self.check.command,) if self.check else ()) + self.hooks

    def setting(self, name: str) -> Statement | None:
        """The last such statement of global_defs."""
        found = [entry for entry in self.conf.root.entries("global_defs") if entry.name == name]
        return found[-1] if found else None

    def carried(self, instance: Instance) -> frozenset[str]:
        """Every address that an instance brings, those not in its adverts included."""
        return instance.vips | instance.excluded

    def block_of(self, instance: Instance) -> Statement:
        """Its block in the file."""
        for statement in self.conf.root.all("vrrp_instance"):
            if statement.where == instance.where and statement.value == instance.name:
                return statement
        return _NOTHING

    def real_servers(self) -> list[Statement]:
        """Blocks of real_server below a virtual_server with one of our addresses and the port of
        the servers: others on the same address are not our business."""
        wanted = vips(self.config)
        port = str(self.config.remote.port)
        return [
            server
            for statement in self.conf.root.all("virtual_server")
            if canonical(statement.value) in wanted and statement.words[2:3] in ((), (port,))
            for server in statement.all("real_server")
        ]

    def checked_by_real_server(self) -> bool:
        """Our check runs as a MISC_CHECK, which is the older way."""
        return any(
            command_of(path, "misc_path").ours == CHECK
            for server in self.real_servers()
            for path in server.entries("MISC_CHECK")
            if path.name == "misc_path"
        )


class Setups(NamedTuple):
    """Both nodes' keepalived.conf."""

    here: Setup
    peer: Setup


_NOTHING = Statement((), "", ())


def setup(
    node: str,
    config: Config,
    conf: Conf,
    other_end: frozenset[str],
    permit: str,
    version: tuple[int, ...] | None = None,
) -> Setup:
    """Pick out what belongs to the pair of ``config``; all but ``conf`` as in Setup."""
    found = instances(conf)
    made = Setup(node, config, conf, other_end, version, found, None, _NOTHING, None, (), permit)
    wanted = vips(config)
    carriers = [one for one in found if made.carried(one) & wanted]
    if not carriers:
        return made
    instance = min(carriers, key=lambda one: made.carried(one) != wanted)
    block = made.block_of(instance)
    return made._replace(
        instance=instance,
        block=block,
        check=_check(conf, instance),
        hooks=tuple(command_of(line, line.name) for line in block.all(*WIRED_TO, "notify")),
    )


def vips(config: Config) -> frozenset[str]:
    """The pair's virtual addresses, in the one way to write them."""
    return frozenset(canonical(vip) for vip in config.vips)


def command_of(statement: Statement, role: str) -> Command:
    """The command line of a statement such as ``notify_master "PROGRAM ARGUMENT" USER``."""
    try:
        words = tuple(shlex.split(statement.value))
    except ValueError:
        words = tuple(statement.value.split())
    user = statement.words[2] if len(statement.words) > 2 else ""
    return Command(role, words, statement.where, user)


def _check(conf: Conf, instance: Instance) -> Check | None:
    for tracker in instance.trackers:
        if tracker.kind != "script":
            continue
        for definition in conf.root.all("vrrp_script"):
            script = definition.last("script")
            if definition.value == tracker.name and script:
                user = definition.last("user")
                role = f"vrrp_script {definition.value}"
                command = command_of(script, role)._replace(user=user.value if user else "")
                if command.ours == CHECK:
                    return Check(tracker, definition, command)
    return None
