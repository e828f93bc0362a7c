"""The files of one node, filled in: which snippet goes where. Pure, but for reading snippets."""

from __future__ import annotations

import os
from typing import NamedTuple

from kachecks.commands.setup.answers import Answers
from kachecks.commands.setup.passwords import Passwords
from kachecks.commands.setup.snippets import body, filled, replaced, snippet, with_option
from kachecks.config.options import DEFAULT_PATH

GRANTS = "/etc/kachecks/grants.sql"
KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
DROP_IN = "/etc/systemd/system/keepalived.service.d/kachecks.conf"
TMPFILES = "/etc/tmpfiles.d/kachecks.conf"
LOGROTATE = "/etc/logrotate.d/kachecks"

_GRANTS = {"mariadb": "grants.mariadb.sql", "mysql": "grants.mysql8.sql"}
PACKAGED = {
    TMPFILES: "/usr/lib/tmpfiles.d/kachecks.conf",
    DROP_IN: "/usr/lib/systemd/system/keepalived.service.d/kachecks.conf",
}
"""Where a .deb or .rpm has put the same; a file of that name in /etc would hide it for ever."""

MADE = tuple(os.path.dirname(path) for path in (DEFAULT_PATH, DROP_IN, TMPFILES, LOGROTATE))
"""Directories that are made where they lack. The others come with keepalived and the server."""

_READABLE, _SECRET = 0o644, 0o600


class NewFile(NamedTuple):
    """A file as it should be."""

    path: str  # on the node
    text: str
    mode: int


def files(answers: Answers, passwords: Passwords) -> list[NewFile]:
    """All of a node's, keepalived.conf last. Raises SetupError."""
    words = _words(answers, passwords)
    my_cnf = filled(snippet(f"my.cnf.{answers.server}"), words)
    grants = filled(snippet(_GRANTS[answers.server]), words)
    return [
        NewFile(TMPFILES, snippet("kachecks.tmpfiles.conf"), _READABLE),
        NewFile(LOGROTATE, snippet("kachecks.logrotate"), _READABLE),
        NewFile(DEFAULT_PATH, _option_file(answers, words), _SECRET),
        NewFile(GRANTS, grants, _SECRET),
        NewFile(answers.places.my_cnf[answers.server], my_cnf, _READABLE),
        NewFile(DROP_IN, _drop_in(answers), _READABLE),
        NewFile(KEEPALIVED_CONF, _keepalived_conf(answers, words), _READABLE),
    ]


def _words(answers: Answers, passwords: Passwords) -> dict[str, object]:
    address, _, prefix = answers.vip.partition("/")
    return {
        "NODE_INTERFACE": answers.interface,
        "VIP_ADDRESS": address,
        "VIP_PREFIX": prefix,
        "NODE1_ADDRESS": answers.node1_address,
        "NODE2_ADDRESS": answers.node2_address,
        "NODE_ADDRESS": answers.address,
        "PEER_ADDRESS": answers.peer,
        "WITNESS_ADDRESS": answers.witness or "ADDRESS",  # in a line that stays a comment
        "SERVER_NUMBER": answers.node,
        "LOCAL_PASSWORD": passwords.local,
        "PEER_PASSWORD": passwords.peer,
    }


def _option_file(answers: Answers, words: dict[str, object]) -> str:
    text = filled(snippet("kachecks.cnf"), words)  # first: an answer may hold one of the words
    for name in ("socket", "interface", "witness"):
        value = str(getattr(answers, name))
        text = with_option(text, name, value) if value else text
    return text


def _keepalived_conf(answers: Answers, words: dict[str, object]) -> str:
    text = snippet(f"keepalived.conf.node{answers.node}")
    text = replaced(text, r"^( *virtual_router_id) \d+", rf"\g<1> {answers.router_id}")
    text = filled(text, words)
    if answers.unicast:
        unicast = body(filled(snippet("keepalived.conf.unicast"), words))
        text = replaced(text, r"^ *virtual_ipaddress \{$", rf"{unicast}\n\g<0>")
    return text


def _drop_in(answers: Answers) -> str:
    """After= with this server's unit, where the snippet does not know its name."""
    text = snippet("kachecks-keepalived.service.d.conf")
    if f"{answers.unit}" in _units(text):
        return text
    escaped = answers.unit.replace("\\", r"\\")
    return replaced(text, r"^After=.*$", rf"\g<0> {escaped}")


def _units(drop_in: str) -> list[str]:
    lines = (line for line in drop_in.splitlines() if line.startswith("After="))
    return [unit for line in lines for unit in line.partition("=")[2].split()]
