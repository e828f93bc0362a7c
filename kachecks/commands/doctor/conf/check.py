"""doctor on the check in keepalived.conf: rules of one node. Pure."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator
from shlex import quote

from kachecks.commands.doctor.conf.setup import CHECK, Check, Setup, command_of
from kachecks.commands.doctor.rule import FAILURE, HERE, WARNING, Finder, Found, Table, row
from kachecks.config.options import LONGEST_RUN
from kachecks.keepalived.tracker import Tracker

_TIMEOUT = 10  # s; the smallest number above LONGEST_RUN, and keepalived takes whole ones alone


def _number(
    name: str, value: Callable[[Check], int], wanted: int, or_more: bool = False
) -> Finder[Setup]:
    """A number of the vrrp_script that runs our check."""

    def finder(setup: Setup) -> Iterator[Found]:
        if setup.check is None:
            return
        found, script = value(setup.check), setup.check.tracker.name
        if found < wanted or (found > wanted and not or_more):
            stated = setup.check.definition.last(name) or setup.check.definition
            yield Found(
                f"{name} of vrrp_script {script} is {found}, expected {wanted}",
                stated.where,
                f"write `{name} {wanted}` into vrrp_script {script}",
            )

    return finder


def _timeout(check: Check) -> int:
    """vrrp_scheduler.c: 0 means interval."""
    return check.timeout or check.tracker.interval


def _is_tracked(setup: Setup) -> Iterator[Found]:
    if setup.instance is None or setup.check or setup.checked_by_real_server():
        return
    name = setup.instance.name
    tracked = {t.name: "" for t in setup.instance.trackers if t.kind == "script"}
    for script in setup.conf.root.all("vrrp_script"):
        if any(command_of(each, "script").ours == CHECK for each in script.all("script")):
            early = any(one.name == script.value for one in setup.block.entries("track_script"))
            how = "does so before it is defined, or twice" if early else "does not track it"
            yield Found(
                f"vrrp_script {script.value} runs {CHECK}, but vrrp_instance {name} {how}",
                script.where,
                f"move vrrp_script {script.value} before vrrp_instance {name}"
                if early
                else f"write `track_script {{ {script.value} }}` into vrrp_instance {name}",
            )
            return
        if script.value in tracked:
            programs = (each.value.split() for each in script.all("script"))
            tracked[script.value] = " ".join(words[0] for words in programs if words)
    others = ": it holds the VIP whatever MySQL does"
    if tracked:
        runs = (f"vrrp_script {name}, which runs `{what}`" for name, what in tracked.items())
        others = f", only {' and '.join(runs)}"
    yield Found(
        f"vrrp_instance {name} tracks no {CHECK}{others}",
        setup.instance.where,
        f"define a vrrp_script that runs `{CHECK} --fence` and track it in vrrp_instance {name}",
    )


def _real_servers(setup: Setup) -> Iterator[Found]:
    for server in setup.real_servers():
        kinds = [s.name for s in server.block or () if s.name.endswith(("_CHECK", "_GET"))]
        what = f"real_server {server.value} with {' and '.join(kinds) or 'no check'}"
        if "TCP_CHECK" in kinds:
            what += ", which a hung mysqld passes: its kernel still accepts connections"
        down = server.last("notify_down")
        if not down or command_of(down, "notify_down").ours != "notify_down":
            runs = f"runs {down.value}" if down else "is missing"
            what += f"; its notify_down {runs}, so that MySQL is not closed first"
        yield Found(
            what,
            server.where,
            f"remove virtual_server and real_server {server.value}; a tracked {CHECK} does the same"
            " and recovers by itself",
        )


def _fences(setup: Setup) -> Iterator[Found]:
    if setup.check and "--fence" not in setup.check.command.arguments:
        yield Found(
            f"the script is {' '.join(setup.check.command.words)}, without --fence",
            setup.check.command.where,
            f"write --fence into the script of vrrp_script {setup.check.tracker.name}",
        )


def _one_option_file(setup: Setup) -> Iterator[Found]:
    wanted = os.path.normpath(setup.config.path)
    for command in setup.commands if setup.node == HERE else ():
        if command.ours and os.path.normpath(command.option_file) != wanted:
            yield Found(
                f"{command.role} reads {command.option_file}, this is about {wanted}",
                command.where,
                f"write --defaults-file={wanted} into {command.role} ({command.where}), or call"
                f" doctor with --defaults-file={quote(command.option_file)}",
            )


def _weightless(setup: Setup) -> Iterator[Found]:
    tracker = setup.check.tracker if setup.check else None
    if tracker and (tracker.weight or tracker.reverse):
        yield Found(
            f"{tracker.label} has weight {tracker.weight}{' reverse' if tracker.reverse else ''}",
            tracker.where,
            f"write `weight 0` into vrrp_script {tracker.name}",
        )


def _closes_first(setup: Setup) -> Iterator[Found]:
    """Trackers other than our own that take the VIP away."""
    nopreempt = setup.instance is not None and setup.instance.nopreempt
    for tracker in setup.instance.trackers if setup.instance else ():
        ours = setup.check and tracker == setup.check.tracker
        if tracker.kind in ("script", "process", "bfd") and not ours:
            yield Found(
                f"the instance tracks {tracker.label} besides {CHECK}:"
                f" {_failing(tracker, nopreempt)}",
                tracker.where,
                f"remove {tracker.label} ({tracker.where}); {CHECK} looks at mysqld, and closes it"
                " before the VIP goes",
            )


def _failing(tracker: Tracker, nopreempt: bool) -> str:
    if tracker.weight:
        only = "does nothing under nopreempt" if nopreempt else "only changes the priority"
        return f"its weight of {tracker.weight} {only}"
    failing = "failing, it takes the VIP away while MySQL is open"
    if tracker.kind == "process":
        failing += "; keepalived.conf(5) says that its weight is 1 by default, keepalived takes 0"
    return failing


TABLE: Table[Setup] = (
    row("CHECK_TRACKED", FAILURE, _is_tracked,
        f"the vrrp_instance tracks a vrrp_script that runs {CHECK}",
        "without it keepalived learns of MySQL's death only if the host dies too.",
        f"define a vrrp_script that runs `{CHECK} --fence`, and track it in the vrrp_instance"),
    row("REAL_SERVER", WARNING, _real_servers,
        "MySQL is not checked by a virtual_server with a real_server",
        "without ip_vs in the kernel the whole of keepalived ends when it starts. A real_server"
        " acts once and stays down, and a standby with a dead MySQL can still win the VIP.",
        f"remove virtual_server, and track {CHECK} in the vrrp_instance instead"),
    row("CHECK_FENCES", FAILURE, _fences,
        f"{CHECK} runs with --fence",
        "keepalived removes the VIP first and calls its scripts afterwards: only a check that"
        " closes MySQL before it fails keeps the old node from writing after the new one.",
        "write --fence into the script of the vrrp_script"),
    row("ONE_OPTION_FILE", FAILURE, _one_option_file,
        "check and hooks read the option file that is looked at here",
        "a check and hooks with different option files look after different servers.",
        "write the same --defaults-file=FILE into the check and the four notify lines"),
    row("CHECK_WEIGHT", FAILURE, _weightless,
        f"{CHECK} has weight 0",
        "a weight only changes the priority, and with nopreempt nobody takes the VIP because of"
        " that: a failed check would close MySQL and keep the VIP.",
        "write `weight 0` into the vrrp_script"),
    row("CHECK_INTERVAL", WARNING, _number("interval", lambda check: check.tracker.interval, 1),
        f"{CHECK} runs every second (interval 1)",
        "the interval is part of every failover, and of the two clocks that keep an isolated node"
        " from writing beside the other.",
        "write `interval 1` into the vrrp_script"),
    row("CHECK_TIMEOUT", FAILURE, _number("timeout", _timeout, _TIMEOUT, or_more=True),
        f"keepalived gives {CHECK} at least {_TIMEOUT} s (timeout {_TIMEOUT})",
        "the check ends by itself in time (hung_after + fence_timeout and a margin,"
        f" {LONGEST_RUN:g} s at most). A shorter timeout, or none, which means interval, kills it"
        " while it closes MySQL, and the VIP goes from an open server.",
        f"write `timeout {_TIMEOUT}` into the vrrp_script"),
    row("CHECK_FALL", WARNING, _number("fall", lambda check: check.tracker.fall, 1),
        "one failure counts (fall 1)",
        "a failed check has closed MySQL. With fall 2 the VIP stays on a closed node for one more"
        " run. Patience belongs in hung_after in the option file.",
        "write `fall 1` into the vrrp_script"),
    row("CHECK_RISE", WARNING, _number("rise", lambda check: check.tracker.rise, 2, or_more=True),
        "two successes in a row make a node fit again (rise 2)",
        "one success between two failures would make a node MASTER although it is about to fail.",
        "write `rise 2` into the vrrp_script"),
    row("UNFENCED_TRACKER", WARNING, _closes_first,
        f"nothing but {CHECK} and the permit judges MySQL",
        f"keepalived takes the VIP away as soon as a tracker fails. {CHECK} --fence closes MySQL"
        " before that; nothing else does.",
        "remove the tracker"),
)  # fmt: skip
