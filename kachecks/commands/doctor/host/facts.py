"""What doctor knows of this host: frozen values. None where it could not be found out."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from shlex import quote
from typing import NamedTuple

from kachecks.commands.doctor.conf.setup import Command, Setup
from kachecks.config.options import Config
from kachecks.keepalived.instance import Instance


class Part(NamedTuple):
    """A directory on the way to a file, or the file itself, as stat(2) has it."""

    path: str
    uid: int
    gid: int
    mode: int  # type and permissions
    granted: tuple[str, ...] = ()  # whom an ACL lets write there, such as `uid 1000`

    @property
    def unsafe(self) -> str:
        """Why somebody other than root may change this, "" if nobody may.

        The rule is that of keepalived's enable_script_security (lib/notify.c): it must belong to
        root and be writable only by root, but a directory with the sticky bit may be writable by
        others.
        """
        if self.uid != 0:
            return f"{self.path} belongs to uid {self.uid}"
        if stat.S_ISDIR(self.mode) and self.mode & stat.S_ISVTX:
            return ""
        if self.mode & 0o002:
            return f"anybody may write to {self.path} (mode {self.mode & 0o7777:04o})"
        if self.granted:  # then the mode's bits of the group are those of the ACL's mask
            return f"an ACL lets {' and '.join(self.granted)} write to {self.path}"
        if self.mode & 0o020 and self.gid != 0:
            return f"gid {self.gid} may write to {self.path} (mode {self.mode & 0o7777:04o})"
        return ""

    @property
    def mending(self) -> str:
        """The command that makes it safe."""
        word = quote(self.path)
        owner = f"chown root:root {word}" if self.uid != 0 else ""
        acl = f"setfacl -b {word}" if self.granted else ""
        mode = f"chmod go-w {word}" if self.mode & 0o022 else ""
        return " && ".join(command for command in (owner, acl, mode) if command)


class File(NamedTuple):
    """A file that root runs or trusts."""

    path: str
    found: bool | None  # None: this user may not look
    why: str = ""  # why it is not found, or was not looked at
    parts: tuple[Part, ...] = ()  # of the path as written, where its links lead, the interpreter
    executable: bool = True  # by somebody, as keepalived asks
    interpreter: str | None = ""  # named by #!; "" a binary; None neither, execve(2) refuses it
    interpreter_found: bool = True
    text: str = ""  # of a script


class Directory(NamedTuple):
    """A directory of kachecks."""

    path: str
    found: bool | None
    uid: int = 0
    mode: int = 0o40700
    writable: bool | None = True  # None: not root, who alone has to write there
    granted: tuple[str, ...] = ()  # as of a Part
    file_system: str = ""  # type as in /proc/mounts, such as tmpfs; "" not known
    in_the_way: bool = False  # a file, or a link that leads nowhere, has its place

    @property
    def volatile(self) -> bool:
        """It is empty after a reboot."""
        return self.file_system in ("tmpfs", "ramfs")


class CheckRun(NamedTuple):
    """The check, run once as keepalived runs it."""

    command: str
    user: str
    status: int | None  # exit status, negative for a signal; None: not started, or not ended
    said: str = ""  # its last line
    error: str = ""  # why it was not started, or that it did not end
    reason: str = ""  # of check_mysql --json, such as APPLIER_STOPPED


class KeepalivedProgram(NamedTuple):
    """The program, and the process that runs."""

    path: str = ""  # "" there is none
    version: tuple[int, ...] | None = None
    test_status: int | None = None  # of keepalived -t: 0 fine, 4 to 6 it complains; None: not run
    complaints: tuple[str, ...] = ()
    arguments: tuple[str, ...] | None = None  # of the running one, () none runs, None not known
    capabilities: int | None = None  # of the running one, a bit each; None none runs, or not known


class OtherPair(NamedTuple):
    """Another option file on this host."""

    path: str
    name: str
    vips: tuple[str, ...]
    server: str  # socket, or host and port


class HostAddress(NamedTuple):
    """An address of this host."""

    interface: str
    address: str
    prefix: int


class LinkSeen(NamedTuple):
    """Who answers ARP or ND on the link of the VIP. MAC addresses are as `02:00:…`."""

    interface: str
    own_mac: str  # of that interface; "" it is no Ethernet, and nobody can be asked
    vip_here: bool  # before and after the others were asked
    vip_macs: frozenset[str]  # of other hosts that answer for the VIP
    peer_macs: frozenset[str]  # of other hosts that answer for the peer's own address


class HostFacts(NamedTuple):
    """Everything about this host."""

    config: Config
    setup: Setup | None  # None: keepalived.conf cannot be read
    root: bool
    keepalived: KeepalivedProgram
    option_file: File
    files: Mapping[str, File]  # programs that keepalived runs, and the alert program
    users: Mapping[str, int | None]  # uid of names in keepalived.conf; None: no such user
    run_dir: Directory
    state_dir: Directory
    systemd: Mapping[str, str] | None = None  # of keepalived.service; None: no systemd here
    server_unit: Mapping[str, str] | None = None  # None: not known; {}: it runs in no service
    made_at_boot: frozenset[str] | None = None  # by tmpfiles.d; None: no systemd here
    interface_towards_peer: str = ""  # "" no way there, or not known
    interfaces: Mapping[str, int] | None = None  # name: flags as in <net/if.h>
    addresses: tuple[HostAddress, ...] = ()
    sysctl: Mapping[str, str] = {}
    ip_vs: bool | None = None  # the kernel has it, or can load it
    clock_synchronised: bool | None = None
    check_age: float | None = None  # s since keepalived last ran the check; None: never
    silent_witnesses: tuple[str, ...] | None = ()  # None: not allowed to ask
    adverts_heard: bool | None = None  # a standby hears the holder; None: there is none to hear
    link: LinkSeen | None = None  # None: not allowed to ask, or the VIP has just moved
    peer_by_sql: bool = False  # the peer's server has answered, be it with an error
    peer_pings: bool | None = None  # the peer answers ping; None: no witness, or not allowed
    permit: bool | None = None  # keepalived may hold the VIP; None: no permit file, or not known
    keepalived_state: str = ""  # asked only where the check has just passed; "" not asked, or
    state_not_told: str = ""  # why keepalived did not tell it
    other_pairs: tuple[OtherPair, ...] = ()
    passing: CheckRun | None = None  # None: not run, see not_run
    failing: CheckRun | None = None  # with an option file whose server does not exist
    not_run: str = ""

    @property
    def instance(self) -> Instance | None:
        """The vrrp_instance with the VIP."""
        return self.setup.instance if self.setup else None

    @property
    def commands(self) -> tuple[Command, ...]:
        """Everything that keepalived runs for this pair."""
        return self.setup.commands if self.setup else ()

    def user(self, name: str) -> str:
        """Who runs a command of keepalived.conf: its own user, else the default of the file."""
        if name or self.setup is None:
            return name or "root"
        default = self.setup.setting("script_user")
        if default:
            return default.value
        return "keepalived_script" if self.users.get("keepalived_script") is not None else "root"


def server(config: Config) -> str:
    """This node's server of a pair, as a word to compare."""
    return config.local.socket or f"{config.local.host} port {config.local.port}"
