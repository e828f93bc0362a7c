"""``kachecks status`` for monitoring systems: one look, and more before anything is called
critical."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from kachecks.asking import Asking
from kachecks.check.verdict import CANNOT_TELL, CRITICAL
from kachecks.command_line import UNUSABLE, unexpected
from kachecks.commands.status import nagios, prometheus, terminal
from kachecks.commands.status.judgement import Summary, summary
from kachecks.commands.status.monitored import STATES, severity
from kachecks.commands.status.probe import Looking, hurried_node
from kachecks.config.options import Config, ConfigError, load
from kachecks.report import say

if TYPE_CHECKING:
    from kachecks.commands.status.facts import Status

LOOKS, PAUSE = 4, 0.25
"""How many looks in a row must find a state critical, and the seconds between them. A look while
the VIP moves finds both nodes closed, or the one before and the other one after; a switchover keeps
writes away for 0.2 s, most failovers for less than 0.6."""


def tell(form: str, path: str) -> int:
    """Look by this option file, print it in this format; the exit status.

    For Nagios that is the state, UNKNOWN also where nothing can be looked at, which is said on
    stdout. For Prometheus it is 0, and whatever keeps a look from coming about is raised: the last
    file stays then, and its age tells.
    """
    if form == "prometheus":
        config = load(path)
        if config.cluster:
            raise ConfigError(
                f"{path}: cluster = yes: there are no metrics of a member of a cluster;"
                " use --format=nagios or --json"
            )
        return _written(_text(prometheus.as_lines(*_looked(config))))
    status, lines = _nagios(path)
    with suppress(OSError, ValueError):  # a closed pipe does not change the answer
        terminal.write(_text(lines))
    return status


def _written(metrics: str) -> int:
    """UNUSABLE where they are not written whole: no collector may take them for the truth."""
    try:
        terminal.write(metrics)
    except (OSError, ValueError) as error:
        say(f"kachecks status: the metrics could not be written: {error}", "stderr")
        return UNUSABLE
    return 0


def _nagios(path: str) -> tuple[int, list[str]]:
    try:
        config = load(path)
        if config.cluster:
            return _nagios_of_member(config)
        status, told = _looked(config)
        state = STATES[severity(status, told)]
        return state, nagios.as_lines(status, told, config.max_lag)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known
        known = isinstance(error, (ConfigError, OSError))
        said = str(error) if known else unexpected(error)
        return STATES[CANNOT_TELL], [nagios.cannot_look(said)]


def _nagios_of_member(config: Config) -> tuple[int, list[str]]:
    from kachecks.commands.status import of_cluster
    from kachecks.node import Node
    from kachecks.state.audit_log import History

    node, history = Node(config), History(config.state_dir, config.name)
    for again in reversed(range(LOOKS)):
        status = of_cluster.look(node, history)
        word = of_cluster.severity(status)
        if word != CRITICAL or not again:
            break
        time.sleep(PAUSE)
    return STATES[word], [nagios.said(word, of_cluster.sentence(status))]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _looked(config: Config) -> tuple[Status, Summary]:
    """Raises OSError: the kernel's tables cannot be read."""
    looking = Looking(hurried_node(config), Asking(), for_monitoring=True)
    return confirmed(looking.look, time.sleep)


def confirmed(
    look: Callable[[], Status], sleep: Callable[[float], object]
) -> tuple[Status, Summary]:
    """A look; what is critical is looked at again."""
    for again in reversed(range(LOOKS)):
        status = look()
        told = summary(status)
        if severity(status, told) != CRITICAL or not again:
            break
        sleep(PAUSE)
    return status, told
