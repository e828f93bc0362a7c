"""Do writes stand still? Only what lasts says so: the same connection in the same waiting state, or
the same child at the same disk, at every look across STALLED_AFTER seconds of this node's clock.

The age of a statement proves nothing: it counts from before the commit, SET TIMESTAMP moves it, and
an ALTER or a bulk UPDATE is old by nature. Nor does a commit that is seen waiting: a busy server
shows one at every look. And a server that gets on is not stalled, however long somebody waits.
"""

from __future__ import annotations

from zlib import crc32

from kachecks.check.verdict import STALLED_AFTER
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import positions, queries
from kachecks.mysql.errors import SessionError
from kachecks.mysql.facts import Row, number_of
from kachecks.mysql.session import Session, ask
from kachecks.mysqld_process import Process
from kachecks.state.signs import Progress, Sign, Signs
from kachecks.transitions.clients import SEMI_SYNC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.mysql.disks import Disks

LOOKS = 5
"""Looks in a row that must have seen it. They come every second; on a host that has no CPU to spare
they come seldom, and then it takes longer."""

SLOW_DISK = 60.0
"""Seconds for a commit on a disk that completes writes: fsync of a gigabyte takes so long on a slow
one, and shows no progress of the server's own."""

WORTH_A_LOOK = 2
"""Seconds that a statement must show before its connection is watched, so that the short commits of
a busy server do not demand a closer look at each check."""

SAME_STATEMENT = 2.0
"""Seconds by which the begin of one statement may seem to move: the server tells its age in whole
seconds, up to a second after it was asked."""

MOST = 100
"""Signs that are remembered; one would do."""

LOCKED = "locked "
"""Begins the signs of waits for a lock, which are not stalled writes (check.held_up)."""

COMMITS = ("waiting for handler commit", "commit")

WAITING_STATES = (
    "waiting for someone to free space",  # MariaDB, disk full
    SEMI_SYNC,  # both; the peer is gone and the time-out long
)
"""How states of the process list begin, in lower case, as measured on MariaDB 10.11 and MySQL 9.7.
COMMITS are whole: "waiting for handler commit" (MySQL, disk full or hung) and "Commit" (MariaDB,
disk hung), but not "committing alter table to storage engine", which works for minutes."""

SERVER_THREADS = frozenset({"system user", "event_scheduler"})
"""Users of the server's own threads: appliers, whose statements are as old as the event they
apply, and the scheduler. Dump threads and daemons are known by their command."""


class Stall(NamedTuple):
    """What a look has come to."""

    sentence: str = ""  # why writes count as stalled; "" while they do not
    locked: tuple[Sign, ...] = ()  # waits for a lock that have lasted (check.held_up)
    signs: Signs = Signs()  # for the next look


def waiting(rows: list[Row], now: float) -> tuple[Sign, ...]:
    """The client connections in a waiting state.

    Args:
        rows: the process list as it was asked at ``now``.
    """
    found = []
    for row in rows:
        state, age = _waiting_state(row["State"] or ""), row["Time"] or ""
        client = row["Command"] in ("Query", "Execute") and row["User"] not in SERVER_THREADS
        if client and state and age.isdigit() and int(age) >= WORTH_A_LOOK:
            found.append(Sign(f"connection {int(row['Id'] or 0)}: {state}", now, 1, now - int(age)))
    return tuple(found)


def hanging_child(child: Process, now: float) -> Sign:
    """A child that has not come back from a file system."""
    return Sign(f"disk {child.pid} {child.started}", now)


def child_of(signs: Signs) -> Process | None:
    """The child that has not come back when these were seen."""
    for sign in signs.seen:
        kind, _, named = sign.what.partition(" ")
        if kind == "disk":
            with suppress(ValueError):
                return Process(*map(int, named.split()))
    return None


def progress_of(session: Session, seconds: float, disks: Disks) -> Progress:
    """What can be seen to move; what cannot be asked does not count."""
    committed = acknowledged = ""
    with suppress(SessionError):
        position = positions.executed(session, seconds)
        committed = f"{crc32(f'{position.gtids} {position.applied}'.encode()):08x}"
    with suppress(SessionError):
        acknowledged = ask(session, queries.SEMI_SYNC_ACKNOWLEDGED, seconds, _acknowledged)
    return Progress(committed, acknowledged, disks.binlog.replace("\t", ""), disks.device)


def _acknowledged(rows: list[Row]) -> str:
    return "".join(str(number_of(row, "Value")) for row in rows)


def judged(before: Signs, seen: tuple[Sign, ...], progress: Progress, now: float) -> Stall:
    """Hold this look against the one before it."""
    known = {sign.what: sign for sign in before.seen}
    followed = [_followed(sign, known, before.progress, progress) for sign in seen]
    followed.sort(key=lambda sign: sign.since)
    signs = Signs(tuple(followed[:MOST]), progress)
    disk_works = progress.passed(before.progress, "device")
    lasting = [sign for sign in signs.seen if _lasts(sign, now, disk_works)]
    locked = tuple(sign for sign in lasting if sign.what.startswith(LOCKED))
    rest = [sign for sign in lasting if sign not in locked]
    return Stall(_sentence(rest, now), locked, signs)


def _followed(sign: Sign, known: dict[str, Sign], before: Progress, now: Progress) -> Sign:
    """The sign with its history, if it is the same wait and nothing has moved meanwhile."""
    last = known.get(sign.what)
    fields = ("acknowledged",) if SEMI_SYNC in sign.what else ("committed", "binlog")
    if last is None or abs(sign.began - last.began) > SAME_STATEMENT or now.passed(before, *fields):
        return sign
    return last._replace(looks=last.looks + 1)


def _lasts(sign: Sign, now: float, disk_works: bool) -> bool:
    commits = sign.what.endswith(tuple(f": {state}" for state in COMMITS))
    patience = SLOW_DISK if commits and disk_works else STALLED_AFTER
    return sign.looks >= LOOKS and now - sign.since >= patience


def _sentence(lasting: list[Sign], now: float) -> str:
    if not lasting:
        return ""
    connections = [sign for sign in lasting if sign.what.startswith("connection ")]
    seconds = now - (connections or lasting)[0].since
    if connections:
        state = connections[0].what.partition(": ")[2]
        return (
            f"{len(connections)} writing connections wait, the longest for {seconds:.0f} s: {state}"
        )
    if lasting[0].what.startswith("disk "):
        return f"a file system of this server has not answered for {seconds:.0f} s"
    return f"{lasting[0].what}, for {seconds:.0f} s"


def _waiting_state(state: str) -> str:
    """Our own word for it, "" if it is none of them."""
    lowered = state.lower()
    if lowered in COMMITS:
        return lowered
    return next((each for each in WAITING_STATES if lowered.startswith(each)), "")
