"""doctor on the option file and the directories of kachecks. Rules over facts, pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shlex import quote

from kachecks.commands.doctor.conf.setup import vips
from kachecks.commands.doctor.host.facts import Directory, HostFacts, server
from kachecks.commands.doctor.rule import (
    BOTH,
    FAILURE,
    WARNING,
    Finder,
    Found,
    Table,
    not_checked,
    row,
)
from kachecks.keepalived.instance import canonical

Which = Callable[[HostFacts], Directory]


def _usable(which: Which, lost: str = "") -> Finder[HostFacts]:
    """A directory that must exist, belong to root and be writable; ``lost``: what happens without
    it."""

    def finder(facts: HostFacts) -> Iterator[Found]:
        directory, where = which(facts), facts.config.path
        path, word = directory.path, quote(directory.path)
        if directory.found is None:
            yield not_checked(f"{path} cannot be looked at: run doctor as root", where)
        elif not directory.found:
            said = f"{path} is no directory{lost if facts.instance else ''}"
            first = f"remove what is in the way (namei -l {word}), then " * directory.in_the_way
            yield Found(said, where, f"{first}install -d -o root -g root -m 0700 {word}")
        elif directory.uid != 0 or directory.mode & 0o022:
            said = f"{path} belongs to uid {directory.uid}, mode {directory.mode & 0o7777:04o}"
            yield Found(said, where, f"chown root:root {word} && chmod 0700 {word}")
        elif directory.granted:
            said = f"an ACL lets {' and '.join(directory.granted)} write to {path}"
            yield Found(said, where, f"setfacl -b {word}")
        elif directory.writable is False:
            yield Found(f"{path} is read-only", where, f"mount {path}'s file system read-write")

    return finder


def _lies_on(which: Which, name: str, volatile: bool, wanted: str) -> Finder[HostFacts]:
    """A directory that must not lie on the wrong kind of file system."""

    def finder(facts: HostFacts) -> Iterator[Found]:
        directory, where = which(facts), facts.config.path
        if directory.file_system and directory.volatile == volatile:
            said = f"{name} {directory.path} lies on {directory.file_system}"
            yield Found(said, where, f"set {name} in {where} to a directory {wanted}")

    return finder


def _option_file(facts: HostFacts) -> Iterator[Found]:
    for part in facts.option_file.parts:
        if part.unsafe:
            yield Found(part.unsafe, facts.config.path, part.mending)


def _others(facts: HostFacts) -> Iterator[Found]:
    if not facts.root:
        yield not_checked("other option files are for root to read: run doctor as root")
    for other in facts.other_pairs:
        same = [f"name = {other.name}"] if other.name == facts.config.name else []
        shared = {canonical(vip) for vip in other.vips} & vips(facts.config)
        same += [f"vip {vip}" for vip in sorted(shared)]
        same += [f"the server {other.server}"] if other.server == server(facts.config) else []
        if same:
            yield Found(
                f"{other.path} has {' and '.join(same)} like {facts.config.path}",
                other.path,
                f"give {other.path} a name, a vip and a socket of its own, or remove it",
                BOTH,
            )


TABLE: Table[HostFacts] = (
    row("OPTION_FILE", FAILURE, _option_file,
        "the option file and every directory on the way to it belong to root alone",
        "whoever can change it decides which server root's checks close or kill, and which program"
        " is run as `alert`.",
        "chown root:root, chmod 0600 the file, and go-w the directories"),
    row("OTHER_PAIRS", FAILURE, _others,
        "no other option file in the same directory has this name, vip or server",
        "two pairs with the same name share lock, marks and permit. Two pairs with the same server"
        " close what the other one has opened.",
        "give each option file a name, a vip and a socket of its own"),
    row("RUN_DIR", FAILURE,
        _usable(lambda facts: facts.run_dir,
                "; keepalived runs without a track_file permit in it"),
        "run_dir exists, belongs to root, and is writable",
        "lock, marks and permit lie there. If the directory is missing when keepalived starts, it"
        " ignores the track_file in it, and holds the VIP without a permit.",
        "copy kachecks.tmpfiles.conf to /etc/tmpfiles.d and run systemd-tmpfiles --create"),
    row("RUN_DIR_VOLATILE", WARNING,
        _lies_on(lambda facts: facts.run_dir, "run_dir", False, "below /run"),
        "run_dir is gone after a reboot (tmpfs)",
        "on a disk, marks from before a reboot would be believed, and a disk that hangs would make"
        " the check hang too.",
        "use a directory below /run"),
    row("STATE_DIR", FAILURE, _usable(lambda facts: facts.state_dir),
        "state_dir exists, belongs to root, and is writable",
        "the audit log, the maintenance mark, and the mark of a node that was open alone lie"
        " there.",
        "copy kachecks.tmpfiles.conf to /etc/tmpfiles.d and run systemd-tmpfiles --create"),
    row("STATE_DIR_LASTING", WARNING,
        _lies_on(lambda facts: facts.state_dir, "state_dir", True, "that outlives a reboot"),
        "state_dir outlives a reboot",
        "otherwise a reboot ends a maintenance and deletes the audit log, and a node that alone has"
        " the newest data refuses to open (cold_start).",
        "use a directory on a disk, such as /var/lib/kachecks"),
)  # fmt: skip
