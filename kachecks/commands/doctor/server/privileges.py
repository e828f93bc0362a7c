"""doctor on our accounts: what they may do, by what the servers say. Rules over facts, pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Table, not_checked, row
from kachecks.commands.doctor.server.facts import ServerFacts
from kachecks.commands.doctor.server.grants import (
    COUNT_PREPARED,
    Need,
    beyond,
    inactive_roles,
    lacking,
    of_everybody,
)
from kachecks.lean import shown
from kachecks.mysql.facts import LONGEST_NAME
from kachecks.mysql.queries import literal


def _may_do_its_work(server: ServerFacts) -> Iterator[Found]:
    if "grants" in server.troubles:
        yield not_checked(server.troubles["grants"])
    else:
        yield from _may(server, lambda need: need != COUNT_PREPARED)


def _may_count_prepared(server: ServerFacts) -> Iterator[Found]:
    if "grants" not in server.troubles:
        yield from _may(server, lambda need: need == COUNT_PREPARED)


def _may(server: ServerFacts, wanted: Callable[[Need], bool]) -> Iterator[Found]:
    roles = inactive_roles(server.grants)
    asleep = f"; is the role {', '.join(roles)} active (SET DEFAULT ROLE)?" if roles else ""
    for need in filter(wanted, lacking(server.version, server.grants, server.at_peer)):
        yield Found(
            f"{server.account} may not {need.purpose}: it lacks {need.any_of[0]}{asleep}",
            cure=_grant(need, server.account),
        )


def _grant(need: Need, account: str) -> str:
    user, _, host = account.rpartition("@")
    account = f"{literal(user)}@{literal(host)}"
    return f"on the node that takes writes: GRANT {need.any_of[0]} ON *.* TO {account}"


def _may_do_nothing_else(server: ServerFacts) -> Iterator[Found]:
    for each in beyond(server.version, server.grants, server.at_peer):
        yield Found(f"{server.account} has {each}")


def _comes_from_known_hosts(server: ServerFacts) -> Iterator[Found]:
    """A network (10.0.0.%) is the operator's to judge."""
    if server.account.rpartition("@")[2] in ("%", ""):
        yield Found(f"we are let in as {server.account}")


def _is_of_its_own(server: ServerFacts) -> Iterator[Found]:
    if server.account.rpartition("@")[0] == "root":
        yield Found(f"we are let in as {server.account}, which is everybody's")
    elif server.people:
        yield Found(f"others use our account, too: {', '.join(server.people)}")


def _knows_who_writes(server: ServerFacts) -> Iterator[Found]:
    if server.view is False:
        yield Found(server.troubles.get("view", "it cannot be read"))


def _not_everybody_writes(server: ServerFacts) -> Iterator[Found]:
    writes = of_everybody(server.grants) & {"READ_ONLY ADMIN", "ALL", "ALL PRIVILEGES"}
    if server.version.lets_admins_write and writes:
        yield Found(f"PUBLIC has {', '.join(sorted(writes))}")


_NAMED = 3
"""Accounts at most that one sentence names."""


def _nobody_writes_by_routine(server: ServerFacts) -> Iterator[Found]:
    if server.by_routine:
        more = len(server.by_routine) - _NAMED
        named = ", ".join(shown(each, LONGEST_NAME) for each in server.by_routine[:_NAMED])
        yield Found(f"this may be done by {named}{f' and {more} more' if more > 0 else ''}")


_GRANTS = (
    "the grants file (/etc/kachecks/grants.sql, as kachecks setup writes it, or grants.*.sql in"
    " /usr/share/doc/kachecks/keepalived-snippets)"
)

TABLE: Table[ServerFacts] = (
    row("PRIVILEGES", FAILURE, _may_do_its_work,
        "our account may do all that check, promotion and demotion need",
        "the check cannot tell (UNKNOWN), a demotion cannot close, a promotion cannot open",
        f"grant what {_GRANTS} for this version grants, to each of the accounts: at localhost and"
        " at both nodes' addresses"),
    row("PREPARED_XA", WARNING, _may_count_prepared,
        "MySQL 8 and later: our account may count prepared XA transactions",
        "MySQL lets them be committed on a closed server, and a demotion, a promotion and status"
        " cannot tell how many there are",
        "grant XA_RECOVER_ADMIN, as grants.mysql8.sql does, to each of the accounts"),
    row("PRIVILEGES_BEYOND", WARNING, _may_do_nothing_else,
        "our account may do nothing else",
        "its password is in a file on both nodes, and it may write through read_only: with"
        " privileges on tables it could change a closed node",
        f"revoke what {_GRANTS} does not grant"),
    row("ACCOUNT_HOST", WARNING, _comes_from_known_hosts,
        "our account is bound to localhost and to the nodes' addresses",
        "whoever has the password may use it from anywhere",
        "RENAME USER to one at 'localhost' and one at each node's address, as the grants file has"
        " them"),
    row("ACCOUNT_OF_ITS_OWN", FAILURE, _is_of_its_own,
        "nobody but kachecks uses our account",
        "whoever uses it is cut like any client when the server is closed; before MariaDB 12 it"
        " writes through read_only until then, as does what it connects with afterwards",
        f"make the account of {_GRANTS}, and name it in [client] and [peer]"),
    row("EXEMPT_VIEW", WARNING, _knows_who_writes,
        "MariaDB before 12: the view kachecks.read_only_exempt can be read",
        "a demotion must cut the accounts that may write through read_only, and without the view"
        " it knows of none but root, nor can DEFINER_WRITES be checked",
        "create the view and grant SELECT on it, as grants.mariadb.sql does; with CREATE OR REPLACE"
        " where one of an older release is there (error 1054)"),
    row("PUBLIC_WRITES", FAILURE, _not_everybody_writes,
        "MariaDB before 12: PUBLIC may not write through read_only",
        "a closed server takes writes from every account, and no cutting ends that",
        "REVOKE READ_ONLY ADMIN ON *.* FROM PUBLIC"),
    row("DEFINER_WRITES", FAILURE, _nobody_writes_by_routine,
        "MariaDB before 12: nobody may call a procedure or package that writes through read_only"
        " with the rights of its definer",
        "a closed server takes such writes: whoever may call it is cut until none comes back for"
        " half a second, and where an application comes back at once, a switchover is rolled back"
        " and a promotion that must fence this server refused",
        "as root: SELECT db, name, definer FROM mysql.proc WHERE security_type = 'DEFINER'; then"
        " ALTER PROCEDURE db.name SQL SECURITY INVOKER, or make it anew with a DEFINER that has"
        " neither READ_ONLY ADMIN nor SUPER"),
)  # fmt: skip
