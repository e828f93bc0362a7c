"""``kachecks status --json``. Its keys do not change; docs/status.md says what each means."""

from __future__ import annotations

import time
from typing import Any

from kachecks.commands.status.facts import MarksSeen, NodeSeen, ServerSeen, Status
from kachecks.commands.status.judgement import Summary, role
from kachecks.mysql.facts import Channel


def as_json(status: Status, summary: Summary) -> dict[str, Any]:
    """Unknown is null; times are UTC, ISO 8601; spans are seconds."""
    return {
        "status": summary.status,
        "word": summary.word,
        "sentence": summary.sentence,
        "problems": list(summary.problems),
        "time": _timestamp(status.time),
        "name": status.pair,
        "vip": list(status.vips),
        "this": _node(status.here),
        "other": _node(status.there),
        "marks": None if status.marks is None else _marks(status.marks),
        "marks_unknown": status.marks_said or None,
        "transitions": None
        if status.transitions is None
        else [transition._asdict() for transition in status.transitions],
        "transitions_unknown": status.transitions_said or None,
    }


def _node(node: NodeSeen) -> dict[str, Any]:
    vrrp = node.vrrp
    verdict = node.verdict
    return {
        "name": node.name,
        "address": node.address or None,
        "role": role(node),
        "vip": node.vip,
        "vip_known_by": node.vip_said,
        "vrrp": {
            "state": node.vrrp_state or None,
            "known_by": node.vrrp_said,
            "instance": None if vrrp is None else vrrp.instance,
            "since": None if vrrp is None else _timestamp(vrrp.since),
            "priority": None if vrrp is None else vrrp.priority,
            "base_priority": None if vrrp is None else vrrp.base_priority,
        },
        "open": node.open,
        "trouble": node.trouble or None,
        "promoting": node.promoting,
        "server": None if node.server is None else _server(node.server),
        "verdict": None
        if verdict is None
        else {
            "reason": verdict.reason,
            "exit": verdict.status,
            "role": verdict.role,
            "sentence": verdict.sentence,
        },
        "verdict_known_by": node.verdict_said,
    }


def _server(server: ServerSeen) -> dict[str, Any]:
    facts, lacks = server.facts, server.lacks
    return {
        "family": "mariadb" if facts.version.mariadb else "mysql",
        "version": ".".join(map(str, facts.version.number)),
        "server_id": facts.server_id,
        "server_uuid": facts.server_uuid or None,
        "closed": facts.closed,
        "uptime": server.uptime,
        "position": server.position,
        "prepared": server.prepared,
        "lacks": None
        if lacks is None
        else {"gtids": lacks.gtids, "transactions": lacks.transactions},
        "replication": [_channel(channel) for channel in server.channels],
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "channel": channel.name,
        "source": channel.source_host,
        "port": channel.source_port,
        "receiver": channel.receiver,
        "applier": channel.applier,
        "lag": channel.lag_seconds,
        "gtid": channel.gtid,
        "receiver_error": _error(channel.receiver_errno, channel.receiver_error),
        "applier_error": _error(channel.applier_errno, channel.applier_error),
    }


def _error(errno: int, text: str) -> dict[str, Any] | None:
    return {"errno": errno, "text": text} if errno else None


def _marks(marks: MarksSeen) -> dict[str, Any]:
    maintenance = marks.maintenance
    return {
        "gave_way": marks.gave_way or None,
        "gave_way_ago": round(marks.gave_way_ago, 1) if marks.gave_way else None,
        "leaving": marks.leaving,
        "permit": marks.permit,
        "maintenance": None
        if maintenance is None
        else {
            "since": _timestamp(maintenance.since),
            "until": _timestamp(maintenance.until),
            "owner": maintenance.owner,
            "reason": maintenance.reason,
        },
        "at_work": marks.at_work or None,
        "last_verdict": marks.last_verdict or None,
        "check_age": None if marks.check_age is None else round(marks.check_age, 1),
    }


def _timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
