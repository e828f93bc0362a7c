"""mysqld's process is unknown, or may not be killed, or its socket cannot be found."""

from __future__ import annotations

import signal
import time

from tests.lab.matrix.figures import Figures
from tests.lab.matrix.reach import by_tcp
from tests.lab.matrix.scenario import SERVED_BY_A, playing
from tests.lab.observing.release import WatchedRelease
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import check, said_in_json
from tests.lab.pairs.pair import VIP
from tests.lab.records import handover
from tests.lab.servers.flavour import Flavour

HARDENED = ("setpriv", "--bounding-set=-kill,-sys_ptrace", "--inh-caps=-kill,-sys_ptrace")
NOBODY = 65534

HUNG_AND_KEPT = 10.0
"""Seconds after which a hung mysqld would have been killed: hung_after, fence_timeout, and more."""

MISSED = 1.5
"""Seconds of writes that B misses."""

REFUSED_FOR = 5.0
KEPT_FOR = 6.0
"""Seconds: a refused connection has led to SIGKILL after 4.9."""


def hardened_stopped(flavour: Flavour) -> Figures:
    """keepalived's unit without CAP_KILL and CAP_SYS_PTRACE; mysqld is another user's."""
    with playing(flavour, keepalived_under=HARDENED, server_uid=NOBODY) as scenario:
        _, said = said_in_json(scenario.a, "doctor")
        assert "KEEPALIVED_CAPABILITIES" in [each["rule"] for each in said["findings"]], said
        with WatchedRelease(scenario.a) as release:
            scenario.fault("mysqld on A stopped, keepalived hardened")
            scenario.a.kill_mysqld(signal.SIGTERM)
            scenario.wait_for_write_on(scenario.b)
        release.must_have_come_after_mysqld()
        return scenario.end_on_b()


def hardened_hung(flavour: Flavour) -> Figures:
    """The same; it hangs: A may not kill it, says so, and keeps the VIP until it has ended."""
    with playing(flavour, keepalived_under=HARDENED, server_uid=NOBODY) as scenario:
        a = scenario.a
        with WatchedRelease(a) as release:
            mark = scenario.fault("SIGSTOP of mysqld on A, keepalived hardened")
            a.kill_mysqld(signal.SIGSTOP)
            scenario.wait_since(mark, HUNG_AND_KEPT)
            assert a.has_vip(VIP), f"the VIP has left a living mysqld: {scenario.audit()}"
            a.wait_for_syslog("CAP_KILL")
            a.kill_mysqld(signal.SIGKILL)
            scenario.wait_for_write_on(scenario.b)
        release.must_have_come_after_mysqld()
        return scenario.end_on_b("demote: not closed", "demote: dead")


def hung_by_tcp(flavour: Flavour) -> Figures:
    """It cannot be killed: B waits until A has had its time, and opens; A's check closes it when it
    wakes up. Until then, for a second or two, both are open."""
    with by_tcp(flavour, {}) as scenario:
        a, b = scenario.a, scenario.b
        scenario.fault("SIGSTOP of mysqld on A, reached by TCP")
        a.kill_mysqld(signal.SIGSTOP)
        scenario.wait_for_write_on(b, timeout=25)
        assert not a.has_vip(VIP)
        a.kill_mysqld(signal.SIGCONT)
        scenario.wait_until(lambda: not scenario.pair.is_open(a), 5, "A's check to close A")
        audit = {"a": ("demote: stuck", "demote: closed"), "b": ("promote: opened",)}
        scenario.bring_back(a)
        return scenario.end(Expect(holder="b", audit=audit, both_open=5.0))


def b_starts_alone_by_tcp(flavour: Flavour) -> Figures:
    """B's mysqld down for many writes, then A off, then B's mysqld starts: its contact is over."""
    with by_tcp(flavour, {}) as scenario:
        a, b = scenario.a, scenario.b
        b.stop_mysqld()
        time.sleep(MISSED)
        scenario.wait_for_write_on(a)
        a.power_off()
        mark = scenario.fault("B's mysqld starts alone, reached by TCP")
        b.start_mysqld()
        scenario.wait_until(
            lambda: any("cold_start" in str(entry.get("why")) for entry in b.audit()),
            20,
            "B to refuse, as it may lack writes",
        )
        time.sleep(REFUSED_FOR)
        opened = handover.opened_by(scenario.record(), b.name, mark.time)
        assert opened is None, scenario.audit()
        a.power_on()
        a.start_mysqld()
        a.start_keepalived()
        scenario.observer.wait_for_write(timeout=30)
        scenario.bring_back_who_does_not_serve()
        return scenario.end(Expect())


def wrong_socket(flavour: Flavour) -> Figures:
    """The option file of A names a socket that is not there: nothing moves, nobody is killed."""
    with playing(flavour) as scenario:
        a = scenario.a
        server = a.mysqld_pid()
        mark = scenario.fault("a typo in `socket =` on A")
        scenario.pair.set_options(a, {"client.socket": "/run/mysqld/mysqld.sokc"})
        scenario.wait_since(mark, KEPT_FOR)
        said = check(a)
        assert (said["reason"], said["exit"]) == ("UNKNOWN", 0), said
        assert "lives and listens" in said["sentence"], said
        a.wait_for_syslog("lives and listens")
        scenario.pair.set_options(a, {})
        scenario.wait_until(lambda: check(a)["reason"] == "OK", 5, "A's check to be well again")
        assert a.mysqld_pid() == server, "mysqld has been killed"
        figures = scenario.end(SERVED_BY_A)
        scenario.must_not_have_left_a(mark)
        return figures
