"""The option file: from MySQL's own form to one typed, checked value.

Read by every command, and by check_mysql once a second: so nothing is imported here that `os` and
`typing` have not loaded already, and what an error or an IPv6 address needs is imported there.

What MySQL's programs do with the same text is done here too (verified against my_print_defaults):
`#` and `;` begin a whole-line comment, only `#` begins one after a value and not inside quotes,
the last of two equal keys wins, `-` and `_` are alike in keys, groups may be repeated, and the
escapes of _ESCAPES hold with or without quotes. Where MySQL would skip what it does not know,
this raises ConfigError: a mistyped `fence-timeout` must not be found out in an outage.
"""

import os
import stat
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

DEFAULT_PATH = "/etc/kachecks/kachecks.cnf"
SOCKETS = (
    "/run/mysqld/mysqld.sock",  # Debian, Ubuntu
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",  # Red Hat, SUSE
    "/tmp/mysql.sock",  # noqa: S108 - the default of a server built from source; only looked up
)

_LONGEST_CHECK = 9  # seconds; keepalived's `timeout 10` ends the check
_LARGEST_FILE = 1 << 20
_SPACE = " \t\n\v\f\r"  # what MySQL strips; str.strip() alone would also eat a no-break space
_DIGITS = "0123456789"
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" + _DIGITS
_ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "r": "\r",
    "s": " ",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


class ConfigError(Exception):
    """The option file cannot be used: one sentence with the file, the line and what is expected."""


class Login(NamedTuple):
    """How to reach one server; a socket where there is no host, and never both."""

    user: str
    password: Optional[str]
    host: Optional[str]
    port: int
    socket: Optional[str]
    ssl_ca: Optional[str] = None
    ssl_cert: Optional[str] = None
    ssl_key: Optional[str] = None
    ssl_mode: str = "PREFERRED"

    def __repr__(self) -> str:
        shown = self._replace(password="***") if self.password else self  # noqa: S106 - hides one
        return f"Login({', '.join(f'{k}={v!r}' for k, v in shown._asdict().items())})"


class Config(NamedTuple):
    """One option file; times in seconds, sizes in bytes. KEYS below says what each field means."""

    path: str
    vips: tuple[str, ...]
    interface: Optional[str]
    peer: str
    witnesses: tuple[str, ...]
    name: str
    max_lag: float
    hung_after: float
    fence_timeout: float
    stuck_mysqld: str
    drain_timeout: float
    on_drain_timeout: str
    on_broken_replica: str
    isolation_timeout: float
    peer_grace: float
    peer_check: float
    on_hung_peer: str
    cold_start: str
    too_many_connections: str
    min_free: int
    watch: float
    alert: Optional[str]
    local: Login
    remote: Login
    run_dir: str = "/run/kachecks"
    state_dir: str = "/var/lib/kachecks"


class Kind(NamedTuple):
    """The values a key may have: in words, and as a function that raises ValueError(why not)."""

    expected: str
    convert: Callable[[str], Any]


class Key(NamedTuple):
    """One key of the option file. `default` is written as in the file; None means none."""

    group: str
    name: str
    kind: Kind
    default: Optional[str]
    unit: str
    meaning: str
    required: bool = False


# Kinds of values -------------------------------------------------------------------------------


def _only(text: str, allowed: str) -> bool:
    """Whether a text is made of these characters alone, and not empty."""
    return bool(text) and not text.strip(allowed)


def _seconds(low: float, high: float) -> Kind:
    def convert(text: str) -> float:
        unit = 1000 if text.endswith("ms") else 1
        number = text[:-2] if unit == 1000 else text[:-1] if text.endswith("s") else text
        if not _only(number, _DIGITS + "."):  # float alone would take 1e3, 1_0, -1, inf and nan
            raise ValueError
        try:
            value = float(number) / unit
        except ValueError:  # 1.2.3
            raise ValueError from None
        if not low <= value <= high:
            raise ValueError
        return value

    return Kind(f"{low:g} to {high:g} seconds, written like 3, 0.5, 3s or 500ms", convert)


def _one_of(*choices: str) -> Kind:
    def convert(text: str) -> str:
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        raise ValueError

    return Kind(" or ".join(choices), convert)


def _integer(low: int, high: int) -> Kind:
    def convert(text: str) -> int:
        if not _only(text, _DIGITS) or len(text) > 9 or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return Kind(f"a whole number from {low} to {high}", convert)


def _to_bytes(text: str) -> int:
    power = "_KMGT".find(text[-1:].upper() or "_")
    number = text[:-1] if power > 0 else text
    if not _only(number, _DIGITS) or len(number) > 15:
        raise ValueError
    return int(number) << (10 * max(power, 0))


def _to_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("keepalived runs its scripts in /")
    return text


def _to_socket(text: str) -> str:
    if len(os.fsencode(text)) > 107:
        raise ValueError("longer than the 107 bytes of a socket address")
    return _to_path(text)


def _to_user(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _to_name(text: str) -> str:
    if not _only(text, _WORD + "-") or len(text) > 32:
        raise ValueError
    return text


def _to_interface(text: str) -> str:
    if len(os.fsencode(text)) > 15 or set(text) & set("/" + _SPACE) or text in (".", ".."):
        raise ValueError
    return text


def _canonical(text: str) -> str:
    """The one spelling of an address that the kernel's tables and our comparisons use."""
    if ":" not in text:
        parts = text.split(".")
        if len(parts) != 4 or not all(_only(part, _DIGITS) and len(part) < 4 for part in parts):
            raise ValueError
        if any(int(part) > 255 or str(int(part)) != part for part in parts):
            raise ValueError("each part is 0 to 255 without leading zeros")
        return text
    from _socket import AF_INET6, inet_ntop, inet_pton  # `socket` itself takes 10 ms, every second

    try:
        return inet_ntop(AF_INET6, inet_pton(AF_INET6, text))
    except OSError:
        raise ValueError("a scope such as %eth0 is not supported" if "%" in text else "") from None


def _to_address(text: str) -> str:
    """An address that is one host's for others too: not loopback, multicast or a placeholder."""
    address = _canonical(text)
    if ":" not in address:
        first = int(address.split(".")[0])
        if first in (0, 127) or first > 223:
            raise ValueError("no other host can be reached by it")
    elif address in ("::", "::1") or address.startswith("ff"):
        raise ValueError("no other host can be reached by it")
    elif address.startswith("::ffff:"):
        raise ValueError("write an IPv4 address as such")
    return address


def _to_other_host(text: str) -> str:
    address = _to_address(text)
    if ":" in address and address[:3] in ("fe8", "fe9", "fea", "feb"):
        raise ValueError("a link-local address says nothing without its interface")
    return address


def _to_local_host(text: str) -> str:
    return text.lower() if text.lower() == "localhost" else _canonical(text)


def _to_vip(text: str) -> str:
    """As in keepalived.conf, where a VIP may have a prefix length, which we have no use for."""
    address, slash, prefix = text.partition("/")
    if slash:
        longest = 128 if ":" in address else 32
        if not _only(prefix, _DIGITS) or len(prefix) > 3 or not 1 <= int(prefix) <= longest:
            raise ValueError(f"its prefix is not 1 to {longest}")
    return _to_address(address)


def _list_of(one: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    def convert(text: str) -> tuple[str, ...]:
        items = tuple(one(item.strip(_SPACE)) for item in text.split(","))
        if len(set(items)) < len(items):
            raise ValueError("one is listed twice")
        return items

    return convert


_USER = Kind("the name of an account", _to_user)
_PASSWORD = Kind("the password", str)
_NAME = Kind("1 to 32 letters, digits, _ or -", _to_name)
_INTERFACE = Kind("the name of a network interface", _to_interface)
_ADDRESS = Kind("an IPv4 or IPv6 address of another host", _to_other_host)
_ADDRESSES = Kind("IPv4 or IPv6 addresses of other hosts, with commas", _list_of(_to_other_host))
_VIPS = Kind("one or more IPv4 or IPv6 addresses, with commas", _list_of(_to_vip))
_LOCAL_HOST = Kind("localhost or an IPv4 or IPv6 address", _to_local_host)
_PORT = _integer(1, 65535)
_SIZE = Kind("a number of bytes, or of K, M, G or T, written like 64M", _to_bytes)
_PATH = Kind("an absolute path", _to_path)
_SOCKET = Kind("the absolute path of a unix socket", _to_socket)
_SSL_MODE = _one_of("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")

# Every key there is. The manual is made from this table ------------------------------------------

_K, _C, _P = "kachecks", "client", "peer"
_REFUSE_OPEN = _one_of("refuse", "open")

# fmt: off
KEYS = (
    Key(_K, "vip", _VIPS, None, "",
        "the virtual addresses; all must be on a host to count as there; a /prefix is ignored",
        required=True),
    Key(_K, "interface", _INTERFACE, None, "",
        "where VRRP runs; by default the interface of the route to peer"),
    Key(_K, "peer", _ADDRESS, None, "", "the other node's own address", required=True),
    Key(_K, "witness", _ADDRESSES, None, "",
        "addresses outside both nodes that prove that this node still sees the network"),
    Key(_K, "name", _NAME, "main", "",
        "one per pair of servers: each has an option file, a lock and a state of its own"),
    Key(_K, "max_lag", _seconds(1, 86400), "30", "s",
        "a standby further behind is not fit while the active node is healthy"),
    Key(_K, "hung_after", _seconds(1, 60), "3", "s",
        "without an answer for so long, mysqld counts as hung"),
    Key(_K, "fence_timeout", _seconds(1, 60), "5", "s",
        "for a demotion, before stuck_mysqld applies; hung_after + fence_timeout is at most 9"),
    Key(_K, "stuck_mysqld", _one_of("kill", "leave"), "kill", "",
        "what to do with a mysqld that will not close its writes"),
    Key(_K, "drain_timeout", _seconds(1, 3600), "30", "s",
        "without progress of the applier, before on_drain_timeout applies"),
    Key(_K, "on_drain_timeout", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the applier makes no progress"),
    Key(_K, "on_broken_replica", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the applier has stopped with an error"),
    Key(_K, "isolation_timeout", _seconds(0.1, 60), "2", "s",
        "without peer and witness, before the active node closes itself; only with a witness"),
    Key(_K, "peer_grace", _seconds(0, 60), "2", "s",
        "to go on looking for a silent peer before opening; only with a witness"),
    Key(_K, "peer_check", _seconds(1, 60), "5", "s", "between an open holder's looks at the peer"),
    Key(_K, "on_hung_peer", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the peer's host answers, but its mysqld is mute"),
    Key(_K, "cold_start", _REFUSE_OPEN, "refuse", "",
        "what a promotion does when the peer is away and has not been heard of since the start"),
    Key(_K, "too_many_connections", _one_of("keep", "fail"), "keep", "",
        "whether the active node keeps the VIP when no connection is left for the check"),
    Key(_K, "min_free", _SIZE, "64M", "bytes",
        "with less free space, the file system of datadir, binary log or tmpdir counts as full"),
    Key(_K, "watch", _seconds(0, 0.9), "0.7", "s",
        "that a good check lingers to notice the death of mysqld at once; 0 turns it off"),
    Key(_K, "alert", _PATH, None, "",
        "a program run after each transition and on each new problem, with JSON on its stdin"),
    Key(_K, "run_dir", _PATH, "/run/kachecks", "", "lock, permit and marks; gone after a reboot"),
    Key(_K, "state_dir", _PATH, "/var/lib/kachecks", "", "last outcome and audit log"),

    Key(_C, "user", _USER, "kachecks", "", "account on this node's server"),
    Key(_C, "password", _PASSWORD, None, "", "its password; none with auth_socket or unix_socket"),
    Key(_C, "socket", _SOCKET, None, "",
        "this node's server; by default the first that exists of " + ", ".join(SOCKETS)),
    Key(_C, "host", _LOCAL_HOST, None, "",
        "this node's server by TCP; localhost means the socket, as in MySQL's clients"),
    Key(_C, "port", _PORT, "3306", "", "its port"),
    Key(_C, "protocol", _one_of("socket", "tcp"), None, "",
        "by default tcp with a host other than localhost, else socket"),
    Key(_C, "ssl_ca", _PATH, None, "", "certificates of the authorities to trust"),
    Key(_C, "ssl_cert", _PATH, None, "", "our certificate, with ssl-key"),
    Key(_C, "ssl_key", _PATH, None, "", "our private key, with ssl-cert"),
    Key(_C, "ssl_mode", _SSL_MODE, "PREFERRED", "", "as in MySQL's clients; VERIFY_* need ssl-ca"),

    Key(_P, "user", _USER, None, "", "account on the peer's server; by default that of [client]"),
    Key(_P, "password", _PASSWORD, None, "", "its password; by default that of [client]"),
    Key(_P, "port", _PORT, "3306", "", "its port; its host is `peer` of [kachecks]"),
    Key(_P, "ssl_ca", _PATH, None, "", "certificates of the authorities to trust"),
    Key(_P, "ssl_cert", _PATH, None, "", "our certificate, with ssl-key"),
    Key(_P, "ssl_key", _PATH, None, "", "our private key, with ssl-cert"),
    Key(_P, "ssl_mode", _SSL_MODE, "PREFERRED", "", "as in MySQL's clients; VERIFY_* need ssl-ca"),
)
# fmt: on

GROUPS = (_K, _C, _P)
_BY_NAME = {(key.group, key.name): key for key in KEYS}

# From the file to the value ----------------------------------------------------------------------


def load(path: str = DEFAULT_PATH) -> Config:
    """Read, check and convert an option file.

    Raises: ConfigError, also for a file with a password that others may read.
    """
    text, mode = _read(path)
    config = parse(text, path)
    if mode & 0o077 and (config.local.password or config.remote.password):
        raise ConfigError(
            f"{path}: holds a password and its mode is {mode & 0o777:04o},"
            f" expected one that only its owner can read: chmod 600 {path}"
        )
    if mode & 0o002:
        raise ConfigError(
            f"{path}: anybody can write to it (mode {mode & 0o777:04o}): chmod 600 {path}"
        )
    return config


def parse(text: str, path: str) -> Config:
    """Check and convert the text of an option file; `path` is for messages only.

    Nothing is read but which of SOCKETS exists, where neither socket nor host is given.

    Raises: ConfigError.
    """
    given = _Given(path, {}, {})
    group = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(_SPACE)
        where = f"{path}:{number}"
        if "\0" in line:
            raise ConfigError(f"{where}: holds a NUL byte, expected text")
        if not line or line[0] in "#;":
            continue
        if line[0] == "!":
            raise ConfigError(f"{where}: !include and !includedir are not supported")
        if line[0] == "[":
            group = _group(line, where)
            continue
        if not group:
            raise ConfigError(f"{where}: found a key before any group, expected [kachecks] first")
        name, value = _split(line)
        key = _BY_NAME.get((group, name.replace("-", "_")))
        if key is None:
            raise ConfigError(f"{where}: {_unknown(group, name, value)}")
        given.values[group, key.name] = _convert(key, value, where)
        given.lines[group, key.name] = number
    return _config(given)


class _Given(NamedTuple):
    """What the file says: converted values, and the line that each was last set in."""

    path: str
    values: dict[tuple[str, str], Any]
    lines: dict[tuple[str, str], int]

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


def _read(path: str) -> tuple[str, int]:
    """Text and mode of the file, both of the same open file; never waits (a FIFO would block)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{path}: is not a regular file, expected an option file")
            data = os.read(descriptor, _LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; --defaults-file=FILE names another"
        ) from None
    if not data:
        raise ConfigError(f"{path}: is empty, expected an option file with [kachecks]")
    if len(data) > _LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than {_LARGEST_FILE} bytes, expected an option file")
    if data.startswith(b"\xef\xbb\xbf"):  # the byte order mark of a Windows editor
        data = data[3:]
    try:
        return data.decode(), mode
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    raise ConfigError(f"{path}:{line}: is not UTF-8, expected text in UTF-8")


def _group(line: str, where: str) -> str:
    """The group of a `[group]` line; what follows the bracket is ignored, as MySQL does."""
    name, bracket, _ = line[1:].partition("]")
    if not bracket:
        raise ConfigError(
            f"{where}: found `[` without `]`, expected [kachecks], [client] or [peer]"
        )
    if name.lower() in GROUPS:
        return name.lower()
    raise ConfigError(
        f"{where}: unknown group [{_shown(name)}], expected [kachecks], [client] or [peer]"
    )


def _split(line: str) -> tuple[str, Optional[str]]:
    """Key and value of a line, no value without `=`: what mysys/my_default.c does, in its order."""
    quote, escaped = "", False
    for position, char in enumerate(line):
        if char in "'\"" and not escaped:
            if not quote:
                quote = char
            elif quote == char:
                quote = ""
        if char == "#" and not quote:
            line = line[:position]
            break
        escaped = bool(quote) and char == "\\" and not escaped
    name, equals, value = line.partition("=")
    name, value = name.strip(_SPACE), value.strip(_SPACE)
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        value = value[1:-1]
    return name, _unescape(value) if equals else None


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    parts, rest = [], value
    while True:
        before, backslash, rest = rest.partition("\\")
        parts.append(before)
        if not rest:
            return "".join(parts) + backslash
        parts.append(_ESCAPES.get(rest[0], "\\" + rest[0]))
        rest = rest[1:]


def _convert(key: Key, value: Optional[str], where: str) -> Any:
    what = f"{where}: {key.name} in [{key.group}]:"
    if value is None:
        raise ConfigError(f"{what} found no value, expected {key.name} = {key.kind.expected}")
    if not value and key.default is None and not key.required:
        return "" if key.kind is _PASSWORD else None  # `alert =` is a way to say none
    try:
        return key.kind.convert(value)
    except ValueError as error:
        why = f" ({error})" if str(error) else ""
        hint = "; a comment after a value begins with #" if " ;" in value else ""
        # A password is any text, so nothing that is shown here can be one.
        raise ConfigError(
            f"{what} found '{_shown(value)}'{why}, expected {key.kind.expected}{hint}"
        ) from None


def _unknown(group: str, name: str, value: Optional[str]) -> str:
    """A sentence about a key that does not exist.

    It shows the key only if it looks like one: it may be the rest of a password, as in
    `password my=secret` or in a long one that an editor has wrapped.
    """
    from difflib import get_close_matches

    plain = name.replace("-", "_").lower()
    near = get_close_matches(plain, [key.name for key in KEYS if key.group == group], 1)
    homes = [key.group for key in KEYS if key.name == plain and key.group != group]
    advice = "expected a key of the manual"
    if (group, plain) == (_P, "host"):
        advice = f"expected it as peer in [{_K}]"
    elif homes:
        advice = f"expected it in [{homes[0]}]"
    elif near:
        advice = f"did you mean {near[0]}?"
    if value is None:
        return f"found a line without = in [{group}], expected key = value"
    if homes or (_only(plain, _WORD) and len(plain) <= 40 and (near or value.strip("="))):
        return f"unknown key {name} in [{group}], {advice}"
    return f"unknown key in [{group}], {advice}"


def _shown(text: str) -> str:
    """Someone's text inside one line of a message: no control characters, not too long."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= 60 else plain[:57] + "..."


def _config(given: _Given) -> Config:
    for key in KEYS:
        if key.required and not given.get(key.group, key.name):
            raise ConfigError(
                f"{given.path}: [{key.group}] has no {key.name},"
                f" expected {key.name} = {key.kind.expected}"
            )
    values = {key.name: given.get(_K, key.name) for key in KEYS if key.group == _K}
    vips, witnesses = values.pop("vip"), values.pop("witness") or ()
    config = Config(
        path=given.path,
        vips=vips,
        witnesses=witnesses,
        local=_local(given),
        remote=_remote(given, values["peer"]),
        **values,
    )
    _agree(given, config)
    return config


def _local(given: _Given) -> Login:
    """The server of this node, by socket or by TCP as MySQL's own clients decide it."""
    host, socket, protocol = (given.get(_C, name) for name in ("host", "socket", "protocol"))
    by_tcp = protocol == "tcp" or (not protocol and host not in (None, "localhost"))
    if by_tcp:
        host, socket = "127.0.0.1" if host in (None, "localhost") else host, None
    elif not socket and (_C, "port") in given.lines:
        raise given.error(
            _C, ["port"], "found a port without a socket or a host other than localhost, expected"
            " socket = FILE or host = 127.0.0.1 (MySQL's clients would ignore the port)"
        )  # fmt: skip
    else:
        host, socket = None, socket or _default_socket()
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
    password: Optional[str],
    host: Optional[str],
    socket: Optional[str],
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
    return Login(user, password, host, given.get(group, "port"), socket, ca, cert, key, mode)


def _default_socket() -> str:
    for path in SOCKETS:
        if os.access(path, os.F_OK):
            return path
    return SOCKETS[0]


def _agree(given: _Given, config: Config) -> None:
    """What no single key can tell: addresses that must differ, times that must add up."""
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
    if config.local.host in (config.peer, *config.vips):
        raise given.error(
            _C, ["host"], f"host is {config.local.host}, the peer or a vip, expected this node"
        )
    total = config.hung_after + config.fence_timeout
    if total > _LONGEST_CHECK:
        raise given.error(
            _K, ["hung_after", "fence_timeout"],
            f"hung_after + fence_timeout is {total:g} s, expected at most {_LONGEST_CHECK}"
            " because keepalived's `timeout 10` ends the check",
        )  # fmt: skip
