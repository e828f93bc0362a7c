"""doctor on hooks that are not ours: do they call ours, what do they kill. Rules, pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import Command
from kachecks.commands.doctor.host.facts import File, HostFacts
from kachecks.commands.doctor.rule import FAILURE, Found, Rule, Table, not_checked

_ACTS = re.compile(r"\b(pkill|killall|ifdown|ifup)\b[^\n;&|]*")


def _foreign(facts: HostFacts) -> Iterator[Found]:
    """Hooks that are not ours and do not call ours; one that does, a wrapper, is fine."""
    for command in facts.setup.hooks if facts.setup else ():
        file = facts.files.get(command.program)
        if command.ours or command.role == "notify" or _calls_ours(command, file):
            continue
        if file and file.found is None:
            said = f"{file.path} cannot be read: run doctor as root"
            yield not_checked(said, where=command.where)
            continue
        yield Found(
            f"{command.role} runs {' '.join(command.words) or 'nothing'}, none of kachecks",
            command.where,
            cure=f"replace it by kachecks' own program, or let {command.program} call that as its"
            " last act",
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
    downs = [s.last("notify_down") for s in setup.real_servers()]
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
                cure=f"remove {path}; kachecks closes MySQL and lets keepalived move the VIP",
            )


TABLE: Table[HostFacts] = (
    (
        Rule(
            "FOREIGN_HOOK",
            FAILURE,
            "the notify lines run programs of kachecks, or scripts that call them",
            "nobody opens MySQL where the VIP comes, and nobody closes it where the VIP goes.",
            "copy the four notify lines of keepalived.conf.node1",
        ),
        _foreign,
    ),
    (
        Rule(
            "NOTIFY_KILLS",
            FAILURE,
            "no notify script kills keepalived by name or takes an interface down",
            "pkill keepalived releases the VIP from a server that is still open, hits every"
            " keepalived of the host, and the node stays out until somebody starts it again;"
            " ifdown cuts replication just when the other node needs the rest.",
            "remove the script",
        ),
        _kills,
    ),
)
