"""A set-up that is right in every respect, from the very snippets, and ways to break it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kachecks.commands.doctor.conf.file import read_conf
from kachecks.commands.doctor.conf.setup import Setup, Setups, setup
from kachecks.commands.doctor.host.facts import (
    CheckRun,
    Directory,
    File,
    HostAddress,
    HostFacts,
    KeepalivedProgram,
    Part,
)
from kachecks.commands.doctor.rule import HERE, PEER, Finding
from kachecks.commands.doctor.tables import of_both, of_conf, of_host
from kachecks.config.options import Config, parse

SNIPPETS = Path(__file__).resolve().parents[3] / "keepalived-snippets"
WORDS = {
    "NODE_INTERFACE": "eth0",
    "VIP_ADDRESS": "10.0.0.100",
    "VIP_PREFIX": "24",
    "NODE_ADDRESS": "10.0.0.1",
    "PEER_ADDRESS": "10.0.0.2",
    "WITNESS_ADDRESS": "10.0.0.254",
    "LOCAL_PASSWORD": "secret",
    "PEER_PASSWORD": "another",
    "# witness": "witness",
}
UP_AND_MULTICAST = 0x1003
DIRECTORY, PROGRAM = 0o40755, 0o100755
OPTION_FILE = "/etc/kachecks/kachecks.cnf"
CHECK = "/opt/kachecks/bin/check_mysql"

UNIT = {
    "Id": "keepalived.service",
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "NeedDaemonReload": "no",
    "After": "network-online.target mariadb.service basic.target",
    "CapabilityBoundingSet": "cap_kill cap_net_admin cap_net_raw cap_sys_ptrace",
    "ExecStop": "{ argv[]=/opt/kachecks/bin/notify_down --keep-keepalived ; }",
    "ExecStopPost": "{ argv[]=/opt/kachecks/bin/notify_down --drop-vip ; }",
    "TimeoutStopUSec": "30s",
    "Restart": "on-failure",
    "RestartUSec": "1s",
    "StartLimitBurst": "5",
    "StartLimitIntervalUSec": "0",
}
"""keepalived.service with our drop-in, as systemctl shows it."""


def snippet(name: str) -> str:
    """A file of keepalived-snippets, filled in for node 1."""
    text = (SNIPPETS / name).read_text()
    for word, value in WORDS.items():
        text = text.replace(word, value)
    return text


SECOND = (
    "vrrp_instance second {{\n state BACKUP\n nopreempt\n interface eth0\n priority 250\n"
    " virtual_router_id {}\n virtual_ipaddress {{ {} }}\n}}\n"
)
"""Another pair's instance."""


class World(NamedTuple):
    """Files as text, and what is different about the host."""

    options: str
    conf: str
    peer_conf: str
    host: dict[str, Any]
    files: dict[str, File]
    path: str = OPTION_FILE

    def with_conf(self, old: str, new: str) -> World:
        assert old in self.conf, old
        return self._replace(conf=self.conf.replace(old, new))

    def with_peer_conf(self, old: str, new: str) -> World:
        assert old in self.peer_conf, old
        return self._replace(peer_conf=self.peer_conf.replace(old, new))

    def with_options(self, old: str, new: str) -> World:
        assert old in self.options, old
        return self._replace(options=self.options.replace(old, new))

    def with_host(self, **changes: Any) -> World:
        return self._replace(host={**self.host, **changes})

    def with_file(self, path: str, **changes: Any) -> World:
        return self._replace(files={**self.files, path: good(path)._replace(**changes)})


def right() -> World:
    """Node 1 of a pair of the snippets, with a witness."""
    return World(
        snippet("kachecks.cnf"),
        snippet("keepalived.conf.node1"),
        snippet("keepalived.conf.node2"),
        {},
        {},
    )


Break = Callable[[World], World]


def good(path: str) -> File:
    """Root's, and so is the way to it."""
    directories = [str(each) for each in reversed(Path(path).parents)]
    parts = [Part(each, 0, 0, DIRECTORY) for each in directories]
    return File(path, True, "", (*parts, Part(path, 0, 0, PROGRAM)), True, "/usr/bin/python3")


def config_of(world: World) -> Config:
    return parse(world.options, world.path)


def host_facts(world: World, here: Setup | None) -> HostFacts:
    """Everything well but for what the world says."""
    config = config_of(world)
    paths = [path for command in (here.commands if here else ()) for path in command.paths]
    facts = HostFacts(
        config=config,
        setup=here,
        root=True,
        keepalived=running(here),
        option_file=good(OPTION_FILE),
        files={**{path: good(path) for path in paths}, **world.files},
        users={"root": 0, "keepalived_script": None},
        run_dir=Directory("/run/kachecks", True, file_system="tmpfs"),
        state_dir=Directory("/var/lib/kachecks", True, file_system="ext4"),
        systemd=UNIT,
        server_unit={"Id": "mariadb.service", "UnitFileState": "enabled"},
        made_at_boot=frozenset({"/run/kachecks", "/var/lib/kachecks"}),
        interfaces={"lo": 0x9, "eth0": UP_AND_MULTICAST},
        addresses=(HostAddress("lo", "127.0.0.1", 8), HostAddress("eth0", "10.0.0.1", 24)),
        sysctl={"arp_ignore/all": "0", "arp_ignore/eth0": "0", "promote_secondaries/all": "0"},
        ip_vs=False,
        clock_synchronised=True,
        check_age=0.5,
        interface_towards_peer="eth0",
        passing=CheckRun(CHECK, "root", 0, "OK: …", reason="OK"),
        failing=CheckRun(CHECK, "root", 10, "MYSQLD_DOWN: …", reason="MYSQLD_DOWN"),
    )
    changes = dict(world.host)
    program = facts.keepalived._replace(**changes.pop("program", {}))
    return facts._replace(keepalived=program, **changes)


def findings(world: World, directory: Path, *, with_peer: bool = True) -> list[Finding]:
    """Everything doctor says about it, but for the servers."""
    config = config_of(world)
    mine = read_conf(HERE, _written(directory / "keepalived.conf", world.conf), None)
    permit = f"{config.run_dir}/{config.name}.permit"
    here = mine.conf and setup(HERE, config, mine.conf, frozenset({"10.0.0.2"}), permit, (2, 2, 7))
    found = of_conf(mine, here)
    if with_peer:
        theirs = read_conf(PEER, _written(directory / "peer.conf", world.peer_conf), None)
        assert theirs.conf
        peer = setup(PEER, config, theirs.conf, frozenset({"10.0.0.1"}), permit)
        found += of_conf(theirs, peer)
        found += of_both(Setups(here, peer)) if here else []
    return found + of_host(host_facts(world, here))


def _written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def running(here: Setup | None, *arguments: str) -> KeepalivedProgram:
    """keepalived of Debian 12, which reads our file."""
    conf = ("-f", here.conf.path) if here else ()
    return KeepalivedProgram(
        "/usr/sbin/keepalived", (2, 2, 7), 0, (), ("keepalived", *conf, *arguments), (1 << 41) - 1
    )


def names(found: list[Finding]) -> set[str]:
    """The rules named."""
    return {one.rule.name for one in found}
