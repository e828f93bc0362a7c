"""doctor looks at this host and its network; everything put together."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping
from contextlib import suppress

from kachecks.commands.doctor.conf.setup import Setup
from kachecks.commands.doctor.host import files, kernel, run
from kachecks.commands.doctor.host.facts import File, HostFacts, KeepalivedProgram, LinkSeen
from kachecks.commands.doctor.server.facts import PairFacts
from kachecks.config.options import Config
from kachecks.keepalived import ask_state
from kachecks.keepalived.process import KeepalivedError, NotFound
from kachecks.network import interfaces
from kachecks.node import Node
from kachecks.state.files import CHECK, path_of

_PATIENCE = 10.0  # s, for a check whose timeout keepalived.conf does not say
_ECHO = 1.0  # s, for each witness, and for the peer, to answer
_SETTLES = 5.0  # s; keepalived leaves FAULT at the second good check (``rise``), one a second


def look_at_host(
    node: Node, setup: Setup | None, program: KeepalivedProgram, servers: PairFacts
) -> HostFacts:
    """All facts about this host. The check is run twice at most, each time for no longer than its
    timeout.

    Args:
        servers: what they have just answered.
    """
    config = node.config
    facts = HostFacts(
        config=config,
        setup=setup,
        root=os.geteuid() == 0,
        keepalived=program,
        option_file=files.look_at_file(config.path),
        files={path: files.look_at_file(path) for path in _paths(config, setup)},
        users={name: _uid(name) for name in _names(setup)},
        run_dir=files.look_at_directory(config.run_dir),
        state_dir=files.look_at_directory(config.state_dir),
        systemd=run.systemd_unit(),
        server_unit=_server_unit(servers.here.service if servers.here else None),
        made_at_boot=kernel.made_at_boot(),
        interface_towards_peer=_interface_towards_peer(node),
        interfaces=kernel.interfaces(),
        addresses=kernel.addresses(),
        sysctl=kernel.sysctl(setup.instance.interface if setup and setup.instance else ""),
        ip_vs=kernel.ip_vs(),
        clock_synchronised=kernel.clock_synchronised(),
        check_age=files.age(path_of(config.run_dir, config.name, CHECK)),
        silent_witnesses=_silent_witnesses(node),
        adverts_heard=_adverts_heard(node),
        link=look_at_link(node),
        peer_by_sql=servers.peer_answered,
        peer_pings=peer_pings(node),
        permit=node.marks.read_permit(),
        other_pairs=kernel.other_pairs(config),
    )
    return with_state(node, _with_runs(facts))


def _server_unit(service: str | None) -> Mapping[str, str] | None:
    """Properties of the service that the server runs in. None: not known, or no systemd."""
    if service is None:
        return None
    return run.systemd_unit(service) if service else {}


def _with_runs(facts: HostFacts) -> HostFacts:
    check = facts.setup.check if facts.setup else None
    if check is None:
        return facts
    user = facts.user(check.command.user)
    wrong = _unfit(facts.files[path] for path in check.command.paths if path in facts.files)
    if os.geteuid() not in (0, _uid(user)):
        wrong = f"the check cannot be run as {user}, as keepalived runs it: run doctor as root"
    if wrong:
        return facts._replace(not_run=wrong)
    seconds = float(check.timeout or _PATIENCE)
    return facts._replace(
        passing=run.passing(check.command, user, seconds),
        failing=run.failing(check.command, user, seconds, facts.config),
    )


def _unfit(programs: Iterable[File]) -> str:
    """What root should not run even once."""
    for file in programs:
        if not file.found:
            return f"the check was not run, as {file.path} is not there"
        for part in file.parts:
            if part.unsafe and os.geteuid() == 0:
                return f"the check was not run as root, as {part.unsafe}"
    return ""


def _paths(config: Config, setup: Setup | None) -> list[str]:
    """Programs to look at. Programs without a path are left to another rule."""
    found = [config.alert] if config.alert else []
    for command in setup.commands if setup else ():
        found += command.paths
    for server in setup.real_servers() if setup else ():
        down = server.last("notify_down")
        found += down.value.split()[:1] if down else []
    return [path for path in dict.fromkeys(found) if path.startswith("/")]


def _names(setup: Setup | None) -> list[str]:
    if setup is None:
        return []
    default = setup.setting("script_user")
    named = [command.user for command in setup.commands if command.user]
    return [*named, "keepalived_script", *([default.value] if default else [])]


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _interface_towards_peer(node: Node) -> str:
    """The interface on which kachecks listens and asks unless the option file names one; "" not
    known."""
    try:
        return interfaces.towards(node.config.peer)
    except OSError:
        return ""


def _silent_witnesses(node: Node) -> tuple[str, ...] | None:
    """Those that do not answer ping; None where we may not ask."""
    try:
        return tuple(
            witness
            for witness in node.config.witnesses
            if not node.network.answers([witness], _ECHO)
        )
    except OSError:
        return None


def _adverts_heard(node: Node) -> bool | None:
    """If the VIP is on another host: whether that host's adverts arrive. None if it is not.

    Takes two advert intervals where nothing is heard.
    """
    try:
        if node.network.vip_here() or not node.network.holder_elsewhere():
            return None
        return node.network.hears_peer()
    except OSError:  # no CAP_NET_RAW, no such interface
        return None


def look_at_link(node: Node) -> LinkSeen | None:
    """Who answers for the VIP and for the peer. None where we may not ask, or the VIP has moved
    meanwhile."""
    network, config = node.network, node.config
    try:
        here = network.vip_here()
        vip_macs, peer_macs = network.macs_of_vip(), network.macs_of_peer()
        if network.vip_here() is not here:
            return None
        interface = config.interface or interfaces.towards(config.peer)
        own_mac = interfaces.mac_of(interface).hex(":")
    except OSError:  # no CAP_NET_RAW
        return None
    return LinkSeen(interface, own_mac, here, vip_macs, peer_macs)


def peer_pings(node: Node) -> bool | None:
    """None without a witness, as nobody pings the peer then, and where we may not ask."""
    if node.config.witnesses:
        with suppress(OSError):
            return node.network.answers([node.config.peer], _ECHO)
    return None


def with_state(node: Node, facts: HostFacts) -> HostFacts:
    """With keepalived's state, where the check has just passed and the permit is granted.

    keepalived logs a line each time it is asked. FAULT counts when it is still there after the time
    in which keepalived must have noticed that the check passes.
    """
    if facts.passing is None or facts.passing.status != 0 or not facts.permit:
        return facts
    try:
        state = ask_state.ask_keepalived(node.config.vips).state
        if state == "FAULT":
            node.clock.sleep(_SETTLES)
            state = ask_state.ask_keepalived(node.config.vips).state
    except NotFound:  # KEEPALIVED_RUNS tells
        return facts
    except KeepalivedError as error:
        return facts._replace(state_not_told=str(error))
    return facts._replace(keepalived_state=state)
