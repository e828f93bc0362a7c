"""notify_backup: how long notify_stop waits for a server, and a kernel that does not tell."""

import errno
from types import SimpleNamespace

import pytest

from kachecks.hooks import notify_backup
from kachecks.hooks.common import DONE
from kachecks.hooks.notify_backup import stop_patience
from tests.unit.doubles.changing import failing
from tests.unit.doubles.simulation import CLOSED, World, active


@pytest.mark.parametrize(("age", "patience"), [(0.0, 0.6), (0.1, 0.5), (0.5, 0.3), (7.0, 0.3)])
def test_a_busy_host_gets_what_its_start_has_left(age: float, patience: float) -> None:
    """keepalived kills the hook one second after it has sent SIGTERM to itself."""
    world = World()
    world.time += age
    assert stop_patience(world.node) == pytest.approx(patience)


def test_the_age_of_this_process_is_not_needed() -> None:
    world = World()
    world.clock.seconds_running = failing(OSError(errno.EMFILE, "Too many open files"))
    assert stop_patience(world.node) == 0.3


def test_another_error_closes_no_server_that_has_the_vip(monkeypatch: pytest.MonkeyPatch) -> None:
    world = active()
    monkeypatch.setattr(notify_backup, "reconcile", failing(OSError(errno.EMFILE, "/proc/net/tcp")))
    world.vip = True
    with pytest.raises(OSError, match="/proc/net/tcp"):
        notify_backup._demote(world.node, SimpleNamespace(stop=False))
    assert world.b.access != CLOSED


def test_it_closes_where_the_kernel_does_not_tell_of_the_vip() -> None:
    """keepalived has told."""
    world = active()
    world.network.vip_here = failing(OSError(errno.ENFILE, "Too many open files in system"))
    options = SimpleNamespace(stop=False, verbose=False, dry_run=False)
    assert notify_backup._demote(world.node, options) == DONE
    assert world.b.access == CLOSED
