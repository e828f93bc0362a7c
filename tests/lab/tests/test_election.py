"""The election rules against real keepalived: who holds the VIP after each event of a history.

Pairs of configurations made at random run at once, each in two namespaces on a bridge. What is
predicted is predicted from the very files that keepalived reads. LAB_SEED=N repeats a run;
LAB_RECORD=FILE writes down what was seen, for tests/unit/keepalived/test_election_history.py.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.elections.arena import Arena, Contest, seed
from tests.lab.elections.plan import Plan, Side, plan, varied
from tests.lab.elections.plays import ACTS, QUIET, played, said, story
from tests.lab.servers.flavours import MARIADB

PAIRS = 42
#: VRRPv2 with advert_int 2 waits 6.6 s for the other node, longer than the 3.6 s before.
QUIET_V2 = 4.5

#: What is added to A's and to B's instance, and whether B, the lower priority, still hears A.
#: With all of DROPPED both end as MASTER.
WORDS = "authentication {{ auth_type PASS\n auth_pass {} }}"
UNICAST = "unicast_src_ip {}\n unicast_peer {{ {} }}"
DROPPED = {
    "another VRID": ("", "virtual_router_id 52"),
    "another version": ("", "version 3"),
    "another password": (WORDS.format("one"), WORDS.format("other")),
    "no password": (WORDS.format("one"), ""),
    "another interval": ("", "advert_int 2"),
    "one VIP more": ("", "virtual_ipaddress { 10.0.0.101/24 }"),
    "one VIP twice": ("", "virtual_ipaddress { 10.0.0.100/24 dev eth0 }"),
    "unicast to multicast": (UNICAST.format("10.0.0.1", "10.0.0.2"), ""),
    "wrong peers": (
        UNICAST.format("10.0.0.1", "10.0.0.8"),
        UNICAST.format("10.0.0.2", "10.0.0.9"),
    ),
}
ACCEPTED = {
    "nothing": ("", ""),
    "eight letters alike": (WORDS.format("12345678x"), WORDS.format("12345678y")),
    "VIPs not in the adverts": ("", "virtual_ipaddress_excluded { 10.0.0.101/24 }"),
    "another interval in VRRPv3": ("version 3", "version 3\n advert_int 1.5"),
    "unicast": (UNICAST.format("10.0.0.1", "10.0.0.2"), UNICAST.format("10.0.0.2", "10.0.0.1")),
    "authentication in VRRPv3": (f"version 3\n {WORDS.format('one')}", "version 3"),
}


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Callable[[list[Plan]], Arena]]:
    made: list[Arena] = []

    def make(plans: list[Plan]) -> Arena:
        made.append(Arena(tmp_path, plans, MARIADB.keepalived))
        return made[0]

    try:
        yield make
    finally:
        for one in made:
            one.close()


def test_holders_are_as_predicted_through_a_history(
    arena: Callable[[list[Plan]], Arena],
) -> None:
    number = seed()
    print(f"LAB_SEED={number}")
    dice = random.Random(number)  # noqa: S311 no secret
    lab = arena([(plan, varied)[i % 2](dice, (-1, 0, 1)[i % 3]) for i in range(PAIRS)])
    play = played(lab)
    if os.environ.get("LAB_RECORD"):
        Path(os.environ["LAB_RECORD"]).write_text(json.dumps(play.record, indent=1) + "\n")
    assert not play.wrong, "\n".join(play.wrong)
    # Each of these moves some VIP and leaves another, or nothing was tried.
    for event in ("B starts", "A's check fails", "A recovers", "A is back", "B recovers"):
        assert play.moved[event] == {True, False}, f"{event}: a poor seed, {number}"


def test_adverts_that_do_not_match_make_two_masters(
    arena: Callable[[list[Plan]], Arena],
) -> None:
    """Both start at once, A with the higher priority."""
    side = Side("BACKUP", False, 0, "none", 0)
    cases = {**DROPPED, **ACCEPTED}
    lab = arena([Plan(side, side, unicast=False, swapped=False)] * len(cases))
    for contest, additions in zip(lab.contests, cases.values()):
        for name, priority, added in zip("AB", (200, 100), additions):
            contest.nodes[name].conf.write_text(
                "vrrp_instance election {\n interface eth0\n virtual_router_id 51\n"
                f" priority {priority}\n virtual_ipaddress {{ 10.0.0.100/24 }}\n {added}\n}}\n"
            )
    stories = [story(contest) for contest in lab.contests]

    def start(contest: Contest) -> None:
        for name, node in contest.nodes.items():
            node.start(name)

    observed = lab.after(start, QUIET_V2)
    for case, told, seen in zip(cases, stories, observed):
        told.start("A")
        told.start("B")
        expected = told.settle()
        assert seen == expected, case
        assert expected == frozenset("AB" if case in DROPPED else "A"), case


GROUP = """
track_file check {{
    file {directory}/value
    weight 0
}}
vrrp_sync_group both {{
    group {{ other election }}
}}
vrrp_instance other {{
    interface eth0
    version 3
    advert_int 0.2
    virtual_router_id 52
    priority {priority}
    nopreempt
    virtual_ipaddress {{ 10.0.0.101/24 }}
    track_file {{ check }}
}}
vrrp_instance election {{
    interface eth0
    version 3
    advert_int 0.2
    virtual_router_id 51
    priority {priority}
    nopreempt
    virtual_ipaddress {{ 10.0.0.100/24 }}
}}
"""


def test_a_check_on_one_instance_moves_all_of_the_sync_group(
    arena: Callable[[list[Plan]], Arena],
) -> None:
    """The instance whose VIP is looked at tracks nothing itself."""
    side = Side("BACKUP", True, 0, "file", 0)
    lab = arena([Plan(side, side, unicast=False, swapped=False)])
    (contest,) = lab.contests
    for (name, node), priority in zip(contest.nodes.items(), (200, 100)):
        contest.fail_check(name, False)
        node.conf.write_text(GROUP.format(directory=node.directory, priority=priority))
    told = story(contest)
    held = []
    for event in ("A starts", "B starts", "A's check fails", "A recovers", "A ends", "A is back"):
        (seen,) = lab.after(ACTS[event], QUIET)
        assert seen == told.happen(event), event
        held.append(said(seen))
    assert held == ["A", "A", "B", "B", "B", "B"]
