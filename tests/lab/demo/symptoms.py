"""What an operator sees when something is wrong, as docs/troubleshooting.md shows it.

    python -m tests.lab.demo.symptoms [--flavour mysql] [nowhere both …]

brings about each symptom on a pair of its own, and prints the commands that tell which it is, with
what they said.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

from tests.lab.demo.chosen import chosen
from tests.lab.error import LabError
from tests.lab.faults.partition import deafen
from tests.lab.matrix.applier import unlogged
from tests.lab.pairs.commands import check, is_fit, run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pairs.systemd import stop_keepalived
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER


def nowhere(pair: Pair) -> None:
    """The standby's applier has stopped with an error, then A dies."""
    _break_applier(pair)
    pair.wait_until(lambda: check(pair.b)["reason"] == "APPLIER_STOPPED", 15, "B to be unfit")
    pair.a.kill_mysqld()
    pair.wait_until(lambda: pair.a.keepalived_state() == "FAULT", 15, "A to let go")
    time.sleep(5)
    for node in pair.nodes:
        shell(node, "ip -brief address show dev eth0")
        shell(node, "check_mysql")
        shell(node, "tail -n 3 /var/log/keepalived.log")
    shell(pair.a, "kachecks status")


def both(pair: Pair) -> None:
    """keepalived is killed on A, which has no systemd drop-in."""
    pair.a.kill_keepalived()
    pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to serve")
    time.sleep(2)
    for node in pair.nodes:
        shell(node, "ip -brief address show dev eth0")
    shell(pair.b, "kachecks status")
    shell(pair.a, "kachecks status")
    shell(pair.a, "notify_down --drop-vip")
    shell(pair.a, "ip -brief address show dev eth0")


def unfit(pair: Pair) -> None:
    """B does not replicate, for one reason and another."""
    pair.receiver(pair.b, "STOP")
    pair.wait_until(lambda: not is_fit(pair.b), 15, "B to be unfit")
    time.sleep(2)
    shell(pair.b, "check_mysql")
    shell(pair.a, "kachecks status")
    shell(pair.a, "kachecks switchover")


def gave_way(pair: Pair) -> None:
    """A no longer hears B nor B hears A: VRRP is blocked between the nodes."""
    deafen(pair, *pair.nodes)
    pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to serve")
    pair.wait_until(lambda: pair.a.keepalived_state() == "FAULT", 15, "A to let go")
    time.sleep(1)
    shell(pair.a, "grep -E 'check_mysql|STATE' /var/log/keepalived.log | tail -n 6")
    shell(pair.a, "check_mysql")
    shell(pair.b, "kachecks status")


def password(pair: Pair) -> None:
    """The option file of A has a wrong password, for its own server, and for the other one."""
    pair.set_options(pair.a, {"client.password": "wrong"})
    time.sleep(3)
    shell(pair.a, "check_mysql")
    shell(pair.a, "kachecks status")
    pair.set_options(pair.a, {"peer.password": "wrong"})
    time.sleep(2)
    shell(pair.a, "check_mysql")
    shell(pair.a, "kachecks switchover")


def read_only(pair: Pair) -> None:
    """B has much to apply when it gets the VIP."""
    pair.delay_replica(pair.b, 12)
    pair.a.sql("CREATE TABLE app.late (id INT PRIMARY KEY)")
    time.sleep(1)
    pair.a.kill_mysqld()
    pair.wait_until(lambda: pair.b.has_vip(VIP), 15, "B to have the VIP")
    client(pair, "INSERT INTO app.late VALUES (1)")
    time.sleep(6)
    shell(pair.b, "check_mysql")
    shell(pair.b, "kachecks status")


def refused(pair: Pair) -> None:
    """What B has received cannot be applied, which comes out when it has the VIP."""
    _row_in_the_way(pair)
    pair.delay_replica(pair.b, 6)
    pair.a.sql("INSERT INTO app.t VALUES (25)")
    time.sleep(2)
    pair.a.kill_mysqld()
    pair.wait_until(lambda: pair.b.keepalived_state() == "FAULT", 30, "B to let go")
    time.sleep(2)
    shell(pair.b, "check_mysql")
    shell(pair.b, "tail -n 1 /var/lib/kachecks/main.jsonl")
    shell(pair.b, "notify_master -v")
    told(pair.b)


def silence(pair: Pair) -> None:
    """A path in keepalived.conf is wrong: keepalived goes on without the check."""
    conf = "/etc/keepalived/keepalived.conf"
    shell(pair.b, f"sed 's#bin/check_mysql#bin/check_mysq1#' {conf} > /run/wrong.conf")
    shell(pair.b, "keepalived -t -f /run/wrong.conf")
    shell(pair.b, "kachecks doctor --keepalived-conf /run/wrong.conf | head -n 40")
    told(pair.a)


def why(pair: Pair) -> None:
    """mysqld on A was killed, and is back."""
    pair.a.kill_mysqld()
    pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to serve")
    pair.a.start_mysqld()
    pair.wait_until(lambda: is_fit(pair.a), 20, "A to be fit")
    pair.a.wait_standby()
    for node in pair.nodes:
        told(node)
        shell(node, "tail -n 1 /var/lib/kachecks/main.jsonl")
        shell(node, "grep -E 'check_mysql|STATE' /var/log/keepalived.log | tail -n 6")
    shell(pair.b, "kachecks status")
    shell(pair.b, "kachecks switchover")


def alone(pair: Pair) -> None:
    """B served last, both lose power, and A comes back alone."""
    shell(pair.a, "kachecks switchover")
    pair.wait_until(lambda: pair.is_serving(pair.b), 10, "B to serve")
    time.sleep(3)
    for node in pair.nodes:
        node.power_off()
    pair.a.power_on()
    pair.a.start_mysqld()
    pair.a.start_keepalived()
    time.sleep(12)
    shell(pair.a, "check_mysql")
    shell(pair.a, "kachecks status")
    shell(pair.a, "tail -n 1 /var/lib/kachecks/main.jsonl")
    pair.b.power_on()
    pair.b.start_mysqld()
    pair.b.start_keepalived()
    took = pair.wait_until(pair.has_one_writer, 30, "one node to serve")
    print(f"    # one node serves {took:.1f} s after B has started\n")
    shell(pair.b, "kachecks status")


def upgrade(pair: Pair) -> None:
    """mysqld is restarted on both nodes, one after the other, with a switchover in between."""
    _renew(pair, pair.b)
    _renew(pair, pair.a)


def reboot(pair: Pair) -> None:
    """The active node is rebooted: it hands over, and stays out of the election meanwhile."""
    a = pair.a
    shell(a, "kachecks switchover")
    pair.wait_until(lambda: pair.is_serving(pair.b), 10, "B to serve")
    shell(a, "kachecks maintenance on --for 1h --reason 'new kernel'")
    stop_keepalived(a)
    a.stop_mysqld()
    a.power_off()
    a.power_on()
    a.start_mysqld()
    a.start_keepalived()
    print("    # a: rebooted\n")
    time.sleep(3)
    shell(a, "kachecks rejoin | head -n 1")
    shell(a, "kachecks maintenance off")
    pair.wait_until(lambda: run(a, "kachecks", "rejoin")[0] == 0, 30, "rejoin to say fine")
    pair.wait_until(lambda: a.keepalived_state() == "BACKUP", 10, "A to stand by")
    shell(a, "kachecks rejoin | head -n 1")
    shell(a, "kachecks status | sed -n 2p")
    shell(pair.b, "kachecks switchover")
    pair.wait_until(lambda: pair.is_serving(a), 10, "A to serve")


def _renew(pair: Pair, standby: Node) -> None:
    """The standby's mysqld, and then it serves."""
    shell(standby, "kachecks maintenance on --for 1h --reason 'new mysqld'")
    standby.stop_mysqld()
    print(f"    # {standby.name}: mysqld stopped, and started again in place of an upgrade\n")
    standby.start_mysqld()
    shell(standby, "kachecks maintenance off")
    standby.wait_standby()
    pair.wait_until(lambda: run(standby, "kachecks", "rejoin")[0] == 0, 30, "rejoin to say fine")
    shell(standby, "kachecks rejoin")
    shell(pair.other(standby), "kachecks switchover")
    pair.wait_until(lambda: pair.is_serving(standby), 10, "it to serve")


def unchecked(pair: Pair) -> None:
    """The running keepalived of A no longer calls the check."""
    conf = "/etc/keepalived/keepalived.conf"
    shell(pair.a, "stat -c '%y' /run/kachecks/main.check; date '+%F %T'")
    pair.a.run(["sed", "-i", "s#bin/check_mysql#bin/check_mysq1#", conf])
    pair.a.kill(pair.a.keepalived_pids()[0], signal.SIGHUP)
    time.sleep(25)
    shell(pair.a, "stat -c '%y' /run/kachecks/main.check; date '+%F %T'")
    shell(pair.a, "check_mysql")
    shell(pair.a, "kachecks status | sed -n 2,3p")
    shell(pair.a, "kachecks doctor | grep FAILURE")


SYMPTOMS: dict[str, Callable[[Pair], None]] = {
    each.__name__: each
    for each in (
        nowhere,
        both,
        unfit,
        gave_way,
        password,
        read_only,
        refused,
        silence,
        why,
        alone,
        upgrade,
        reboot,
        unchecked,
    )
}


def _break_applier(pair: Pair) -> None:
    """1062 on B, now."""
    _row_in_the_way(pair)
    pair.a.sql("INSERT INTO app.t VALUES (25)")
    time.sleep(2)


def _row_in_the_way(pair: Pair) -> None:
    """B alone has a row that A has yet to write."""
    pair.a.sql("CREATE TABLE app.t (id INT PRIMARY KEY)")
    pair.wait_replication_caught_up()
    unlogged(pair.b, "INSERT INTO app.t VALUES (25)")


def shell(node: Node, line: str) -> None:
    """One line of an operator's shell, what it printed, and its exit status where that is not 0."""
    path = "PATH=/opt/kachecks/bin:$PATH"
    line_there = line.replace("/var/log/keepalived.log", str(node.logs / "keepalived.log"))
    done = node.run(["sh", "-c", f"{path}; {line_there}"], check=False)
    said = (done.stdout + done.stderr).replace(sys.prefix, "/opt/kachecks")  # a link there
    _print(f"{node.name}# {line}", said, done.returncode)


def client(pair: Pair, statement: str) -> None:
    """The command-line client, from the host of an application."""
    argv = [*pair.flavour.program(pair.flavour.name), "--no-defaults", f"--user={APP_USER}"]
    argv += [f"--host={VIP}", "--connect-timeout=2", "-e", statement]
    done = pair.client.run(["env", f"MYSQL_PWD={APP_PASSWORD}", *argv], check=False)
    _print(f'client$ {pair.flavour.name} -h {VIP} -e "{statement}"', done.stderr, done.returncode)


def told(node: Node) -> None:
    """What kachecks has sent to syslog, without the clock of the lab's reader and the priority."""
    sent = (line.partition(">")[2] for line in node.syslog().splitlines() if "kachecks" in line)
    _print(f"{node.name}: syslog", "\n".join(list(sent)[-8:]), 0)


def _print(command: str, said: str, status: int) -> None:
    lines = "\n".join(f"    {line}".rstrip() for line in said.rstrip().splitlines())
    ending = f"\n    [exit {status}]" if status else ""
    print(f"    {command}\n{lines}{ending}\n", flush=True)


def main() -> int:
    """Bring them about, one after the other."""
    flavour, wanted = chosen("symptoms", __doc__, "symptom", SYMPTOMS)
    failed = 0
    for name in wanted:
        print(f"== {name}: {SYMPTOMS[name].__doc__}\n", flush=True)
        try:
            with Pair(flavour, "kachecks") as pair:
                SYMPTOMS[name](pair)
        except LabError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
