"""The lab itself: a pair comes up, replicates, moves its VIP, and leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kachecks.commands.setup.snippets import filled
from tests.lab.error import LabError
from tests.lab.hosts import workdir
from tests.lab.hosts.process import CHECKOUT
from tests.lab.pairs import snippets
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.servers.flavours import FLAVOURS, MARIADB
from tests.lab.tests.shared_pair import shared_pair

pair = shared_pair(FLAVOURS)


def test_replication_flows_both_ways(pair: Pair) -> None:
    for node in pair.nodes:
        assert not pair.is_open(node)
        pair.open(node)
    pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, node INT)")
    pair.wait_replication_caught_up()
    for node in pair.nodes:
        node.sql("INSERT INTO app.t (node) VALUES (@@server_id), (@@server_id)")
    pair.wait_replication_caught_up()
    assert pair.tables_equal()
    assert len(pair.a.sql("SELECT * FROM app.t")) == 4


def test_vip_moves_when_a_is_powered_off_and_stays_when_it_returns(pair: Pair) -> None:
    assert (pair.a.has_vip(VIP), pair.b.has_vip(VIP)) == (True, False)
    pair.a.power_off()
    pair.wait_until(lambda: pair.b.has_vip(VIP), 6, "B to have the VIP")
    pair.b.sql("INSERT INTO app.t (node) VALUES (2)")
    pair.a.power_on()
    pair.a.start_mysqld()
    pair.a.start_keepalived()
    pair.wait_replication_caught_up()
    assert pair.tables_equal()
    time.sleep(4)
    assert (pair.a.has_vip(VIP), pair.b.has_vip(VIP)) == (False, True)


@pytest.mark.parametrize("silent", [False, True], ids=["carrier", "silent"])
def test_vip_moves_when_the_link_is_cut(pair: Pair, silent: bool) -> None:
    holder = next(node for node in pair.nodes if node.has_vip(VIP))
    heir = pair.other(holder)
    holder.cut_link(silent)
    pair.wait_until(lambda: heir.has_vip(VIP), 6, "the other node to have the VIP")
    assert holder.has_vip(VIP) is silent
    holder.restore_link()
    pair.wait_until(
        lambda: pair.a.has_vip(VIP) != pair.b.has_vip(VIP) and holder.keepalived_state() != "FAULT",
        6,
        "one holder",
    )


def test_stopped_mysqld_answers_nobody_and_goes_on_when_continued(pair: Pair) -> None:
    pair.a.kill_mysqld(signal.SIGSTOP)
    with pytest.raises(Exception, match="3024"):
        pair.a.sql("SELECT 1", timeout=1)
    pair.a.kill_mysqld(signal.SIGCONT)
    assert pair.a.value("SELECT 1") == 1


def test_commands_outlive_a_pause_of_their_node(pair: Pair) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with pair.a.popen(["sh", "-c", "read line; echo done"], **pipes) as command:
        pair.a.pause()
        command.stdin.write(b"go on\n")
        command.stdin.flush()
        time.sleep(0.5)
        assert command.poll() is None
        pair.a.resume()
        assert command.communicate(timeout=5)[0] == b"done\n"


def test_failed_command_tells_what_it_said(pair: Pair) -> None:
    with pytest.raises(LabError, match=r"status 2: .*no-such-file"):
        pair.a.run(["ls", "/no-such-file"])


@pytest.mark.parametrize("number", [1, 2])
def test_keepalived_accepts_the_snippets(pair: Pair, number: int) -> None:
    conf = filled(
        (snippets.SNIPPETS / f"keepalived.conf.node{number}").read_text(),
        {"NODE_INTERFACE": "eth0", "VIP_ADDRESS": VIP, "VIP_PREFIX": 24},
    )
    unicast = (snippets.SNIPPETS / "keepalived.conf.unicast").read_text()
    unicast = filled(unicast, {"NODE_ADDRESS": pair.a.address, "PEER_ADDRESS": pair.b.address})
    older = (snippets.SNIPPETS / "keepalived.conf.virtual_server").read_text()
    older = filled(older, {"NODE_ADDRESS": pair.a.address, "VIP_ADDRESS": VIP})
    bare = snippets.without_blocks(conf, "vrrp_script", "track_script", "track_file")
    scripts = "check_mysql notify_master notify_backup notify_down"
    make = f"mkdir -p /opt/kachecks/bin; cd /opt/kachecks/bin; touch {scripts}; chmod 755 {scripts}"
    pair.a.run(["sh", "-c", make])
    vrrp3 = (snippets.SNIPPETS / "keepalived.conf.vrrp3").read_text()
    line = next(line for line in conf.splitlines() if "advert_int" in line)
    by_unicast = conf.replace(line, unicast + line)
    for text in (conf, by_unicast, conf.replace(line, vrrp3), bare + older):
        pair.a.write("/etc/keepalived/tried.conf", text)
        tried = pair.a.run(["keepalived", "-t", "-f", "/etc/keepalived/tried.conf"], check=False)
        assert (tried.returncode, tried.stderr) == (0, "")


def test_server_has_nothing_to_say_against_the_snippets(pair: Pair) -> None:
    """What it warns of by reason of being in a lab is left out."""
    harmless = ("max_open_files", "WSREP", "MAC address", "UUID", "self signed", "io_uring")
    startup = (pair.b.logs / "mysqld.log").read_text().partition("ready for connections")[0]
    complaints = [
        line
        for line in startup.splitlines()
        if ("[Warning]" in line or "[ERROR]" in line) and not any(word in line for word in harmless)
    ]
    assert complaints == []


END = {"normal": "pass", "exception": "raise KeyError", "killed": "os.kill(os.getpid(), 9)"}


@pytest.mark.parametrize("end", END.values(), ids=END.keys())
def test_two_pairs_live_side_by_side_and_nothing_is_left(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"""
import os
from tests.lab.servers.flavours import MARIADB
from tests.lab.pairs.pair import Pair
with Pair(MARIADB) as pair:
    parts = (pair.switch, pair.client, pair.a.inside, pair.b.inside)
    print(pair.workdir, *(part.pid for part in parts), flush=True)
    {end}
"""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-c", program]
    with (
        subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as lab,
        Pair(MARIADB) as pair,
    ):
        printed, _ = lab.communicate(timeout=60)
        assert pair.is_serving(pair.a)
        directory, *pids = printed.split()
        assert len(pids) == 4
        pair.wait_until(lambda: not any(map(_is_alive, pids)), 5, "its namespaces to be gone")
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    if lab.returncode == -signal.SIGKILL:
        assert Path(directory).exists()
        workdir.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _is_alive(pid: str) -> bool:
    return Path("/proc", pid).exists()
