"""The failure matrix: every row, what happens in it, and the function that plays it.

The numbers are those of docs/failures.md; where docs/benchmarks.md lists a row, it says the same.
One more row is one more line here and one more function in one of the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from signal import SIGTERM
from types import MappingProxyType
from typing import NamedTuple

from tests.lab.faults import unusable
from tests.lab.matrix import (
    applier,
    blocked,
    boot,
    busy,
    closing,
    cut_in_promotion,
    cut_off,
    disk,
    half_sent,
    hooks,
    keepalived,
    logins,
    mysqld,
    orderly,
    pause,
    power,
    reach,
    readers,
    stale,
    telling,
    unknown_process,
    xa,
)
from tests.lab.matrix.figures import Figures
from tests.lab.observing.lookers import looked_at
from tests.lab.pairs.pair import WITNESS
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS, FLAVOURS

LAST_ON_ALL = 8
"""The last number that is played on further generations of the two families, too."""

_LONG = """
1-half-sent 2-statement 2-reader 5-event 5-reader 6-slow-writes 29-tail
30-cpu-a 30-cpu-b 30-memory 30-disk
31-hung 31-killed
32-log-full 32-log-stopped 32-run-full 32-var-full 32-var-read-only 32-var-hung
33-refused 33-cut 34-lock-tables 34-ddl 34-row-lock 34-backup 34-backups 34-other 34-active
34-our-lock 35-unable
36-icmp 36-one-way 37-start 37-lock 37-asked 37-open
38-failover 39-hung 40-tcp-killed 40-tcp-hung 40-tcp-cut-off 40-tcp-alone
40-namespace-killed 40-namespace-cut-off 43-small 43-slow 43-statement
43-switchover
"""
BY_HAND = frozenset(_LONG.split())
"""Variants that `make test` has no time for: `make rows` plays them, in more than an hour."""

_OUTSIDE = """
8-a-to-b 8-b-to-a 8-b-to-a-return 9-semi-sync 10-a 10-b 11-sql-heals 15-active 15-standby 15-both
15-peer 17-master-start 17-master-lock 17-master-open 17-master-server-lock 17-backup
17-backup-stop 17-down-start 17-down-lock 17-down-waiting 17-down-leaving 17-drop-in 18-silent
20-vrrp 23-lower 24-reload-promotion 24-restart-promotion 24-restart-promotion-drop-in
24-reload-down 24-restart-down 25-active 26-cut 27-witness 32-alert 32-run-read-only 36-reset
12-unfit 26 40-wrong-socket 27 41
"""
ON_ONE = {
    name: list(FLAVOURS)[at % 2] if name != "9-semi-sync" else "mariadb"
    for at, name in enumerate(_OUTSIDE.split())
}
"""Rows about keepalived, hooks, the network or the disk, not about what a server is: `make test`
plays them on this family alone, `make rows` on both."""


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
        """Those it is tested on: variants on the two families alone, or on one of them."""
        if self.name in ON_ONE:
            return {ON_ONE[self.name]: FLAVOURS[ON_ONE[self.name]]}
        return FLAVOURS if self.variant or self.number > LAST_ON_ALL else ALL_FLAVOURS


# fmt: off
_ROWS = (
    Row(1, "", "mysqld killed", mysqld.killed),
    Row(1, "semi-sync", "row 1, semi-synchronous", mysqld.killed_semi_sync),
    Row(1, "half-sent", "mysqld killed as it sends a large transaction", half_sent.killed),
    Row(2, "", "mysqld stopped", orderly.stopped),
    Row(2, "statement", "mysqld stopped by SHUTDOWN", orderly.stopped, {"by": orderly.SHUTDOWN}),
    Row(2, "idle", "mysqld stopped, clients have transactions open",
        orderly.stopped_beside_idle_clients),
    Row(2, "semi-sync", "row 2, semi-synchronous", orderly.stopped_semi_sync),
    Row(2, "reader", "mysqld stopped, its binary log is read by somebody else, too",
        orderly.stopped_beside_a_reader),
    Row(3, "", "mysqld hangs", mysqld.hung),
    Row(4, "", "power-off", power.a_off),
    Row(4, "semi-sync", "row 4, semi-synchronous", power.a_off_semi_sync),
    Row(4, "vrrp3", "power-off, VRRPv3", power.a_off_vrrp3),
    Row(4, "vrrp3-alone", "power-off, VRRPv3, no witness", power.a_off_vrrp3_alone),
    Row(5, "", "`notify_down`", keepalived.leaves, {"by": "notify_down"}),
    Row(5, "drop-in", "`systemctl stop keepalived`, with the drop-in",
        keepalived.leaves, {"by": "systemctl"}),
    Row(5, "reader", "`notify_down`, its binary log is read through the VIP",
        keepalived.leaves_with_a_reader, {"by": "notify_down"}),
    Row(5, "event", "`notify_down`, and there is an event",
        keepalived.leaves_with_an_event, {"by": "notify_down"}),
    Row(6, "", "keepalived stopped", keepalived.stopped),
    Row(6, "slow-writes", "keepalived stopped, a statement of half a second runs",
        keepalived.stopped_among_slow_writes),
    Row(6, "hung", "keepalived stopped, mysqld hangs", keepalived.stopped_mysqld_hung),
    Row(7, "", "keepalived killed", keepalived.killed),
    Row(8, "", "VRRP blocked", blocked.vrrp_blocked, {"deaf_ones": "ab"}),
    Row(8, "a-to-b", "A's adverts blocked", blocked.vrrp_blocked, {"deaf_ones": "b"}),
    Row(8, "b-to-a", "B's adverts blocked", blocked.vrrp_blocked_to_a),
    Row(8, "b-to-a-return", "the same, A's mysqld dies and is back", blocked.deaf_a_returns),
    Row(9, "", "A cut off", cut_off.a_cut_off),
    Row(9, "semi-sync", "row 9, semi-synchronous, applications on A's host",
        cut_off.a_cut_off_semi_sync),
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
    Row(29, "", "bulk UPDATE, online ALTER, replayed log", busy.at_hard_work),
    Row(29, "tail", "B applies an old tail of A", busy.old_tail),
    Row(30, "cpu-a", "A has a tenth of a CPU", busy.starved, {"on": "a", "cpu": 0.1}),
    Row(30, "cpu-b", "B has a tenth of a CPU", busy.starved, {"on": "b", "cpu": 0.1}),
    Row(30, "memory", "A has hardly any memory left",
        busy.starved, {"on": "a", "memory": 48 << 20}),
    Row(30, "disk", "A's disk does twenty writes a second",
        busy.starved, {"on": "a", "writes": 20}),
    Row(31, "killed", "row 1, looked at all the while", mysqld.killed, {"beside": looked_at}),
    Row(31, "hung", "row 3, looked at all the while", mysqld.hung, {"beside": looked_at}),
    Row(32, "log-full", "/dev/log full, then mysqld killed",
        telling.log, {"fault": unusable.log_full}),
    Row(32, "log-stopped", "log daemon stopped, then mysqld killed",
        telling.log, {"fault": unusable.log_stopped}),
    Row(32, "alert", "`alert` on a hung file system, then mysqld killed", telling.alert),
    Row(32, "run-full", "/run full on A, then mysqld killed",
        telling.run_directory, {"fault": unusable.run_full}),
    Row(32, "run-read-only", "/run read-only on A, then mysqld killed",
        telling.run_directory, {"fault": unusable.run_read_only}),
    Row(32, "var-full", "/var full, then mysqld killed",
        telling.state_directory, {"fault": unusable.var_full}),
    Row(32, "var-read-only", "/var read-only, then mysqld killed",
        telling.state_directory, {"fault": unusable.var_read_only}),
    Row(32, "var-hung", "/var hung, then mysqld killed", telling.state_hung),
    Row(33, "stopped", "B's receiver stopped, then A dies", stale.receiver_stopped),
    Row(33, "refused", "A refuses B's receiver, then dies", stale.receiver_refused),
    Row(33, "cut", "SQL cut while A serves, then A dies", stale.sql_cut),
    Row(34, "", "B read-locked (FTWRL), then A dies", readers.on_the_standby, {"by": "ftwrl"}),
    Row(34, "lock-tables", "B's table read-locked, then A dies",
        readers.on_the_standby, {"by": "lock-tables"}),
    Row(34, "ddl", "an idle transaction on B before a DDL, then A dies",
        readers.on_the_standby, {"by": "ddl"}),
    Row(34, "row-lock", "rows locked on B by a reader, then A dies",
        readers.on_the_standby, {"by": "row-lock"}),
    Row(34, "backup", "B's backup lock held, then A dies",
        readers.on_the_standby, {"by": "backup"}),
    Row(34, "other", "a table locked on B that nothing waits for, then A dies",
        readers.on_the_standby, {"by": "other"}),
    Row(34, "our-lock", "the lock of our promotion held on B, then A dies",
        readers.on_the_standby, {"by": "our-lock"}),
    Row(34, "dump", "B is being dumped (mysqldump, mariadb-dump), then A dies", readers.dumped),
    Row(34, "backups", "backups on both (mysqldump, mariadb-backup), then A dies",
        readers.backed_up),
    Row(34, "active", "A read-locked (FTWRL) for 15 s", readers.on_the_active),
    Row(35, "unable", "B's mysqld in forced recovery, then A dies", mysqld.killed_b_unable),
    Row(35, "", "B's account may not open, then A dies", logins.may_not_open),
    Row(36, "reset", "SQL rejected (tcp-reset), VRRP blocked",
        blocked.sql_rejected, {"how": "tcp-reset"}),
    Row(36, "icmp", "SQL rejected (ICMP), VRRP blocked",
        blocked.sql_rejected, {"how": "icmp-port-unreachable"}),
    Row(36, "one-way", "SQL rejected at A alone, VRRP blocked, with a witness",
        blocked.sql_rejected, {"how": "tcp-reset", "at": "a", "witness": WITNESS}),
    *(
        Row(37, at, f"A cut off while B fences it: {said}", cut_in_promotion.fencing, {"at": at})
        for at, said in cut_in_promotion.POINTS.items()
    ),
    Row(38, "", "XA transactions prepared, A hands over", xa.switchover),
    Row(38, "failover", "XA transactions prepared, A dies", xa.failover),
    Row(39, "", "mysqld stopped, keepalived may not kill it", unknown_process.hardened_stopped),
    Row(39, "hung", "mysqld hangs, keepalived may not kill it", unknown_process.hardened_hung),
    Row(40, "tcp-killed", "row 1, mysqld reached by TCP", mysqld.killed, {"reach": reach.by_tcp}),
    Row(40, "tcp-hung", "row 3, mysqld reached by TCP",
        unknown_process.hung_by_tcp, two_writers=True),
    Row(40, "tcp-cut-off", "row 9, mysqld reached by TCP",
        cut_off.a_cut_off, {"reach": reach.by_tcp}),
    Row(40, "tcp-alone", "row 25, mysqld reached by TCP", unknown_process.b_starts_alone_by_tcp),
    Row(40, "namespace-killed", "row 1, mysqld in another pid namespace",
        mysqld.killed, {"reach": reach.from_another_namespace}),
    Row(40, "namespace-cut-off", "row 9, mysqld in another pid namespace",
        cut_off.a_cut_off, {"reach": reach.from_another_namespace}),
    Row(40, "wrong-socket", "a typo in `socket =` on A", unknown_process.wrong_socket),
    Row(41, "", "the witness silent while B is off", power.b_off_witness_silent),
    Row(43, "", "mysqld stopped in a commit of 265 MB", orderly.stopped_in_a_commit),
    Row(43, "small", "mysqld stopped in a commit of 30 MB",
        orderly.stopped_in_a_commit, {"rows": 1 << 15}),
    Row(43, "slow", "mysqld stopped in a commit of 130 MB, a link of 200 Mbit/s",
        orderly.stopped_in_a_commit, {"rows": 1 << 17, "link": "200mbit"}),
    Row(43, "statement", "mysqld stopped by SHUTDOWN in a commit of 265 MB",
        orderly.stopped_in_a_commit, {"by": orderly.SHUTDOWN}),
    Row(43, "switchover", "switchover in a commit of 265 MB", orderly.switchover_in_a_commit),
)
# fmt: on
ROWS = {row.name: row for row in _ROWS}
