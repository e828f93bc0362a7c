"""doctor on keepalived.conf as a file: can it be read, and for which host. Pure rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row
from kachecks.keepalived.conf import Conf, ConfError, own_config_id, read


class Reading(NamedTuple):
    """A configuration file, or why there is none."""

    node: str
    path: str
    conf: Conf | None
    error: str  # FILE or FILE:LINE, and what is wrong there
    config_id: str | None  # as it was given; None: this host's name was taken
    denied: bool = False  # this user may not read it


def read_conf(
    node: str, path: str, config_id: str | None, version: tuple[int, ...] | None = None
) -> Reading:
    """Read the file as keepalived, where its version is known that one, would; nothing is
    raised."""
    known = (version[0], version[1]) if version and len(version) > 1 else None
    try:
        return Reading(node, path, read(path, config_id, known), "", config_id)
    except (ConfError, OSError) as error:
        denied = os.path.exists(path) and not os.access(path, os.R_OK)
        return Reading(node, path, None, str(error), config_id, denied)


def _readable(reading: Reading) -> Iterator[Found]:
    if reading.denied:
        yield not_checked(f"{reading.error}: run doctor as root", reading.path)
    elif reading.error:
        yield Found(
            f"{reading.error}; no rule about its content was checked",
            reading.path,
            f"correct {reading.path}, or name another file with --keepalived-conf",
        )


def _chosen(reading: Reading) -> Iterator[Found]:
    if reading.conf and reading.conf.ids and reading.config_id is None:
        named = ", ".join(f"@{name}" for name in sorted(reading.conf.ids))
        yield Found(
            f"there are lines for {named}, and they were read as on {own_config_id()}",
            reading.path,
            "call doctor with --config-id (or --peer-config-id): what keepalived gets with -i",
        )


TABLE: Table[Reading] = (
    row("KEEPALIVED_CONF", FAILURE, _readable,
        "keepalived.conf can be read; braces, quotes, includes and definitions fit together",
        "keepalived reads the rest of the file as something else, or does not start.",
        "correct the line that the sentence names"),
    row("CONFIG_ID", WARNING, _chosen,
        "if the file has conditional lines (@NAME), it is known for which host it is read",
        "on another host other lines would count.",
        "call doctor with --config-id"),
)  # fmt: skip
