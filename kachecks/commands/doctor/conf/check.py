"""doctor on the check in keepalived.conf: rules of one node. Pure."""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from kachecks.commands.doctor.conf.setup import CHECK, Setup, command_of
from kachecks.commands.doctor.rule import FAILURE, HERE, WARNING, Found, Rule, Table
from kachecks.config.options import LONGEST_RUN
from kachecks.keepalived.tracker import Tracker

TIMEOUT = 10
"""Seconds; the smallest whole number above LONGEST_RUN, and keepalived takes whole ones alone."""


def _is_tracked(setup: Setup) -> Iterator[Found]:
    if setup.instance is None or setup.check or setup.checked_by_real_server():
        return
    name = setup.instance.name
    tracked = [t for t in setup.instance.trackers if t.kind == "script"]
    defined = [
        one
        for one in setup.conf.root.all("vrrp_script")
        for script in one.all("script")
        if command_of(script, "script").ours == CHECK
    ]
    if defined:
        yield Found(
            f"vrrp_script {defined[0].value} runs {CHECK}, but vrrp_instance {name} does not track"
            " it",
            defined[0].where,
            setup.node,
            f"write `track_script {{ {defined[0].value} }}` into vrrp_instance {name}",
        )
    else:
        others = ", ".join(t.name for t in tracked)
        yield Found(
            f"vrrp_instance {name} tracks no {CHECK}"
            + (f", only {others}" if others else ": it holds the VIP whatever MySQL does"),
            setup.instance.where,
            setup.node,
            f"define a vrrp_script that runs `{CHECK} --fence` and track it in vrrp_instance"
            f" {name}",
        )


def _real_servers(setup: Setup) -> Iterator[Found]:
    for server in setup.real_servers():
        kinds = [s.name for s in server.block or () if s.name.endswith(("_CHECK", "_GET"))]
        said = " and ".join(kinds) or "no check"
        down = server.last("notify_down")
        what = f"real_server {server.value} with {said}"
        if "TCP_CHECK" in kinds:
            what += ", which a hung mysqld passes: its kernel still accepts connections"
        if not down or command_of(down, "notify_down").ours != "notify_down":
            runs = f"runs {down.value}" if down else "is missing"
            what += f"; its notify_down {runs}, so that MySQL is not closed first"
        yield Found(
            what,
            server.where,
            setup.node,
            f"remove virtual_server and real_server {server.value}; a tracked {CHECK} does its work"
            " and comes back by itself",
        )


def _fences(setup: Setup) -> Iterator[Found]:
    if setup.check and "--fence" not in setup.check.command.arguments:
        command = setup.check.command
        yield Found(
            f"the script is {' '.join(command.words)}, without --fence",
            command.where,
            setup.node,
            f"write --fence into the script of vrrp_script {setup.check.tracker.name}",
        )


def _one_option_file(setup: Setup) -> Iterator[Found]:
    if setup.node != HERE:
        return
    wanted = os.path.normpath(setup.config.path)
    for command in setup.commands:
        if command.ours and os.path.normpath(command.option_file) != wanted:
            yield Found(
                f"{command.role} reads {command.option_file}, this is about {wanted}",
                command.where,
                setup.node,
                f"write --defaults-file={wanted} into {command.role} ({command.where}), or call"
                f" doctor with --defaults-file={command.option_file}",
            )


def _weightless(setup: Setup) -> Iterator[Found]:
    check = setup.check
    if check and (check.tracker.weight or check.tracker.reverse):
        reverse = " reverse" if check.tracker.reverse else ""
        yield Found(
            f"{check.tracker.label} has weight {check.tracker.weight}{reverse}",
            check.tracker.where,
            setup.node,
            f"write `weight 0` into vrrp_script {check.tracker.name}",
        )


def _every_second(setup: Setup) -> Iterator[Found]:
    if setup.check and setup.check.tracker.interval != 1:
        yield _number(setup, "interval", setup.check.tracker.interval, 1)


def _in_time(setup: Setup) -> Iterator[Found]:
    if setup.check is None:
        return
    interval = setup.check.tracker.interval
    seconds = setup.check.seconds("timeout") or interval  # vrrp_scheduler.c: 0 means interval
    if seconds < TIMEOUT:
        yield _number(setup, "timeout", seconds, TIMEOUT)


def _falls_once(setup: Setup) -> Iterator[Found]:
    if setup.check and setup.check.tracker.fall != 1:
        yield _number(setup, "fall", setup.check.tracker.fall, 1)


def _rises_twice(setup: Setup) -> Iterator[Found]:
    if setup.check and setup.check.tracker.rise < 2:
        yield _number(setup, "rise", setup.check.tracker.rise, 2)


def _number(setup: Setup, name: str, value: int, wanted: int) -> Found:
    assert setup.check
    check = setup.check
    stated = check.definition.last(name)
    return Found(
        f"{name} of vrrp_script {check.tracker.name} is {value}, expected {wanted}",
        stated.where if stated else check.definition.where,
        setup.node,
        f"write `{name} {wanted}` into vrrp_script {check.tracker.name}",
    )


def _closes_first(setup: Setup) -> Iterator[Found]:
    """Trackers besides our own that take the VIP away."""
    if setup.instance is None:
        return
    for tracker in setup.instance.trackers:
        ours = setup.check and tracker == setup.check.tracker
        if tracker.kind in ("script", "process", "bfd") and not ours:
            yield _tracker(setup, tracker)


def _tracker(setup: Setup, tracker: Tracker) -> Found:
    failing = (
        "failing, it takes the VIP away while MySQL is open"
        if tracker.weight == 0
        else f"its weight of {tracker.weight} does nothing under nopreempt"
    )
    if tracker.kind == "process" and tracker.weight == 0:
        failing += "; keepalived.conf(5) says that its weight is 1 by default, keepalived takes 0"
    return Found(
        f"the instance tracks {tracker.label} besides {CHECK}: {failing}",
        tracker.where,
        setup.node,
        f"remove {tracker.label} ({tracker.where}); {CHECK} looks at mysqld, and closes it before"
        " the VIP goes",
    )


TABLE: Table[Setup] = (
    (
        Rule(
            "CHECK_TRACKED",
            FAILURE,
            f"the vrrp_instance tracks a vrrp_script that runs {CHECK}",
            "without it keepalived knows of MySQL's death only when the host dies with it.",
            f"define a vrrp_script that runs `{CHECK} --fence`, and track it in the vrrp_instance",
        ),
        _is_tracked,
    ),
    (
        Rule(
            "REAL_SERVER",
            WARNING,
            "MySQL is not checked by a virtual_server with a real_server",
            "it needs ip_vs in the kernel, or all of keepalived ends at its start; it acts once"
            " and stays down; a standby with a dead MySQL can still win the VIP.",
            f"remove virtual_server, and track {CHECK} in the vrrp_instance instead",
        ),
        _real_servers,
    ),
    (
        Rule(
            "CHECK_FENCES",
            FAILURE,
            f"{CHECK} runs with --fence",
            "keepalived removes the VIP first and calls its scripts afterwards: only a check that"
            " closes MySQL before it fails keeps the old node from writing after the new one.",
            "write --fence into the script of the vrrp_script",
        ),
        _fences,
    ),
    (
        Rule(
            "ONE_OPTION_FILE",
            FAILURE,
            "check and hooks read the option file that is looked at here",
            "a check and hooks with different option files look after different servers.",
            "write the same --defaults-file=FILE into the check and the four notify lines",
        ),
        _one_option_file,
    ),
    (
        Rule(
            "CHECK_WEIGHT",
            FAILURE,
            f"{CHECK} has weight 0",
            "a weight only changes the priority, and under nopreempt nobody takes the VIP for"
            " that: a failed check would close MySQL and keep the VIP.",
            "write `weight 0` into the vrrp_script",
        ),
        _weightless,
    ),
    (
        Rule(
            "CHECK_INTERVAL",
            WARNING,
            f"{CHECK} runs every second (interval 1)",
            "the interval is part of every failover, and of the two clocks that keep an isolated"
            " node from writing beside the other.",
            "write `interval 1` into the vrrp_script",
        ),
        _every_second,
    ),
    (
        Rule(
            "CHECK_TIMEOUT",
            FAILURE,
            f"keepalived gives {CHECK} at least {TIMEOUT} s (timeout {TIMEOUT})",
            "the check ends by itself in time (hung_after + fence_timeout and a margin,"
            f" {LONGEST_RUN:g} s at most). A shorter timeout, or none, which means interval, kills"
            " it while it closes MySQL, and the VIP goes from an open server.",
            f"write `timeout {TIMEOUT}` into the vrrp_script",
        ),
        _in_time,
    ),
    (
        Rule(
            "CHECK_FALL",
            WARNING,
            "one failure counts (fall 1)",
            "a failed check has closed MySQL. With fall 2 the VIP stays on a closed node for"
            " another run; patience is hung_after in the option file.",
            "write `fall 1` into the vrrp_script",
        ),
        _falls_once,
    ),
    (
        Rule(
            "CHECK_RISE",
            WARNING,
            "two successes in a row make a node fit again (rise 2)",
            "one success between two failures would make a node MASTER that is about to fail.",
            "write `rise 2` into the vrrp_script",
        ),
        _rises_twice,
    ),
    (
        Rule(
            "UNFENCED_TRACKER",
            WARNING,
            f"nothing but {CHECK} and the permit judges MySQL",
            f"keepalived takes the VIP away as soon as a tracker fails. {CHECK} --fence closes"
            " MySQL before that; nothing else does.",
            "remove the tracker",
        ),
        _closes_first,
    ),
)
