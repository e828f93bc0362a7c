"""The option file as one typed, checked value.

Every command reads it, and check_mysql does so once a second. So nothing is imported here that `os`
has not loaded already; what only an error or an IPv6 address needs is imported where it is needed.
When a key is given twice, the last one wins. An unknown key is an error that names the line, since
a mistyped `fence-timeout` must not be found out in an outage.
"""

from __future__ import annotations

from kachecks.config.file_format import ONE_LINE, ConfigError, Line, lines, read, shown
from kachecks.config.kinds import (
    ADDRESS,
    ADDRESSES,
    INTERFACE,
    LOCAL_HOST,
    NAME,
    PASSWORD,
    PATH,
    PORT,
    SIZE,
    SOCKET,
    SSL_MODE,
    USER,
    VIPS,
    WORD,
    YES_NO,
    Kind,
    integer,
    one_of,
    only,
    seconds,
)
from kachecks.lean import NamedTuple, pasted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["DEFAULT_PATH", "KEYS", "Config", "ConfigError", "Key", "Login", "load", "parse"]

DEFAULT_PATH = "/etc/kachecks/kachecks.cnf"
SOCKETS = (
    "/run/mysqld/mysqld.sock",  # Debian, Ubuntu
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",  # Red Hat, SUSE
)
"""Not /tmp/mysql.sock, the default of a server built from source: anybody may listen there."""

LONGEST_RUN = 9.5
"""Seconds after which a check ends itself; keepalived.conf has ``timeout 10``, which also counts
the start of the process."""

_LONGEST_CHECK = 9  # seconds; keepalived's `timeout 10` ends the check


class Login(NamedTuple):
    """How to reach one server: by host or by socket, never both."""

    user: str
    password: str | None
    host: str | None
    port: int
    socket: str | None
    ssl_ca: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None
    ssl_mode: str = "PREFERRED"
    doubt: str = ""  # why the password may not be what was meant, to be told with error 1045

    def __repr__(self) -> str:
        shown = self._replace(password="***") if self.password else self  # noqa: S106 - hides one
        return f"Login({', '.join(f'{k}={v!r}' for k, v in shown._asdict().items())})"


class Config(NamedTuple):
    """One option file; times in seconds, sizes in bytes. KEYS below says what each field means."""

    path: str
    vips: tuple[str, ...]
    interface: str | None
    peer: str  # "" for a member of a cluster
    cluster: bool
    witnesses: tuple[str, ...]
    name: str
    max_lag: float
    hung_after: float
    fence_timeout: float
    stuck_mysqld: str
    drain_timeout: float
    on_drain_timeout: str
    on_broken_replica: str
    advert_int: float
    isolation_timeout: float
    peer_grace: float
    peer_check: float
    on_hung_peer: str
    on_stale_replica: str
    cold_start: str
    too_many_connections: str
    min_free: int
    max_queue: int
    writers: str
    donor: str
    watch: float
    alert: str | None
    local: Login
    remote: Login
    run_dir: str = "/run/kachecks"
    state_dir: str = "/var/lib/kachecks"
    socket_by_default: bool = False  # the file names neither socket nor host


class Key(NamedTuple):
    """One key of the option file. `default` is written as in the file; None means none."""

    group: str
    name: str
    kind: Kind
    default: str | None
    unit: str
    meaning: str
    required: bool = False


# Every key there is. The manual is made from this table ------------------------------------------

_K, _C, _P = "kachecks", "client", "peer"
_REFUSE_OPEN = one_of("refuse", "open")

# fmt: off
KEYS = (
    Key(_K, "vip", VIPS, None, "",
        "the virtual addresses; all must be on a host to count as there; a /prefix is ignored",
        required=True),
    Key(_K, "interface", INTERFACE, None, "",
        "where VRRP runs; by default the interface of the route to peer"),
    Key(_K, "peer", ADDRESS, None, "", "the other node's own address; a pair needs it"),
    Key(_K, "cluster", YES_NO, "no", "",
        "yes in place of peer: this server is a member of Galera or Group Replication"),
    Key(_K, "witness", ADDRESSES, None, "",
        "addresses outside both nodes that prove that this node still sees the network"),
    Key(_K, "name", NAME, "main", "",
        "one per pair of servers: each has an option file, a lock and a state of its own"),
    Key(_K, "max_lag", seconds(1, 86400), "30", "s",
        "a standby further behind is not fit while the active node is healthy"),
    Key(_K, "hung_after", seconds(1, 60), "3", "s",
        "without an answer for so long, mysqld counts as hung"),
    Key(_K, "fence_timeout", seconds(1, 60), "5", "s",
        "for a demotion, before stuck_mysqld applies; hung_after + fence_timeout is at most 9"),
    Key(_K, "stuck_mysqld", one_of("kill", "leave"), "kill", "",
        "what to do with a mysqld that will not close its writes"),
    Key(_K, "drain_timeout", seconds(1, 3600), "30", "s",
        "without progress: of the applier, before on_drain_timeout applies; of a mysqld that shuts"
        " down and whose replica receives, before stuck_mysqld does"),
    Key(_K, "on_drain_timeout", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the applier makes no progress"),
    Key(_K, "on_broken_replica", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the applier has stopped with an error"),
    Key(_K, "advert_int", seconds(0.01, 255), "1", "s",
        "between VRRP adverts, as in keepalived.conf"),
    Key(_K, "isolation_timeout", seconds(0.1, 60), "2", "s",
        "without peer and witness, before the active node closes itself; only with a witness"),
    Key(_K, "peer_grace", seconds(0, 60), "3", "s",
        "to go on looking for a silent peer before opening; only with a witness;"
        " at least isolation_timeout + 3 - 2 x advert_int"),
    Key(_K, "peer_check", seconds(1, 60), "5", "s",
        "between a node's closer looks: at its peer, its disks, writes that hang"),
    Key(_K, "on_hung_peer", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the peer's host answers, but its mysqld is mute"),
    Key(_K, "on_stale_replica", _REFUSE_OPEN, "refuse", "",
        "what a node does when the peer is away and this one was, at the last look, behind it by"
        " more than max_lag"),
    Key(_K, "cold_start", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the peer is away and this node has not been seen up to date"
        " with it since its mysqld started"),
    Key(_K, "too_many_connections", one_of("keep", "fail"), "keep", "",
        "whether the active node keeps the VIP when no connection is left for the check"),
    Key(_K, "min_free", SIZE, "64M", "bytes",
        "with less free space, the file system of datadir, binary log or tmpdir counts as full"),
    Key(_K, "max_queue", integer(1, 999999999), "1000", "transactions",
        "with cluster = yes: a member that has received more than that, and not applied them yet,"
        " is not fit"),
    Key(_K, "writers", one_of("any", "one"), "any", "",
        "with cluster = yes, Galera: any member takes writes, or only the one with the VIP; the"
        " others are read_only then"),
    Key(_K, "donor", one_of("keep", "fail"), "keep", "",
        "with cluster = yes, Galera: whether the node with the VIP keeps it while it sends another"
        " member a copy of its data (state Donor/Desynced)"),
    Key(_K, "watch", seconds(0, 0.85), "0.7", "s",
        "that a good check stays to notice the death of mysqld at once, at most until 0.85 s (with"
        " a witness 0.6 s) after its start; 0 turns it off"),
    Key(_K, "alert", PATH, None, "",
        "a program run after each transition, on each new problem and at its end, with JSON on its"
        " stdin (docs/monitoring.md, docs/alert.schema.json)"),
    Key(_K, "run_dir", PATH, "/run/kachecks", "", "lock, permit and marks; gone after a reboot"),
    Key(_K, "state_dir", PATH, "/var/lib/kachecks", "",
        "the marks alone and maintenance, the audit log; outlives a reboot"),

    Key(_C, "user", USER, "kachecks", "", "account on this node's server"),
    Key(_C, "password", PASSWORD, None, "", "its password; none with auth_socket or unix_socket"),
    Key(_C, "socket", SOCKET, None, "",
        "this node's server; by default the one of the last good check, at first the first that"
        " exists of " + ", ".join(SOCKETS)),
    Key(_C, "host", LOCAL_HOST, None, "",
        "this node's server by TCP; localhost means the socket, as in MySQL's clients"),
    Key(_C, "port", PORT, "3306", "", "its port"),
    Key(_C, "ssl_ca", PATH, None, "", "certificates of the authorities to trust"),
    Key(_C, "ssl_cert", PATH, None, "", "our certificate, with ssl-key"),
    Key(_C, "ssl_key", PATH, None, "", "our private key, with ssl-cert"),
    Key(_C, "ssl_mode", SSL_MODE, "PREFERRED", "", "as in MySQL's clients; VERIFY_* need ssl-ca"),

    Key(_P, "user", USER, None, "", "account on the peer's server; by default that of [client]"),
    Key(_P, "password", PASSWORD, None, "", "its password; by default that of [client]"),
    Key(_P, "port", PORT, "3306", "", "its port; its host is `peer` of [kachecks]"),
    Key(_P, "ssl_ca", PATH, None, "", "certificates of the authorities to trust"),
    Key(_P, "ssl_cert", PATH, None, "", "our certificate, with ssl-key"),
    Key(_P, "ssl_key", PATH, None, "", "our private key, with ssl-cert"),
    Key(_P, "ssl_mode", SSL_MODE, "PREFERRED", "", "as in MySQL's clients; VERIFY_* need ssl-ca"),
)
# fmt: on

OF_CLUSTERS = ("max_queue", "writers", "donor")
OF_PAIRS = (
    "witness",
    "stuck_mysqld",
    "max_lag",
    "on_drain_timeout",
    "on_broken_replica",
    "isolation_timeout",
    "peer_grace",
    "on_hung_peer",
    "on_stale_replica",
    "cold_start",
)
"""Keys of [kachecks] that mean nothing to the other kind."""

GROUPS = (_K, _C, _P)
_TEMPLATE = ("LOCAL_PASSWORD", "PEER_PASSWORD")
"""What keepalived-snippets/kachecks.cnf has for passwords."""

_BY_NAME = {(key.group, key.name): key for key in KEYS}

# From the file to the value ----------------------------------------------------------------------


def load(path: str = DEFAULT_PATH, option: str = "--defaults-file") -> Config:
    """Read, check and convert an option file.

    Args:
        option: by which another one can be named.

    Raises: ConfigError, also for a file that others may change, or with a password that others may
        read.
    """
    text, mode = read(path, option)
    config = parse(text, path)
    if mode & 0o077 and (config.local.password or config.remote.password):
        raise ConfigError(
            f"{path}: holds a password and its mode is {mode & 0o777:04o},"
            f" expected one that only its owner can read: chmod 600 {pasted(path)}"
        )
    return config


def parse(text: str, path: str) -> Config:
    """Check and convert the text of an option file; `path` is for messages only.

    Nothing is looked at besides the text: where the file gives neither socket nor host, it is left
    to who connects which of SOCKETS exists.

    Raises: ConfigError.
    """
    given = _Given(path, {}, {}, {})
    for line in lines(text, path, GROUPS):
        key = _BY_NAME.get((line.group, line.name.replace("-", "_")))
        if key is None:
            raise ConfigError(f"{line.where}: {_unknown(line)}")
        if key.kind is PASSWORD:
            given.doubts[line.group] = _doubt(line)
        given.values[line.group, key.name] = _convert(key, line.value, line.where)
        given.lines[line.group, key.name] = line.number
    return _config(given)


def _doubt(line: Line) -> str:
    """Why this is hardly the password. It may be, so the file is used."""
    if line.cut:
        return (
            f"{line.where}: a comment begins at the # in the password; if it is part of it, put the"
            " password in quotes"
        )
    return f"{line.where}: password is the template's word" if line.value in _TEMPLATE else ""


class _Given(NamedTuple):
    """What the file says: converted values, and the line in which each was last set."""

    path: str
    values: dict[tuple[str, str], Any]
    lines: dict[tuple[str, str], int]
    doubts: dict[str, str]  # by group

    def get(self, group: str, name: str) -> Any:
        """The value in the file, else the default, else None."""
        if (group, name) in self.values:
            return self.values[group, name]
        key = _BY_NAME[group, name]
        return None if key.default is None else key.kind.convert(key.default)

    def error(self, group: str, names: Sequence[str], what: str) -> ConfigError:
        """An error about keys that do not go together, at the last line that has one of them."""
        lines = [self.lines[group, name] for name in names if (group, name) in self.lines]
        return ConfigError(f"{self.path}{f':{max(lines)}' if lines else ''}: [{group}] {what}")


def _convert(key: Key, value: str | None, where: str) -> Any:
    what = f"{where}: {key.name} in [{key.group}]:"
    if value is None:
        raise ConfigError(f"{what} found no value, expected {key.name} = {key.kind.expected}")
    if not value and key.default is None and not key.required:
        return "" if key.kind is PASSWORD else None  # `alert =` is a way to say none
    try:
        return key.kind.convert(value)
    except ValueError as error:
        why = f" ({error})" if str(error) else ""
        hint = "; a comment after a value begins with #" if " ;" in value else ""
        # A password is any text, so nothing that is shown here can be one.
        raise ConfigError(
            f"{what} found '{shown(value)}'{why}, expected {key.kind.expected}{hint}"
        ) from None


def _unknown(line: Line) -> str:
    """A sentence about a key that does not exist.

    The key is shown only if it looks like one. Otherwise it may be the rest of a password, as in
    `password my=secret`, or in a long password that an editor has wrapped.
    """
    from difflib import get_close_matches

    group, name, value = line.group, line.name, line.value
    plain = name.replace("-", "_").lower()
    near = get_close_matches(plain, [key.name for key in KEYS if key.group == group], 1)
    homes = [key.group for key in KEYS if key.name == plain and key.group != group]
    advice = "expected a key of the manual"
    if (group, plain) in _BY_NAME:
        return f"found a key in capitals in [{group}], expected {plain}"
    if (group, plain) == (_P, "host"):
        advice = f"expected it as peer in [{_K}]"
    elif (group, plain) == (_C, "protocol"):
        advice = "host or socket says it: for TCP to this host write host = 127.0.0.1"
    elif homes:
        advice = f"expected it in [{homes[0]}]"
    elif near:
        advice = f"did you mean {near[0]}?"
    if value is None:
        return f"found a line without = in [{group}], expected key = value"
    if line.secret and not homes:
        return f"unknown key in [{group}], {advice}; {ONE_LINE}"
    if homes or (only(plain, WORD) and len(plain) <= 40 and (near or value.strip("="))):
        return f"unknown key {name} in [{group}], {advice}"
    return f"unknown key in [{group}], {advice}"


def _config(given: _Given) -> Config:
    for key in KEYS:
        if key.required and not given.get(key.group, key.name):
            raise ConfigError(
                f"{given.path}: [{key.group}] has no {key.name},"
                f" expected {key.name} = {key.kind.expected}"
            )
    values = {key.name: given.get(_K, key.name) for key in KEYS if key.group == _K}
    values["peer"] = values["peer"] or ""
    vips, witnesses = values.pop("vip"), values.pop("witness") or ()
    _pair_or_cluster(given, values["peer"], values["cluster"])
    local = _local(given)
    config = Config(
        path=given.path,
        vips=vips,
        witnesses=witnesses,
        local=local,
        remote=_remote(given, values["peer"]),
        socket_by_default=bool(local.socket) and not given.get(_C, "socket"),
        **values,
    )
    _agree(given, config)
    return config


def _pair_or_cluster(given: _Given, peer: str, cluster: bool) -> None:
    """Which of the two this is, the file says: a member whose plugin has failed to load looks like
    half a pair. Raises ConfigError."""
    if bool(peer) == cluster:
        found = "peer and cluster = yes" if peer else "neither peer nor cluster = yes"
        raise given.error(
            _K, ["peer", "cluster"], f"found {found}, expected one of them: peer = ADDRESS for a"
            " pair, cluster = yes for a member of Galera or Group Replication",
        )  # fmt: skip
    for name in OF_PAIRS if cluster else OF_CLUSTERS:
        if (_K, name) in given.lines:
            kinds = "a pair", "a member of a cluster (cluster = yes)"
            meant, this = kinds if cluster else reversed(kinds)
            raise given.error(_K, [name], f"{name} is for {meant}, and this is {this}: remove it")
    if cluster and not given.get(_K, "interface"):
        raise given.error(
            _K, ["cluster"], "cluster = yes needs interface, where VRRP runs: there is no peer"
            " whose route could tell it",
        )  # fmt: skip


def _local(given: _Given) -> Login:
    """The server of this node, by socket or by TCP as MySQL's own clients decide it."""
    host, socket = (given.get(_C, name) for name in ("host", "socket"))
    if host not in (None, "localhost"):
        socket = None
    elif not socket and (_C, "port") in given.lines:
        raise given.error(
            _C, ["port"], "found a port without a socket or a host other than localhost, expected"
            " socket = FILE or host = 127.0.0.1 (MySQL's clients would ignore the port)"
        )  # fmt: skip
    else:
        host, socket = None, socket or SOCKETS[0]
    return _login(given, _C, given.get(_C, "user"), given.get(_C, "password"), host, socket)


def _remote(given: _Given, peer: str) -> Login:
    user = given.get(_P, "user") or given.get(_C, "user")
    password = given.get(_P, "password")
    if password is None:
        password = given.get(_C, "password")
    return _login(given, _P, user, password, peer, None)


def _login(
    given: _Given,
    group: str,
    user: str,
    password: str | None,
    host: str | None,
    socket: str | None,
) -> Login:
    ca, cert, key, mode = (
        given.get(group, name) for name in ("ssl_ca", "ssl_cert", "ssl_key", "ssl_mode")
    )
    if mode.startswith("VERIFY") and not ca:
        raise given.error(group, ["ssl_mode"], f"ssl-mode = {mode}: found no ssl-ca to verify with")
    if bool(cert) != bool(key):
        found, missing = ("ssl-cert", "ssl-key") if cert else ("ssl-key", "ssl-cert")
        raise given.error(
            group, ["ssl_cert", "ssl_key"], f"{found}: found no {missing}, expected both or none"
        )
    port, doubt = given.get(group, "port"), given.doubts.get(group, given.doubts.get(_C, ""))
    return Login(user, password, host, port, socket, ca, cert, key, mode, doubt)


def _agree(given: _Given, config: Config) -> None:
    """Check what concerns several keys: addresses that must differ, times that must add up."""
    if config.peer in config.vips:
        raise given.error(
            _K, ["vip", "peer"], f"peer is {config.peer}, one of vip, expected the other node's own"
        )
    for witness in config.witnesses:
        if witness in config.vips or witness == config.peer:
            raise given.error(
                _K, ["vip", "peer", "witness"],
                f"witness has {witness}, which is {'peer' if witness == config.peer else 'a vip'},"
                " expected addresses outside both nodes",
            )  # fmt: skip
    if config.local.host and config.local.host in (config.peer, *config.vips):
        raise given.error(
            _C, ["host"], f"host is {config.local.host}, the peer or a vip, expected this node"
        )
    if config.witnesses:
        from kachecks.config.two_clocks import least_peer_grace

        least = least_peer_grace(config.isolation_timeout, config.advert_int)
        if config.peer_grace < least:
            raise given.error(
                _K, ["peer_grace", "isolation_timeout", "advert_int"],
                f"peer_grace is {config.peer_grace:g} s, expected at least {least:g} s"
                " (isolation_timeout + 3 - 2 x advert_int): the other node would open before"
                " this one, cut off, has closed itself",
            )  # fmt: skip
    total = config.hung_after + config.fence_timeout
    if total > _LONGEST_CHECK:
        raise given.error(
            _K, ["hung_after", "fence_timeout"],
            f"hung_after + fence_timeout is {total:g} s, expected at most {_LONGEST_CHECK}"
            " because keepalived's `timeout 10` ends the check",
        )  # fmt: skip
    if config.name != "main" and not ((_C, "socket") in given.lines or config.local.host):
        raise given.error(
            _K, ["name"], f"name is {config.name}, but [client] has neither socket nor host: a pair"
            " with a name of its own names its server, or it may act on another pair's",
        )  # fmt: skip
