"""What happens to the machine that has the virtual IP while a client writes, and its cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from tests.lab.error import LabError, NotProvenError
from tests.lab.machines.pair import PATIENCE, DatabaseMachine, MachinePair
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import rows_of
from tests.lab.pairs.pair import VIP
from tests.lab.records import evidence
from tests.lab.records.record import Record

Play = Callable[[MachinePair, DatabaseMachine, Observer], None]
"""Something happens to the machine that has the virtual IP; it is on again in the end."""


class Cost(NamedTuple):
    """Of one play."""

    outage: float
    """Seconds, the longest, between two acknowledged writes."""
    lost: int
    """Acknowledged writes that neither server has in the end."""
    both_open: float
    """Seconds."""


def stop_keepalived(_pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    holder.shell("systemctl stop keepalived")
    observer.wait_for_write(after=time.monotonic(), timeout=PATIENCE)
    holder.shell("systemctl start keepalived")


def stop_server(_pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    holder.shell(f"systemctl stop {holder.family}")
    observer.wait_for_write(after=time.monotonic(), timeout=PATIENCE)
    holder.shell(f"systemctl start {holder.family}")


def restart_server(_pair: MachinePair, holder: DatabaseMachine, _observer: Observer) -> None:
    holder.shell(f"systemctl restart {holder.family}")


def kill_server(pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    """systemd starts it again after a while, or it is started."""
    holder.shell(f"systemctl kill --signal=KILL {holder.family}")
    observer.wait_for_write(pair.other(holder).name, timeout=PATIENCE)
    holder.shell(f"systemctl start {holder.family}")


def kill_keepalived(_pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    """All of its unit; systemd takes the address away, and starts it again."""
    holder.shell("systemctl kill --signal=KILL keepalived")
    observer.wait_for("a server to open", lambda record: bool(evidence.opened(record)), PATIENCE)


def reboot(_pair: MachinePair, holder: DatabaseMachine, _observer: Observer) -> None:
    holder.reboot()
    holder.wait_up()


def power_cut(pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    holder.power_off()
    observer.wait_for_write(pair.other(holder).name, timeout=PATIENCE)
    holder.power_on()
    holder.wait_up()


def switchover(_pair: MachinePair, holder: DatabaseMachine, _observer: Observer) -> None:
    holder.shell("kachecks switchover")


MOVES: dict[str, Play] = {
    "systemctl stop of the server": stop_server,
    "systemctl restart of the server": restart_server,
    "SIGKILL of the server": kill_server,
    "systemctl stop keepalived": stop_keepalived,
    "SIGKILL of keepalived's unit": kill_keepalived,
    "systemctl reboot": reboot,
    "power cut": power_cut,
    "kachecks switchover": switchover,
}

_MAY_STAY = frozenset({restart_server, kill_keepalived})
"""Either machine may serve afterwards."""


def moved(pair: MachinePair, play: Play, steady: float = 0.0) -> Cost:
    """The other machine serves afterwards, both are ready, and both have the same rows.

    Args:
        steady: seconds of writes beforehand.

    Raises:
        LabError: it is not so.
        NotProvenError: the machine was too busy to watch it.
    """
    holder = pair.holder
    other = pair.other(holder)
    with Observer(pair.machines, pair.client, VIP, pair.workdir) as observer:
        observer.wait_for_write(holder.name, timeout=PATIENCE)
        time.sleep(steady)
        fault = observer.mark("it begins", fault=True)
        play(pair, holder, observer)
        expected = None if play in _MAY_STAY else other.name
        observer.wait_for_write(expected, after=time.monotonic(), timeout=PATIENCE)
        pair.wait_ready()
        if pair.holder is not other and play not in _MAY_STAY:
            raise LabError(f"{holder.name} serves again")
    record = observer.record()
    lost = lost_of(pair, record)
    return Cost(evidence.outage_of(record, fault).seconds, lost, evidence.both_open(record))


def lost_of(pair: MachinePair, record: Record) -> int:
    """Acknowledged writes that are missing when both have the same rows again.

    Raises LabError, NotProvenError.
    """
    until = time.monotonic() + PATIENCE
    while True:
        rows = [rows_of(machine) for machine in pair.machines]
        if None not in rows and not evidence.differing(*rows):
            break
        if time.monotonic() > until:
            raise LabError("the machines do not have the same rows")
        time.sleep(0.1)
    if not evidence.acknowledged(record.writes):
        raise LabError("nothing was written")
    gap = evidence.longest_gap(record)
    if gap > evidence.LONGEST_GAP:
        raise NotProvenError(f"the sampler did not look for {gap:.2f} s")
    return len(evidence.lost(record.writes, rows[0]))
