"""What is to be done once the files are written. Pure."""

from __future__ import annotations

from kachecks.commands.setup.answers import QUESTIONS, ROUTER_ID, Answers
from kachecks.commands.setup.distribution import RED_HAT
from kachecks.commands.setup.files import GRANTS
from kachecks.commands.text import WIDTH, wrap
from kachecks.config.options import DEFAULT_PATH
from kachecks.lean import pasted

_CLIENT = {"mariadb": "mariadb", "mysql": "mysql"}

SELINUX = (
    "where SELinux is enforcing, keepalived may run programs of one type only (not tried):",
    "  semanage fcontext -a -t keepalived_unconfined_script_exec_t"
    " '/opt/kachecks/bin/(check_mysql|notify_.*)'",
    "  restorecon -Rv /opt/kachecks/bin",
)


def after_review(answers: Answers, directory: str) -> list[str]:
    """The files lie in a directory."""
    other = 3 - answers.node
    lines = [
        f"next: look at them, then on node {answers.node}, as root:",
        *_command(answers, directory + DEFAULT_PATH),
    ]
    if answers.node == 1:
        lines += wrap(
            f"then on node {other} the same with --node {other} and, in --passwords-from, a copy of"
            f" {directory}{DEFAULT_PATH} that only root can read"
        )
    return lines


def after_install(answers: Answers) -> list[str]:
    """The files are in place on this node."""
    client = _CLIENT[answers.server]
    lines = [
        *wrap(
            "nothing was restarted. Where the server has a binary log already, first write its name"
            f" as log_bin into {answers.places.my_cnf[answers.server]}, which says why"
        ),
        "next on this node:",
        f"  systemctl restart {pasted(answers.unit)}    # from now on it boots read-only",
        "  systemd-tmpfiles --create kachecks.conf",
        "  systemctl daemon-reload",
        "once, on the node that takes writes first:",
        f"  {client} -e 'SET GLOBAL read_only = 0'",
        f"  {client} < {GRANTS}",
        "then replication both ways (docs/install.md, step 4), and on both nodes:",
        "  kachecks doctor",
        "  keepalived -t && systemctl enable --now keepalived",
    ]
    if answers.node == 1:
        lines.append(
            f"node 2 needs the passwords: a copy of {DEFAULT_PATH} there, for --passwords-from"
        )
    return [*lines, *(SELINUX if answers.distribution == RED_HAT.name else ())]


def _command(answers: Answers, passwords_from: str) -> list[str]:
    """The command line that gives these answers, on either node; several lines for a shell."""
    words, values, places = ["kachecks", "setup"], answers._asdict(), answers.places
    usual: dict[str, object] = {
        "witness": "",
        "unit": places.units[answers.server],
        "socket": places.socket,
        "router_id": ROUTER_ID,
    }
    for name in ("distribution", *(each.name for each in QUESTIONS), "router_id"):
        if values[name] != usual.get(name):
            words.append(f"--{name.replace('_', '-')} {pasted(str(values[name]))}")
    words += ["--unicast"] if answers.unicast else []
    words += [f"--passwords-from {pasted(passwords_from)}", "--install"]
    lines = [" "]
    for word in words:  # not wrap: a word may have blanks in it
        if len(lines[-1]) + len(word) > WIDTH - 3:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return lines
