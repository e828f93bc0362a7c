"""Our reading of keepalived.conf beside keepalived's own, which --dump-conf prints.

Configurations made and spelled at random; LAB_SEED=N repeats a run, LAB_CONFS=N makes as many.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from kachecks.keepalived.conf import read
from kachecks.keepalived.instance import instances
from tests.lab.elections.arena import furnish, pid_files, seed
from tests.lab.elections.comparison import differences
from tests.lab.elections.conf_grammar import without_values
from tests.lab.elections.differential import Answer, answers, host, version_of
from tests.lab.elections.old_readers import OLD
from tests.lab.error import LabError
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import ip
from tests.lab.servers.keepalived import Keepalived
from tests.lab.servers.keepalived_releases import keepalived_of

COUNTS = {"bullseye": 200, "bookworm": 500, "trixie": 300}
"""Files for the keepalived of each Debian release that does not change any more."""
FILES_FOR_OLD_READERS = 300
NOT_IN_DEBIAN = {"vrrp_ipsets": set(COUNTS), "vrrp_iptables": {"bullseye"}}
"""Keywords that Debian builds keepalived without, and where."""


def keepalived(suite: str) -> Keepalived:
    """A test is skipped where it cannot be had, but in CI, where it has to be."""
    try:
        return keepalived_of(suite)
    except LabError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("suite", COUNTS)
def test_values_are_those_keepalived_dumps(suite: str, tmp_path: Path) -> None:
    number = seed()
    tried = keepalived(suite)
    print(f"LAB_SEED={number}, keepalived {tried.version}")
    dice = random.Random(number)  # noqa: S311 no secret
    count = int(os.environ.get("LAB_CONFS", COUNTS[suite]))
    found, ended, crashed = [], 0, 0
    for conf, theirs in answers(tried, count, dice, tmp_path):
        ended += theirs.ends
        crashed += theirs.crashed
        if not theirs.crashed:
            found += differences(conf, version_of(tried), theirs)
    assert not found, f"{len(found)} of {count}\n" + "\n".join(found[:20])
    assert count * 0.1 < ended < count * 0.6, "a poor grammar"
    assert crashed <= count * 0.05


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """Files that do not change, so that those which tell an old reader are among them."""
    dice = random.Random(1)  # noqa: S311 no secret
    directory = tmp_path_factory.mktemp("answered")
    return list(answers(Keepalived(), FILES_FOR_OLD_READERS, dice, directory))


@pytest.mark.parametrize("name", OLD)
def test_an_old_reader_is_told_by_the_files(
    answered: list[Answer], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = version_of(Keepalived())
    OLD[name](monkeypatch)
    assert any(
        differences(each.conf, version, each.dump) for each in answered if not each.dump.crashed
    )


UNICAST = "unicast_src_ip 10.0.0.99\n unicast_peer { 10.0.0.8 }"


@pytest.mark.parametrize("suite", COUNTS)
def test_unicast_behind_multicast(suite: str, tmp_path: Path) -> None:
    """Its VRRP process crashes, and is started again and again: 2.1.5 alone, and as we say."""
    tried = keepalived(suite)
    conf, log = tmp_path / "keepalived.conf", tmp_path / "log"
    text = "".join(
        f"vrrp_instance V{n} {{\n interface eth0\n virtual_router_id {n}\n"
        f" virtual_ipaddress {{ 10.0.{n}.1 }}\n {how}\n}}\n"
        for n, how in ((1, ""), (2, UNICAST))
    )
    conf.write_text(text)
    crashes = any(
        "crashes" in each.ends for each in instances(read(str(conf), "", version_of(tried)))
    )
    with host() as node:
        argv = [furnish(node, tried), "--dont-fork", "--log-console", "--no-syslog", "--vrrp"]
        node.spawn([*argv, "-f", conf, *pid_files(tmp_path)], log)
        until = time.monotonic() + 20
        said = "exited due to segmentation fault" if crashes else "(V2) Entering MASTER STATE"
        while said not in log.read_text() and time.monotonic() < until:
            time.sleep(0.05)
    assert said in log.read_text()
    assert crashes == (suite == "bullseye")


@pytest.mark.parametrize("suite", COUNTS)
def test_keywords_without_their_value(suite: str, tmp_path: Path) -> None:
    """keepalived -t knows each word of the table from its version on, and ends where it says."""
    tried = keepalived(suite)
    conf = tmp_path / "keepalived.conf"
    wrong = []
    node = Namespaces()
    try:
        ip(node, "link add eth0 type veth peer far")
        argv = [furnish(node, tried), "-t", "-f", conf, *pid_files(tmp_path)]
        for case in without_values():
            conf.write_text(case.text)
            done = node.run(argv, check=False)
            told = done.stdout + done.stderr
            known = f"Unknown keyword '{case.word}'" not in told
            ends = "is missing a parameter" in told
            built = suite not in NOT_IN_DEBIAN.get(case.word, ())
            expected = case.keyword.since <= version_of(tried) and built
            crashed = done.returncode not in range(7)  # it has ended, if not for that reason
            if known != expected or (ends != (expected and case.keyword.ends) and not crashed):
                wrong.append(f"{case.word} in {case.inside}: known {known}, ends {ends}")
    finally:
        node.kill()
    assert not wrong, "\n".join(wrong)
