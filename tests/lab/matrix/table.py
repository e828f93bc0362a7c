"""The failure matrix: every row, what happens in it, and the function that plays it.

The numbers are those of docs/failures.md; where docs/benchmarks.md lists a row, it says the same.
One more row is one more line here and one more function in one of the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from signal import SIGTERM
from types import MappingProxyType
from typing import NamedTuple

from tests.lab.matrix import (
    applier,
    blocked,
    boot,
    closing,
    cut_off,
    disk,
    hooks,
    keepalived,
    logins,
    mysqld,
    pause,
    power,
)
from tests.lab.matrix.figures import Figures
from tests.lab.pairs.pair import WITNESS
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS, FLAVOURS

LAST_ON_ALL = 8
"""The last number that is played on further generations of the two families, too."""


class Row(NamedTuple):
    """A scenario. After each the checks of `verify` hold, in what its Expect does not change."""

    number: int
    variant: str
    what: str
    function: Callable[..., Figures]
    arguments: Mapping[str, object] = MappingProxyType({})
    """What the function is called with besides the flavour."""
    two_writers: bool = False
    """Two open servers are measured, not forbidden."""

    def play(self, flavour: Flavour) -> Figures:
        return self.function(flavour, **self.arguments)

    @property
    def name(self) -> str:
        return f"{self.number}-{self.variant}" if self.variant else str(self.number)

    @property
    def flavours(self) -> dict[str, Flavour]:
        """Those it is tested on: variants on the two families alone."""
        return FLAVOURS if self.variant or self.number > LAST_ON_ALL else ALL_FLAVOURS


# fmt: off
_ROWS = (
    Row(1, "", "mysqld killed", mysqld.killed),
    Row(1, "semi-sync", "row 1, semi-synchronous", mysqld.killed_semi_sync),
    Row(2, "", "mysqld stopped", mysqld.stopped),
    Row(3, "", "mysqld hangs", mysqld.hung),
    Row(4, "", "power-off", power.a_off),
    Row(4, "semi-sync", "row 4, semi-synchronous", power.a_off_semi_sync),
    Row(4, "vrrp3", "power-off, VRRPv3", power.a_off_vrrp3),
    Row(5, "", "`notify_down`", keepalived.leaves, {"by": "notify_down"}),
    Row(5, "drop-in", "`systemctl stop keepalived`, with the drop-in",
        keepalived.leaves, {"by": "systemctl"}),
    Row(6, "", "keepalived stopped", keepalived.stopped),
    Row(6, "hung", "keepalived stopped, mysqld hangs", keepalived.stopped_mysqld_hung),
    Row(7, "", "keepalived killed", keepalived.killed),
    Row(8, "", "VRRP blocked", blocked.vrrp_blocked, {"deaf_ones": "ab"}),
    Row(8, "a-to-b", "A's adverts blocked", blocked.vrrp_blocked, {"deaf_ones": "b"}),
    Row(8, "b-to-a", "B's adverts blocked", blocked.vrrp_blocked_to_a),
    Row(8, "b-to-a-return", "the same, A's mysqld dies and is back", blocked.deaf_a_returns),
    Row(9, "", "A cut off", cut_off.a_cut_off),
    Row(10, "a", "A's client network dead", cut_off.clients_of_a),
    Row(10, "b", "B's client network dead", cut_off.clients_of_b),
    Row(11, "", "VRRP and SQL blocked", blocked.vrrp_and_sql_blocked),
    Row(11, "sql-heals", "as row 11, SQL heals first, then mysqld killed", blocked.sql_heals),
    Row(11, "sql", "SQL alone blocked, then mysqld killed", blocked.sql_blocked),
    Row(12, "", "disk full", disk.full),
    Row(12, "low", "less than `min_free` left", disk.nearly_full),
    Row(12, "unfit", "disk full, B unfit", disk.nearly_full_b_unfit),
    Row(13, "", "`max_connections` used up", logins.connections_used_up),
    Row(14, "", "B applies late, then A dies", applier.late),
    Row(15, "active", "the check's password wrong on A", logins.wrong_password, {"on": "a"}),
    Row(15, "standby", "the check's password wrong on B", logins.wrong_password, {"on": "b"}),
    Row(15, "both", "both checks' password wrong", logins.wrong_password, {"on": "ab"}),
    Row(15, "peer", "B cannot ask A, and A hands over", logins.wrong_for_the_peer),
    Row(16, "", "B's applier broken, then A dies", applier.broken),
    Row(16, "drain", "B's applier breaks in the takeover", applier.breaks_in_the_drain),
    Row(16, "open", "as row 16, `on_broken_replica = open`", applier.broken_and_open),
    Row(17, "master-start", "`notify_master` killed at its start", hooks.master, {"at": "start"}),
    Row(17, "master-lock", "`notify_master` killed with the lock", hooks.master, {"at": "lock"}),
    Row(17, "master-server-lock", "`notify_master` killed at a server lock", hooks.master_waits),
    Row(17, "master-drain", "`notify_master` killed as it drains", hooks.master_drain),
    Row(17, "master-open", "`notify_master` killed as it opens", hooks.master, {"at": "open"}),
    Row(17, "backup", "`notify_backup` killed", hooks.backup),
    Row(17, "backup-stop", "`notify_stop` killed", hooks.backup_stop),
    Row(17, "down-start", "`notify_down` killed at its start", hooks.down_start),
    Row(17, "down-lock", "`notify_down` killed with the lock", hooks.down_lock),
    Row(17, "down-waiting", "`notify_down` killed as it waits for B", hooks.down_waiting),
    Row(17, "down-leaving", "`notify_down` killed as the VIP leaves", hooks.down_leaving),
    Row(17, "drop-in", "the drop-in's ExecStop killed", hooks.drop_in),
    Row(18, "", "link flaps", cut_off.flapping),
    Row(18, "silent", "link flaps, the interface notices nothing", cut_off.flapping_silently),
    Row(19, "", "A must close among locks and long statements", closing.in_time),
    Row(19, "returning", "as row 19, and root connects again and again",
        closing.in_time, {"returning": True}),
    Row(20, "", "both boot at once", boot.both),
    Row(20, "vrrp", "both boot at once, VRRP blocked", boot.both, {"vrrp": False}),
    Row(21, "", "A returns with commits of its own", power.a_off_with_commits_of_its_own),
    Row(22, "", "mysqld restarts within a second", mysqld.restarted),
    Row(22, "clean", "`systemctl restart mysql`", mysqld.restarted, {"sig": SIGTERM}),
    Row(22, "broken-standby", "as row 22, B's applier broken", mysqld.restarted_b_broken),
    Row(23, "", "VIP removed by hand", keepalived.vip_removed),
    Row(23, "lower", "VIP removed by hand on B", keepalived.vip_removed_on_b),
    Row(24, "reload-promotion", "keepalived reloaded in a promotion",
        keepalived.in_promotion, {"by": "reload"}),
    Row(24, "restart-promotion", "keepalived restarted in a promotion",
        keepalived.in_promotion, {"by": "restart"}),
    Row(24, "restart-promotion-drop-in", "as row 24, with the drop-in",
        keepalived.in_promotion, {"by": "systemctl"}),
    Row(24, "reload-down", "keepalived reloaded in a `notify_down`",
        keepalived.in_notify_down, {"by": "reload"}),
    Row(24, "restart-down", "keepalived restarted in a `notify_down`",
        keepalived.in_notify_down, {"by": "systemctl"}),
    Row(25, "", "one node boots alone", boot.b_alone),
    Row(25, "active", "A boots alone after B served", boot.a_alone),
    Row(26, "", "A paused, its kernel answers", pause.paused, {"cut": False}, two_writers=True),
    Row(26, "cut", "A paused, its link silent", pause.paused, {"cut": True}, two_writers=True),
    Row(27, "", "B loses power", power.b_off),
    Row(27, "witness", "B loses power, with a witness", power.b_off, {"witness": WITNESS}),
)
# fmt: on
ROWS = {row.name: row for row in _ROWS}
