"""The option file: every key, one clear sentence for each mistake."""

from __future__ import annotations

import os
import traceback

import pytest

from kachecks.config import options
from kachecks.config.options import Config, ConfigError, Login, parse
from tests.unit.doubles.option_files import MEMBER, NEEDED, SAMPLE, SECRET, error_of, with_lines

# The values ------------------------------------------------------------------------------------


def test_the_sample_of_the_design() -> None:
    assert parse(SAMPLE, "k.cnf") == Config(
        path="k.cnf",
        vips=("10.0.0.100",),
        interface="eth0",
        peer="10.0.0.2",
        cluster=False,
        witnesses=("10.0.0.254",),
        name="main",
        max_lag=30.0,
        hung_after=3.0,
        fence_timeout=5.0,
        stuck_mysqld="kill",
        drain_timeout=30.0,
        on_drain_timeout="refuse",
        on_broken_replica="refuse",
        isolation_timeout=2.0,
        advert_int=1.0,
        peer_grace=3.0,
        peer_check=5.0,
        on_hung_peer="refuse",
        on_stale_replica="refuse",
        cold_start="refuse",
        too_many_connections="keep",
        min_free=64 * 1024 * 1024,
        max_queue=1000,
        writers="any",
        donor="keep",
        watch=0.7,
        alert="/usr/local/bin/page",
        run_dir="/run/kachecks",
        state_dir="/var/lib/kachecks",
        local=Login("kachecks", SECRET, None, 3306, "/run/mysqld/mysqld.sock"),
        remote=Login("kachecks", SECRET, "10.0.0.2", 3306, None),
    )


def test_the_defaults_are_those_of_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "SOCKETS", ("/run/mysqld/mysqld.sock",))
    no_password = Login("kachecks", None, None, 3306, "/run/mysqld/mysqld.sock")
    assert parse(NEEDED, "k.cnf") == parse(SAMPLE, "k.cnf")._replace(
        interface=None,
        socket_by_default=True,
        witnesses=(),
        alert=None,
        local=no_password,
        remote=no_password._replace(host="10.0.0.2", socket=None),
    )


def test_every_key_of_the_first_group_is_a_field_and_the_other_way_round() -> None:
    fields = {key.name for key in options.KEYS if key.group == "kachecks"} - {"vip", "witness"}
    assert set(Config._fields) - fields == {
        "path", "vips", "witnesses", "local", "remote", "socket_by_default"
    }  # fmt: skip
    assert fields < set(Config._fields)


def test_every_default_is_a_value_that_the_key_accepts_and_every_key_is_explained() -> None:
    for key in options.KEYS:
        assert key.meaning, key
        assert key.default is None or key.kind.convert(key.default) is not None
        assert not key.required or key.default is None


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("vip = 10.0.0.100, 10.0.0.101", "vips", ("10.0.0.100", "10.0.0.101")),
        ("vip = 10.0.0.100/24", "vips", ("10.0.0.100",)),
        ("vip = FD00:0:0:0::0100/64,10.0.0.7/32", "vips", ("fd00::100", "10.0.0.7")),
        ("vip = fe80::100", "vips", ("fe80::100",)),
        ("peer = FD00::0002", "peer", "fd00::2"),
        ("witness = 10.0.0.254,fd00::fe", "witnesses", ("10.0.0.254", "fd00::fe")),
        ("witness =", "witnesses", ()),
        ("interface = bond0.100", "interface", "bond0.100"),
        ("interface =", "interface", None),
        ("name = Shop_2-a\n[client]\nsocket = /s", "name", "Shop_2-a"),
        ("max_lag = 1.5", "max_lag", 1.5),
        ("max-lag = 45s", "max_lag", 45.0),
        ("hung_after = 1500ms", "hung_after", 1.5),
        ("fence_timeout = 6", "fence_timeout", 6.0),
        ("stuck_mysqld = LEAVE", "stuck_mysqld", "leave"),
        ("drain_timeout = 3600", "drain_timeout", 3600.0),
        ("on_drain_timeout = open", "on_drain_timeout", "open"),
        ("on-broken-replica = Open", "on_broken_replica", "open"),
        ("isolation_timeout = 100ms", "isolation_timeout", 0.1),
        ("peer_grace = 0", "peer_grace", 0.0),
        ("peer_check = 60", "peer_check", 60.0),
        ("on_hung_peer = open", "on_hung_peer", "open"),
        ("on_stale_replica = open", "on_stale_replica", "open"),
        ("cold_start = open", "cold_start", "open"),
        ("too_many_connections = fail", "too_many_connections", "fail"),
        ("min_free = 0", "min_free", 0),
        ("min_free = 123", "min_free", 123),
        ("min_free = 10k", "min_free", 10 * 1024),
        ("min_free = 2G", "min_free", 2 * 1024**3),
        ("min_free = 1T", "min_free", 1024**4),
        ("watch = 0", "watch", 0.0),
        ("watch = .5", "watch", 0.5),
        ("alert =", "alert", None),
        ('alert = "/opt/my pager#1"', "alert", "/opt/my pager#1"),
        ("run_dir = /tmp/r", "run_dir", "/tmp/r"),  # noqa: S108
        ("state-dir = /tmp/s", "state_dir", "/tmp/s"),  # noqa: S108
    ],
)
def test_value(line: str, field: str, value: object) -> None:
    found = getattr(with_lines(line), field)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("client", "host", "socket"),
    [
        ("socket = /s", None, "/s"),
        ("socket = /s\nport = 3307", None, "/s"),
        ("host = localhost\nsocket = /s", None, "/s"),
        ("host = LOCALHOST\nsocket = /s", None, "/s"),
        ("host = 127.0.0.1", "127.0.0.1", None),
        ("host = ::1", "::1", None),
        ("host = 10.0.0.1\nsocket = /s", "10.0.0.1", None),
    ],
)
def test_the_local_server_by_socket_or_tcp(client: str, host: str, socket: str) -> None:
    local = with_lines(client=client).local
    assert (local.host, local.socket) == (host, socket)


def test_no_disk_is_touched_for_the_default_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hang, and no deadline holds yet."""
    monkeypatch.setattr(os, "stat", lambda *_args, **_options: pytest.fail("touched"))
    assert parse(NEEDED, "k.cnf").local.socket == options.SOCKETS[0]


def test_no_default_socket_is_where_anybody_may_listen() -> None:
    assert {path.rsplit("/", 2)[-2] for path in options.SOCKETS} == {"mysqld", "mysql"}


@pytest.mark.parametrize(
    ("client", "by_default"),
    [
        ("", True),
        ("socket =", True),
        ("host = localhost", True),
        ("socket = /s", False),
        ("host = 127.0.0.1", False),
    ],
)
def test_whether_the_file_names_the_server(client: str, by_default: bool) -> None:
    assert with_lines(client=client).socket_by_default == by_default


@pytest.mark.parametrize(
    ("client", "peer", "user", "password"),
    [
        ("user=a\npassword=p", "", "a", "p"),
        ("user=a\npassword=p", "user=b\npassword=q", "b", "q"),
        ("user=a\npassword=p", "password=q", "a", "q"),
        ("user=a\npassword=p", "user=b", "b", "p"),
        ("user=a\npassword=p", "password=", "a", ""),
        ("user=a", "", "a", None),
        ("", "password=q", "kachecks", "q"),
    ],
)
def test_the_peer_inherits_user_and_password(
    client: str, peer: str, user: str, password: str
) -> None:
    remote = with_lines(client=client, peer=peer).remote
    assert (remote.user, remote.password) == (user, password)


def test_the_peer_inherits_nothing_else() -> None:
    found = with_lines(
        client="host=127.0.0.1\nport=3307\nssl-mode=verify_ca\nssl-ca=/ca\nssl-cert=/c\nssl-key=/k",
        peer="port=3308",
    )
    assert found.local[3:] == (3307, None, "/ca", "/c", "/k", "VERIFY_CA", "")
    assert found.remote[2:] == ("10.0.0.2", 3308, None, None, None, None, "PREFERRED", "")


@pytest.mark.parametrize(
    ("value", "password", "doubt"),
    [
        ("ab#secret", "ab", "k.cnf:5: a comment begins at the # in the password"),
        ("'ab'#note", "ab", "k.cnf:5: a comment begins"),
        ("LOCAL_PASSWORD", "LOCAL_PASSWORD", "k.cnf:5: password is the template's word"),
        ("PEER_PASSWORD # on it", "PEER_PASSWORD", "k.cnf:5: password is the template's word"),
        ("'ab#secret'", "ab#secret", ""),
        ("ab # note", "ab", ""),
    ],
)
def test_a_password_that_may_not_be_meant_is_used(value: str, password: str, doubt: str) -> None:
    """A pair at work may have it."""
    for group in ("client", "peer"):
        found = parse(f"{NEEDED}[{group}]\npassword = {value}\n", "k.cnf")
        login = found.local if group == "client" else found.remote
        assert login.password == password
        assert login.doubt.startswith(doubt)
        assert bool(login.doubt) is bool(doubt)
        assert "secret" not in login.doubt


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("", "cluster", True),
        ("", "peer", ""),
        ("cluster = YES", "cluster", True),
        ("max_queue = 1", "max_queue", 1),
        ("max-queue = 50000", "max_queue", 50000),
        ("writers = One", "writers", "one"),
        ("donor = fail", "donor", "fail"),
        ("min_free = 1G", "min_free", 1024**3),
    ],
)
def test_value_of_a_member_of_a_cluster(line: str, field: str, value: object) -> None:
    found = getattr(parse(f"{MEMBER}{line}\n", "k.cnf"), field)
    assert found == value
    assert type(found) is type(value)


# Mistakes: the line, the key, what was found and what is expected ------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vip =", "vip in [kachecks]: found '', expected one or more IPv4 or IPv6 addresses"),
        ("vip", "vip in [kachecks]: found no value, expected vip = one or more IPv4"),
        ("vip = 10.0.0.100 ; the VIP", "; a comment after a value begins with #"),
        ("vip = 10.0.0.100 dev eth0", "found '10.0.0.100 dev eth0'"),
        ("vip = 10.0.0.100,", "found '10.0.0.100,'"),
        ("vip = 10.0.0.100,10.0.0.100/24", "one is listed twice"),
        ("vip = 10.0.0.100/33", "its prefix is not 1 to 32"),
        ("vip = 10.0.0.100/0", "its prefix is not 1 to 32"),
        ("vip = 10.0.0.100/", "its prefix is not 1 to 32"),
        ("vip = fd00::1/129", "its prefix is not 1 to 128"),
        ("vip = 10.0.0", "found '10.0.0'"),
        ("vip = 10.0.0.256", "each part is 0 to 255 without leading zeros"),
        ("vip = 10.0.0.010", "each part is 0 to 255 without leading zeros"),
        ("vip = 10.0.0.-1", "found '10.0.0.-1'"),
        ("vip = 10.0.0.١", "found '10.0.0.١'"),  # noqa: RUF001 - a digit, but not an ASCII one
        ("vip = vip.example.org", "found 'vip.example.org'"),
        ("vip = 127.0.0.1", "no other host can be reached by it"),
        ("vip = 0.0.0.0", "no other host can be reached by it"),
        ("vip = 224.0.0.18", "no other host can be reached by it"),
        ("vip = ::", "no other host can be reached by it"),
        ("vip = 0:0::1", "no other host can be reached by it"),
        ("vip = ff02::12", "no other host can be reached by it"),
        ("vip = ::ffff:10.0.0.1", "write an IPv4 address as such"),
        ("vip = fd00::1::2", "found 'fd00::1::2', expected"),
        ("peer = 10.0.0.2/24", "found '10.0.0.2/24', expected an IPv4 or IPv6 address"),
        ("peer = fe80::1", "link-local"),
        ("peer = febf::1", "link-local"),
        ("peer = fe80::1%eth0", "a scope such as %eth0 is not supported"),
        ("witness = gateway", "found 'gateway', expected IPv4 or IPv6 addresses"),
        ("interface = eth0,eth1,eth2,eth3", "found 'eth0,eth1,eth2,eth3'"),
        ("interface = a/b", "found 'a/b'"),
        ("name =", "found '', expected 1 to 32 letters"),
        ("name = a/b", "found 'a/b', expected 1 to 32 letters"),
        ("name = é", "found 'é'"),
        ("name = " + "n" * 33, "expected 1 to 32 letters"),
        ("max_lag = 0", "found '0', expected a time, 1s to 1d, written like"),
        ("max_lag = 25h", "found '25h', expected a time, 1s to 1d"),
        ("max_lag = nan", "found 'nan'"),
        ("max_lag = inf", "found 'inf'"),
        ("max_lag = 1e3", "found '1e3'"),
        ("max_lag = -3", "found '-3'"),
        ("max_lag = 1_0", "found '1_0'"),
        ("max_lag = 1.2.3", "found '1.2.3'"),
        ("max_lag = .", "found '.'"),
        ("max_lag = ms", "found 'ms'"),
        ("max_lag =", "found ''"),
        ("max_lag = \u0663", "found '\u0663'"),
        ("hung_after = 0.5", "expected a time, 1s to 1m"),
        ("hung_after = 5", "hung_after + fence_timeout is 10 s, expected at most 9"),
        ("fence_timeout = 6.5", "keepalived's `timeout 10` ends the check"),
        ("stuck_mysqld = murder", "found 'murder', expected kill or leave"),
        ("on_drain_timeout = yes", "expected refuse or open"),
        ("on_broken_replica = skip", "expected refuse or open"),
        ("on_hung_peer = 1", "expected refuse or open"),
        ("on_stale_replica = yes", "expected refuse or open"),
        ("cold_start = no", "expected refuse or open"),
        ("too_many_connections = ignore", "expected keep or fail"),
        ("drain_timeout = 0", "expected a time, 1s to 1h"),
        ("isolation_timeout = 0", "expected a time, 0.1s to 1m"),
        ("peer_grace = 61", "expected a time, 0s to 1m"),
        ("peer_check = 0", "expected a time, 1s to 1m"),
        ("watch = 1", "expected a time, 0s to 0.85s"),
        ("min_free = 64MB", "found '64MB', expected a number of bytes"),
        ("min_free = M", "found 'M'"),
        ("min_free = 1.5G", "found '1.5G'"),
        ("min_free = 64P", "found '64P'"),
        ("min_free = -1", "found '-1'"),
        ("alert = page", "found 'page' (keepalived runs its scripts in /), expected an absolute"),
        ("alert = ~/page", "found '~/page'"),
        ("run_dir = kachecks", "expected an absolute path"),
        ("state_dir =", "found ''"),
        ("max_lagg = 3", "unknown key max_lagg in [kachecks], did you mean max_lag?"),
        ("fence-time-out = 3", "unknown key fence-time-out in [kachecks], did you mean fence_t"),
        ("Max_Lag = 3", "found a key in capitals in [kachecks], expected max_lag"),
        ("wallpaper = 1", "unknown key wallpaper in [kachecks], expected a key of the manual"),
        ("socket = /s", "unknown key socket in [kachecks], expected it in [client]"),
        ("max_lagg", "found a line without = in [kachecks], expected key = value"),
        ("vip 10.0.0.100", "found a line without = in [kachecks], expected key = value"),
        ("= 3", "unknown key in [kachecks]"),
        ("!include /etc/x.cnf", "!include and !includedir are not supported"),
        ("!includedir /etc/mysql", "!include and !includedir are not supported"),
        ("[mysqld]", "unknown group [mysqld], expected [kachecks], [client] or [peer]"),
        ("[ client ]", "unknown group [ client ], expected"),
        ("[client", "found `[` without `]`"),
        ("name = a\0b", "holds a NUL byte"),
        ("peer = 10.0.0.100", "peer is 10.0.0.100, one of vip, expected the other node's own"),
        ("vip = 10.0.0.100,10.0.0.2/24", "peer is 10.0.0.2, one of vip"),
        ("witness = 10.0.0.254,10.0.0.100", "witness has 10.0.0.100, which is a vip"),
        ("witness = 10.0.0.2", "witness has 10.0.0.2, which is peer"),
    ],
)
def test_mistake(line: str, words: str) -> None:
    text = error_of(f"{NEEDED}# a comment\n{line}\n")
    assert text.startswith("k.cnf:5: ")
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            f"{NEEDED}cluster = yes\n",
            "k.cnf:4: [kachecks] found peer and cluster = yes, expected one of them",
        ),
        (
            "[kachecks]\nvip = 10.0.0.100\n",
            "k.cnf: [kachecks] found neither peer nor cluster = yes, expected one of them",
        ),
        ("[kachecks]\nvip = 10.0.0.100\npeer =\n", "k.cnf:3: [kachecks] found neither peer nor"),
        (
            "[kachecks]\nvip = 10.0.0.100\ncluster = yes\n",
            "k.cnf:3: [kachecks] cluster = yes needs interface, where VRRP runs",
        ),
        (f"{NEEDED}cluster = maybe\n", "cluster in [kachecks]: found 'maybe', expected yes or no"),
        (
            f"{NEEDED}max_queue = 5\n",
            "k.cnf:4: [kachecks] max_queue is for a member of a cluster (cluster = yes), and"
            " this is a pair: remove it",
        ),
        (f"{MEMBER}witness = 10.0.0.254\n", "k.cnf:5: [kachecks] witness is for a pair"),
        (f"{MEMBER}stuck_mysqld = kill\n", "k.cnf:5: [kachecks] stuck_mysqld is for a pair"),
        (f"{MEMBER}writers = both\n", "writers in [kachecks]: found 'both', expected any or one"),
        (f"{MEMBER}max_queue = -1\n", "expected a whole number from 1 to 999999999"),
        (f"{MEMBER}[client]\nhost = 10.0.0.100\n", "host is 10.0.0.100, the peer or a vip"),
    ],
)
def test_a_pair_or_a_member_of_a_cluster(text: str, words: str) -> None:
    assert words in error_of(text)


@pytest.mark.parametrize(
    ("group", "lines", "words"),
    [
        ("client", "PASSWORD = secret", "found a key in capitals in [client], expected password"),
        ("client", "protocol = tcp", "unknown key protocol in [client], host or socket says it"),
        ("client", "user =", "user in [client]: found '', expected the name of an account"),
        ("client", "socket = mysqld.sock", "expected the absolute path of a unix socket"),
        ("client", "socket = /" + "s" * 107, "longer than the 107 bytes of a socket address"),
        ("client", "host = db1.example.org", "expected localhost or an IPv4 or IPv6 address"),
        ("client", "host = 10.0.0.2", "[client] host is 10.0.0.2, the peer or a vip"),
        ("client", "host = 10.0.0.100", "[client] host is 10.0.0.100, the peer or a vip"),
        ("client", "port = 0", "expected a whole number from 1 to 65535"),
        ("client", "port = 65536", "expected a whole number from 1 to 65535"),
        ("client", "port = 3306", "found a port without a socket or a host"),
        ("client", "host=localhost\nport=3307", "found a port without a socket or a host"),
        ("client", "password", "password in [client]: found no value"),
        ("client", "default-character-set = utf8", "unknown key default-character-set"),
        ("client", "max_lag = 3", "expected it in [kachecks]"),
        (
            "peer",
            "host = 10.0.0.2",
            "unknown key host in [peer], expected it as peer in [kachecks]",
        ),
        ("peer", "socket = /s", "expected it in [client]"),
        ("peer", "ssl-mode = yes", "ssl_mode in [peer]: found 'yes', expected DISABLED or PREFER"),
        ("peer", "ssl-mode = VERIFY_CA", "[peer] ssl-mode = VERIFY_CA: found no ssl-ca"),
        ("peer", "ssl-mode = verify_identity", "ssl-mode = VERIFY_IDENTITY: found no ssl-ca"),
        ("peer", "ssl-cert = /c", "ssl-cert: found no ssl-key, expected both or none"),
        ("client", "ssl-key = /k", "ssl-key: found no ssl-cert, expected both or none"),
        ("client", "ssl-ca = ca.pem", "expected an absolute path"),
    ],
)
def test_mistake_in_a_login(group: str, lines: str, words: str) -> None:
    text = error_of(f"{NEEDED}[{group}]\n{lines}\n")
    assert text.startswith(f"k.cnf:{5 + lines.count(chr(10))}: ")
    assert words in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[kachecks]\npeer = 10.0.0.2\n", "k.cnf: [kachecks] has no vip, expected vip = one or"),
        ("# nothing\n", "k.cnf: [kachecks] has no vip"),
        ("vip = 10.0.0.100\n[kachecks]\n", "k.cnf:1: found a key before any group"),
        # The two clocks: the other node would open before this one has closed itself.
        (NEEDED + "witness=10.0.0.9\npeer_grace=2.9\n", "k.cnf:5: [kachecks] peer_grace is 2.9 s"),
        (NEEDED + "witness=10.0.0.9\nadvert_int=0.2\n", "k.cnf:5: [kachecks] peer_grace is 3 s"),
        # The last line that takes part is named.
        (NEEDED + "fence_timeout=4\nname=x\nhung_after=7\n", "k.cnf:6: [kachecks] hung_after + "),
        (NEEDED + "hung_after=7\nfence_timeout=4\nname=x\n", "k.cnf:5: [kachecks] hung_after + "),
    ],
)
def test_mistake_of_the_whole(text: str, words: str) -> None:
    assert error_of(text).startswith(words)


def test_the_longest_times_that_fit() -> None:
    assert with_lines("hung_after = 3.3\nfence_timeout = 5.7").hung_after == 3.3


# Passwords -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        f"password = {SECRET}\nport = x",
        f"password {SECRET}",
        f"password: {SECRET}",
        f"password:{SECRET}",
        f"passwort = {SECRET}",
        f"password {SECRET}=x",
        f"password =\n{SECRET}",
        f"password =\n{SECRET}==",
        f"pass = {SECRET}",
        f"!{SECRET}",
        f"password = {SECRET}\n" + "x" * 3000 + f"{SECRET} = 1",
    ],
)
def test_no_error_shows_a_password(lines: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"{NEEDED}[client]\n{lines}\n", "k.cnf")
    told = "".join(traceback.format_exception(ConfigError, caught.value, caught.tb))
    assert SECRET not in str(caught.value)
    assert "k.cnf:" in told
    assert SECRET not in told.split("ConfigError", 1)[1]
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("password = Some\nSecretTail=morE", "k.cnf:6: unknown key in [client], expected a key"),
        ("password = Some\n\n# a comment\nSecretTail = morE", "k.cnf:8: unknown key in [client]"),
        ("password = Some\n[SecretTail]x", "k.cnf:6: unknown group, expected [kachecks]"),
        ("passwordSecretTail=1", "k.cnf:5: unknown key in [client], "),
        ("passSecretTail=1", "k.cnf:5: unknown key in [client], "),
        ("PasswordSecretTail=1", "k.cnf:5: unknown key in [client], "),
    ],
)
def test_a_part_of_a_password_is_not_shown_as_a_key_or_a_group(lines: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"{NEEDED}[client]\n{lines}\n", "k.cnf")
    assert str(caught.value).startswith(words)
    assert "secrettail" not in str(caught.value).lower()
    assert "write that in one line and in quotes" in str(caught.value)


def test_a_key_two_lines_below_a_password_is_shown() -> None:
    for lines in ("password = x\nport = 1\nwallpaper = 2", "password = x\n[peer]\nwallpaper = 2"):
        with pytest.raises(ConfigError, match="unknown key wallpaper in"):
            parse(f"{NEEDED}[client]\n{lines}\n", "k.cnf")


def test_no_repr_shows_a_password() -> None:
    found = parse(SAMPLE, "k.cnf")
    for text in (repr(found), str(found), f"{found.local}", str([found.remote]), f"{found!r}"):
        assert SECRET not in text
        assert "password='***'" in text
    assert "password=None" in repr(with_lines().local)
    assert "password=''" in repr(with_lines(client="password=").local)
