"""A look at both nodes. Everything is asked at the same time, so that no answer waits for
another."""

from __future__ import annotations

import os
import time
from typing import Any

from kachecks.asking import Asking
from kachecks.bounded import GivenUp
from kachecks.check.one_run import run_check
from kachecks.check.verdict import Verdict
from kachecks.commands.status.facts import (
    NO_KEEPALIVED,
    MarksSeen,
    NodeSeen,
    ServerSeen,
    Status,
)
from kachecks.commands.status.judgement import judged
from kachecks.commands.status.keepalived_state import KeepalivedState, must_run
from kachecks.commands.status.servers import STATEMENT, Reached, compared, reach
from kachecks.config.options import Config
from kachecks.keepalived.process import KeepalivedError, NotFound
from kachecks.keepalived.vrrp_state import Vrrp
from kachecks.mysql.errors import ABSENT, CLOSED, MUTE, OPEN, UNKNOWN, word_for
from kachecks.mysql.probe import probe_identity
from kachecks.mysql.session import NoAnswer, Session, SessionError, Unreachable
from kachecks.network import interfaces
from kachecks.node import Node, Outside, Servers
from kachecks.state.audit_log import History, NoHistory
from kachecks.state.files import CHECK, path_of
from kachecks.state.transition import Transition

LOOK = 0.95
"""Seconds for everything that is asked at the same time. A silent peer takes 0.7 of them
(session)."""

VERDICT = 2.5
"""Seconds for the rules of the check, if both servers have answered: some rules look twice, a
second apart."""

PEER_CONNECT = 0.4
"""Seconds for the driver to connect to the peer; a second SYN follows for 0.3 s (session)."""

ADVERT = 1.15
"""Advert intervals for which a standby waits to hear the other node, but LONGEST_ADVERT seconds at
most. It is a little more than one, as adverts are not always on time."""

LONGEST_ADVERT = 1.2
"""Seconds."""


class TooLate(NoAnswer):
    """This host has had no answer when the look had to end, and may itself be what is slow: a
    server that does not answer a connection in time is another error."""


class HurriedServers(Servers):
    """Servers for somebody who does not want to wait as long as the check does."""

    def connect_peer(self, timeout: float) -> Session:
        """Connect as ever, but within PEER_CONNECT seconds. Raises SessionError."""
        return super().connect_peer(min(timeout, PEER_CONNECT))

    def connect_vip(self, timeout: float) -> Session:
        """The same for whoever has the VIP. Raises SessionError."""
        return super().connect_vip(min(timeout, PEER_CONNECT))


def _word_for(trouble: Exception | None) -> str:
    if trouble is None:
        return ""
    return word_for(trouble) if isinstance(trouble, SessionError) else UNKNOWN


def hurried_node(config: Config) -> Node:
    """The real node, which waits for its peer less long than the check does."""
    outside = Outside(config)
    outside.servers = HurriedServers(config)
    return Node(config, outside)


class Looking:
    """Looks at the pair again and again. A question that hangs is not asked a second time."""

    def __init__(self, node: Node, asking: Asking, for_monitoring: bool = False) -> None:
        """Args: ``for_monitoring``: this is one look of many, each by a process of its own. It
        asks keepalived nothing, and does not wait for adverts."""
        self._node = node
        self._asking = asking
        self._for_monitoring = for_monitoring
        self._ask_keepalived = must_run if for_monitoring else KeepalivedState(node).ask
        self._history = History(node.config.state_dir, node.config.name)

    def look(self) -> Status:
        """One look, about a second. Raises OSError: the kernel's tables cannot be read."""
        node, config = self._node, self._node.config
        begun = time.monotonic()
        # This forks a child, which is best done before any thread exists.
        transitions, transitions_said = self._transitions()
        self._ask_all()
        reached_here, trouble_here = self._answer("here", LOOK)
        reached_there, trouble_there = self._answer("there", LOOK)
        own = interfaces.own_address(config.peer)
        disks_said = _disks_said(node, reached_here)
        try:
            here_now = compared(reached_here, reached_there, config.peer)
            there_now = compared(reached_there, reached_here, own)
        finally:
            for each in (reached_here, reached_there):
                if each is not None:
                    each.session.close()
        patience = LOOK if here_now is None or there_now is None else VERDICT
        here, check_seconds = self._here(here_now, trouble_here, own, patience)
        there = self._there(there_now, trouble_there, here)
        marks, marks_said = marks_seen(node)
        return Status(
            time=time.time(),
            pair=config.name,
            vips=config.vips,
            here=here,
            there=there,
            marks=marks,
            marks_said=marks_said,
            transitions=transitions,
            transitions_said=transitions_said,
            disks_said=disks_said,
            check_seconds=check_seconds,
            look_seconds=time.monotonic() - begun,
        )

    def _ask_all(self) -> None:
        node, ask = self._node, self._asking.ask
        ask("here", lambda: reach(node.servers.connect_local(LOOK)))
        ask("there", lambda: reach(node.servers.connect_peer(PEER_CONNECT)))
        ask("holder", node.network.holder_elsewhere)
        ask("on link", node.network.peer_on_link)
        ask("adverts", node.network.hears_peer)
        ask("no vrrp", node.network.peer_has_no_vrrp)
        ask("vrrp", self._ask_keepalived)
        ask("verdict", lambda: _timed_check(node))

    # --- the two nodes ---

    def _here(
        self, server: ServerSeen | None, trouble: Exception | None, address: str, patience: float
    ) -> tuple[NodeSeen, float | None]:
        """This node, and the seconds that its check has taken."""
        node = self._node
        vip = node.network.vip_here()
        vrrp, vrrp_state, vrrp_said = self._vrrp()
        verdict, seconds, verdict_said = self._verdict(patience)
        seen = NodeSeen(
            name=os.uname().nodename,
            address=address,
            vip=vip,
            vip_said="in the kernel's address table" if vip else "not among this host's addresses",
            vrrp=vrrp,
            vrrp_state=vrrp_state,
            vrrp_said=vrrp_said,
            server=server,
            trouble=_said(trouble),
            promoting=vip and node.lock.purpose_of_holder() == "promote",
            verdict=verdict,
            verdict_said=verdict_said,
        )
        return seen, seconds

    def _there(
        self, server: ServerSeen | None, trouble: Exception | None, here: NodeSeen
    ) -> NodeSeen:
        config = self._node.config
        vip, vip_said = self._vip_elsewhere(here.address, server)
        state, said = self._adverts(wait=not (here.vip or self._for_monitoring))
        other = {True: OPEN, False: CLOSED, None: ABSENT}[here.open]
        verdict, verdict_said = None, "nothing answers at its address"
        if isinstance(trouble, TooLate):
            verdict_said = str(trouble)
        elif not isinstance(trouble, Unreachable):
            verdict_said = "as far as SQL tells, without its disks, its marks, its network"
            word = _word_for(trouble)
            hurried = f"; asked for less than hung_after = {config.hung_after:g} s"
            verdict = judged(
                server,
                word,
                _said(trouble) + (hurried if word == MUTE else ""),
                vip,
                other,
                config._replace(peer=here.address),
            )
        name = server.host if server is not None and server.host != here.name else None
        return NodeSeen(
            name=name or config.peer,
            address=config.peer,
            vip=vip,
            vip_said=vip_said,
            vrrp=None,
            vrrp_state=state,
            vrrp_said=said,
            server=server,
            trouble=_said(trouble),
            promoting=False,
            verdict=verdict,
            verdict_said=verdict_said,
        )

    def _vrrp(self) -> tuple[Vrrp | None, str, str]:
        """keepalived's own values; its state; how that is known, or why it is not."""
        vrrp, error = self._answer("vrrp", LOOK)
        if isinstance(error, NotFound):
            return None, NO_KEEPALIVED, str(error)
        if error is not None:
            return None, "", _said(error)
        return vrrp, vrrp.state, "told by keepalived"

    def _verdict(self, patience: float) -> tuple[Verdict | None, float | None, str]:
        """It, the seconds that it took, and how it is known, or why it is not."""
        answer, error = self._answer("verdict", patience)
        if error is None:
            return *answer, "by the rules of check_mysql, just now"
        if not isinstance(error, NoAnswer):
            return None, None, f"the check cannot look: {_said(error)}"
        last = self._node.marks.last_verdict()
        said = f"the check needs longer than {patience:g} s"
        return None, None, f"{said}; keepalived's last one said {last}" if last else said

    # --- the network ---

    def _vip_elsewhere(self, own: str, server: ServerSeen | None) -> tuple[bool | None, str]:
        """Whether another host has the VIP, which only the link can tell for certain."""
        mac, error = self._answer("holder", LOOK)
        if isinstance(error, PermissionError):
            return self._server_at_vip(server)
        if error is not None:
            return None, _said(error)
        if mac:
            return True, f"{mac} answers for it on the link"
        if not self._node.config.interface and not own:
            return None, "no route to the peer, so no link to ask on"
        if server is not None and not self._answer("on link", LOOK)[0]:
            return None, "nothing answers on the link, not even the peer for its own address"
        return False, "no other host answers for it on the link"

    def _server_at_vip(self, server: ServerSeen | None) -> tuple[bool | None, str]:
        """Whether it is the other node's server that clients get there: what SQL can tell to an
        account that may not ask the link."""
        vip, only = self._node.config.vips[0], "only root may ask the link"
        self._asking.ask("at VIP", lambda: _who_answers(self._node.servers.connect_vip(LOOK)))
        identity, error = self._answer("at VIP", LOOK)
        if isinstance(error, Unreachable):
            return False, f"nothing answers at {vip} ({only})"
        if error is not None:
            return None, f"{only}, and MySQL does not tell at {vip}: {_said(error)}"
        if server is None:
            return None, only
        if identity == server.facts.identity:
            return True, f"its server answers at {vip}"
        return False, f"another server answers at {vip}"

    def _adverts(self, wait: bool) -> tuple[str, str]:
        """MASTER if the other node's adverts are heard. Its other states cannot be told from
        here."""
        seconds = min(ADVERT * self._node.config.advert_int, LONGEST_ADVERT) if wait else 0.0
        heard, error = self._answer("adverts", seconds)
        if error is not None and not isinstance(error, NoAnswer):
            return "", _said(error, "only root may listen")
        if heard:
            return "MASTER", "its adverts are heard"
        if self._answer("no vrrp", LOOK)[0]:
            return NO_KEEPALIVED, "its kernel says that no keepalived runs there"
        return "", "no advert of it is heard"

    # --- answers ---

    def _answer(self, name: str, seconds: float) -> tuple[Any, Exception | None]:
        """The answer, or why there is none. What goes wrong in one place must not hide the rest."""
        try:
            return self._asking.answer(name, seconds), None
        except GivenUp as error:
            return None, TooLate(str(error))
        except Exception as error:  # noqa: BLE001 - shown in its place on the screen
            return None, error

    def _transitions(self) -> tuple[tuple[Transition, ...] | None, str]:
        try:
            return self._history.last_transitions(), ""
        except NoHistory as error:
            return None, str(error)


def _timed_check(node: Node) -> tuple[Verdict, float]:
    """The verdict, and the seconds that it took. Raises what the check raises."""
    begun = time.monotonic()
    verdict = run_check(node, act=False)
    return verdict, time.monotonic() - begun


def _who_answers(session: Session) -> str:
    """The identity of this session's server; the session is closed. Raises SessionError."""
    try:
        return probe_identity(session, STATEMENT).identity
    finally:
        session.close()


def _disks_said(node: Node, reached: Reached | None) -> str:
    """Why the check sees nothing of the disks of a server that has answered. It looks at them as
    mysqld sees them."""
    if reached is None:
        return ""
    process = node.servers.process_of(reached.session)
    if process is None or not process.known:
        return "which process mysqld is cannot be told"
    try:
        os.readlink(f"/proc/{process.pid}/root")
    except PermissionError:
        return "only root may look at them as mysqld sees them"
    except OSError as error:
        return f"they cannot be looked at as mysqld sees them: {error.strerror}"
    return ""


def _said(error: Exception | None, not_permitted: str = "") -> str:
    """The error as a sentence for people, "" if there is none."""
    if error is None:
        return ""
    if isinstance(error, PermissionError) and not_permitted:
        return not_permitted
    if isinstance(error, (SessionError, KeepalivedError, OSError)):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}"


def marks_seen(node: Node) -> tuple[MarksSeen | None, str]:
    """What the marks say, or why they cannot be read."""
    config = node.config
    hidden = _hidden(config.run_dir, config.name)
    if hidden:
        return None, hidden
    mark = node.marks.gave_way()
    found = MarksSeen(
        gave_way="" if mark is None else mark.why,
        gave_way_ago=0.0 if mark is None else node.clock.now() - mark.at,
        leaving=node.marks.is_leaving(),
        permit=node.marks.read_permit(),
        maintenance=node.current_maintenance(),
        at_work=node.lock.purpose_of_holder(),
        last_verdict=node.marks.last_verdict(),
        check_age=_check_age(config),
    )
    return found, ""


def _check_age(config: Config) -> float | None:
    """Every run with --fence locks this file, which dates it; none by hand without it does."""
    try:
        return max(time.time() - os.stat(path_of(config.run_dir, config.name, CHECK)).st_mtime, 0.0)
    except OSError:
        return None


def _hidden(run_dir: str, name: str) -> str:
    """Why the marks cannot be read, "" if they can."""
    try:
        files = [each for each in os.listdir(run_dir) if each.startswith(f"{name}.")]
    except OSError as error:
        return f"{run_dir} cannot be read: {error.strerror}"
    if all(os.access(f"{run_dir}/{each}", os.R_OK) for each in files):
        return ""
    return f"only root may read them in {run_dir}"
