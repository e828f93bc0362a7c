"""A pair as `kachecks status` sees it: values to change, for the tests of its rules and texts."""

from __future__ import annotations

from typing import Any

from kachecks.check.verdict import Verdict
from kachecks.commands.status.facts import Lacks, MarksSeen, NodeSeen, ServerSeen, Status
from kachecks.keepalived.vrrp_state import Vrrp
from kachecks.mysql.facts import Channel, Facts, Version
from kachecks.state.transition import Transition

NOW = 1795367442.0
UUID = "8836b480-e699-11f1-8b79-02000a00000"
CHANNEL = Channel(
    name="", source_host="10.0.0.1", source_port=3306, receiver="Yes", applier=True,
    receiver_errno=0, receiver_error="", applier_errno=0, applier_error="", lag_seconds=0,
    gtid=True, received_gtid="", heartbeats=0,
    source_id="",
)  # fmt: skip
NOTHING = Lacks("", 0)


def facts(number: int, writable: bool) -> Facts:
    channels = (CHANNEL._replace(source_host=f"10.0.0.{3 - number}"),)
    uuid = f"{UUID}{number}"
    return Facts(Version(False, (9, 7, 4)), number, uuid, writable, not writable, channels)


def server(number: int, writable: bool, **changes: Any) -> ServerSeen:
    made = ServerSeen(
        facts=facts(number, writable),
        host="ab"[number - 1],
        uptime=93784,
        position=f"{UUID}1:1-120",
        lacks=NOTHING,
        prepared=0,
    )
    made = made._replace(**changes)
    return made if made.channels else made._replace(channels=made.facts.channels)


OK = Verdict("OK", 0, "nothing is wrong", "standby")

ACTIVE = NodeSeen(
    name="a", address="10.0.0.1", vip=True, vip_said="in the kernel's address table",
    vrrp=Vrrp("mysql", "MASTER", NOW - 250, 250, 250), vrrp_state="MASTER",
    vrrp_said="told by keepalived", server=server(1, writable=True), trouble="",
    promoting=False, verdict=OK._replace(role="holder"), verdict_said="just now",
)  # fmt: skip
STANDBY = NodeSeen(
    name="b", address="10.0.0.2", vip=False, vip_said="no other host answers for it",
    vrrp=None, vrrp_state="", vrrp_said="no advert of it is heard",
    server=server(2, writable=False), trouble="", promoting=False, verdict=OK,
    verdict_said="as far as SQL tells",
)  # fmt: skip
SILENT = STANDBY._replace(
    name="10.0.0.2", server=None, trouble="nothing answers at 10.0.0.2", verdict=None,
    verdict_said="nothing answers at its address",
)  # fmt: skip
MARKS = MarksSeen(
    gave_way="", gave_way_ago=0.0, leaving=False, permit=True, maintenance=None, at_work="",
    last_verdict="OK 0", check_age=0.7,
)  # fmt: skip
OPENED = Transition(
    "2026-11-22T17:24:17.123Z", "promote", "opened", "peer closed; all is applied",
    "notify_master", 72.4,
)  # fmt: skip
STATUS = Status(
    time=NOW, pair="main", vips=("10.0.0.100",), here=ACTIVE, there=STANDBY, marks=MARKS,
    marks_said="", transitions=(OPENED,), transitions_said="", disks_said="", check_seconds=0.0123,
    look_seconds=0.1567,
)  # fmt: skip
