"""doctor on the option file and the directories of kachecks. Rules over facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import vips
from kachecks.commands.doctor.host.facts import Directory, HostFacts, server
from kachecks.commands.doctor.host.safety import mending, unsafe
from kachecks.commands.doctor.rule import BOTH, FAILURE, WARNING, Found, Rule, Table, not_checked
from kachecks.keepalived.instance import canonical

_VOLATILE = ("tmpfs", "ramfs")


def _option_file(facts: HostFacts) -> Iterator[Found]:
    for part in facts.option_file.parts:
        why = unsafe(part)
        if why:
            yield Found(why, facts.config.path, cure=mending(part))


def _run_dir(facts: HostFacts) -> Iterator[Found]:
    name = "permit" if facts.setup and facts.setup.instance else ""
    lost = f"; keepalived runs without a track_file {name} in it" if name else ""
    yield from _directory(facts, facts.run_dir, lost)


def _state_dir(facts: HostFacts) -> Iterator[Found]:
    yield from _directory(facts, facts.state_dir, "")


def _directory(facts: HostFacts, directory: Directory, lost: str) -> Iterator[Found]:
    path = directory.path
    made = f"install -d -o root -g root -m 0700 {path}"
    where = facts.config.path
    if directory.found is None:
        yield not_checked(f"{path} cannot be looked at: run doctor as root", where=where)
    elif not directory.found:
        yield Found(f"{path} is no directory{lost}", where, cure=made)
    elif directory.uid != 0 or directory.mode & 0o022:
        said = f"{path} belongs to uid {directory.uid}, mode {directory.mode & 0o7777:04o}"
        yield Found(said, where, cure=f"chown root:root {path} && chmod 0700 {path}")
    elif directory.writable is False:
        yield Found(f"{path} is read-only", where, cure=f"mount {path}'s file system read-write")


def _run_dir_volatile(facts: HostFacts) -> Iterator[Found]:
    kind = facts.run_dir.file_system
    if kind and kind not in _VOLATILE:
        yield Found(
            f"run_dir {facts.run_dir.path} lies on {kind}",
            facts.config.path,
            cure=f"set run_dir in {facts.config.path} to a directory below /run",
        )


def _state_dir_lasting(facts: HostFacts) -> Iterator[Found]:
    kind = facts.state_dir.file_system
    if kind in _VOLATILE:
        yield Found(
            f"state_dir {facts.state_dir.path} lies on {kind}",
            facts.config.path,
            cure=f"set state_dir in {facts.config.path} to a directory that outlives a reboot",
        )


def _others(facts: HostFacts) -> Iterator[Found]:
    if not facts.root:
        yield not_checked("other option files are for root to read: run doctor as root")
    for other in facts.other_pairs:
        same = []
        if other.name == facts.config.name:
            same.append(f"name = {other.name}")
        shared = {canonical(vip) for vip in other.vips} & vips(facts.config)
        same += [f"vip {vip}" for vip in sorted(shared)]
        if other.server == server(facts.config):
            same.append(f"the server {other.server}")
        if same:
            yield Found(
                f"{other.path} has {' and '.join(same)} like {facts.config.path}",
                other.path,
                BOTH,
                f"give {other.path} a name, a vip and a socket of its own, or remove it",
            )


TABLE: Table[HostFacts] = (
    (
        Rule(
            "OPTION_FILE",
            FAILURE,
            "the option file and every directory on the way to it belong to root alone",
            "whoever can change it decides which server root's checks close or kill, and which"
            " program is run as `alert`.",
            "chown root:root, chmod 0600 the file, and go-w the directories",
        ),
        _option_file,
    ),
    (
        Rule(
            "OTHER_PAIRS",
            FAILURE,
            "no other option file in the same directory has this name, vip or server",
            "two pairs with one name share lock, marks and permit; with one server each closes"
            " what the other has opened.",
            "give each option file a name, a vip and a socket of its own",
        ),
        _others,
    ),
    (
        Rule(
            "RUN_DIR",
            FAILURE,
            "run_dir is there, root's, and writable",
            "lock, marks and permit lie there. keepalived ignores a track_file whose directory is"
            " missing when it starts, and holds the VIP without a permit.",
            "copy kachecks.tmpfiles.conf to /etc/tmpfiles.d and run systemd-tmpfiles --create",
        ),
        _run_dir,
    ),
    (
        Rule(
            "RUN_DIR_VOLATILE",
            WARNING,
            "run_dir is gone after a reboot (tmpfs)",
            "marks of before a reboot would be believed, and a disk that hangs would hang the"
            " check with it.",
            "use a directory below /run",
        ),
        _run_dir_volatile,
    ),
    (
        Rule(
            "STATE_DIR",
            FAILURE,
            "state_dir is there, root's, and writable",
            "the audit log lies there, maintenance, and the mark of a node that was alone.",
            "copy kachecks.tmpfiles.conf to /etc/tmpfiles.d and run systemd-tmpfiles --create",
        ),
        _state_dir,
    ),
    (
        Rule(
            "STATE_DIR_LASTING",
            WARNING,
            "state_dir outlives a reboot",
            "maintenance would end, the audit log vanish, and a node that was alone with the newest"
            " data would refuse to open (cold_start).",
            "use a directory on a disk, such as /var/lib/kachecks",
        ),
        _state_dir_lasting,
    ),
)
