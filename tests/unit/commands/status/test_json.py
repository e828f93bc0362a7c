"""--json has the keys that docs/status.md promises, and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kachecks.commands.status.facts import Status
from kachecks.commands.status.json import as_json
from kachecks.commands.status.judgement import summary
from kachecks.state.maintenance_mark import in_local_time
from tests.unit.doubles.status_samples import (
    ACTIVE,
    CHANNEL,
    MARKS,
    NOW,
    SILENT,
    STANDBY,
    STATUS,
    UUID,
    server,
)

DOCS = Path(__file__).parents[4] / "docs/status.md"
BROKEN = CHANNEL._replace(receiver_errno=2003, receiver_error="x", applier_errno=1062)
FULL = STATUS._replace(
    here=ACTIVE._replace(server=server(1, True, channels=(BROKEN,))),
    marks=MARKS._replace(
        maintenance=in_local_time(NOW - 60, NOW + 7200, "ann", "new disks"), gave_way="lost"
    ),
)


def said(status: Status) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(as_json(status, summary(status))))
    return made


def promised() -> dict[str, list[str]]:
    """Keys by the heading they stand below."""
    text = DOCS.read_text()
    parts = re.split(r"^#{2,3} (.*)\n", text[text.index("## `--json`") :], flags=re.MULTILINE)
    return {
        heading: re.findall(r"^\| `([\w.]+)` \|", part, re.MULTILINE)
        for heading, part in zip(parts[1::2], parts[2::2])
    }


def keys(value: dict[str, Any], nested: tuple[str, ...] = ()) -> list[str]:
    """In order, with those of some inner objects as ``outer.inner``."""
    found = []
    for key, inner in value.items():
        within = inner[0] if isinstance(inner, list) and key in nested else inner
        if key not in nested:
            found.append(key)
            continue
        if key != "vrrp":
            found.append(key)
        found += [f"{key}.{name}" for name in within]
    return found


@pytest.mark.parametrize(
    ("heading", "path", "nested"),
    [
        ("`--json`", [], ()),
        ("A node", ["this"], ("vrrp", "verdict")),
        ("A node", ["other"], ("vrrp", "verdict")),
        ("A server", ["this", "server"], ("lacks", "replication")),
        ("Marks", ["marks"], ("maintenance",)),
        ("A transition", ["transitions", 0], ()),
    ],
)
def test_keys_are_those_of_the_manual(
    heading: str, path: list[Any], nested: tuple[str, ...]
) -> None:
    value: Any = said(FULL)
    for step in path:
        value = value[step]
    assert keys(value, nested) == promised()[heading]


def test_unknown_is_null_and_errors_are_told() -> None:
    one = said(FULL._replace(there=SILENT))
    assert (one["other"]["open"], one["other"]["server"], one["other"]["verdict"]) == (None,) * 3
    assert one["other"]["vrrp"]["state"] is None
    channel = one["this"]["server"]["replication"][0]
    assert channel["receiver_error"] == {"errno": 2003, "text": "x"}
    assert channel["applier_error"] == {"errno": 1062, "text": ""}
    nothing = said(STATUS._replace(marks=None, marks_said="why", transitions=None))
    assert (nothing["marks"], nothing["transitions"]) == (None, None)
    assert nothing["marks_unknown"] == "why"


def test_values() -> None:
    one = said(FULL)
    assert (one["status"], one["word"], one["time"]) == (0, "OK", "2026-11-22T17:10:42Z")
    assert one["this"]["vrrp"]["since"] == "2026-11-22T17:06:32Z"
    assert one["this"]["server"]["position"] == f"{UUID}1:1-120"
    assert one["marks"]["maintenance"]["until"] == "2026-11-22T19:10:42Z"
    assert one["other"]["verdict"] == {
        "reason": "OK",
        "exit": 0,
        "role": "standby",
        "sentence": "nothing is wrong",
    }
    assert said(FULL._replace(there=STANDBY._replace(vip=None)))["other"]["role"] == "closed"
