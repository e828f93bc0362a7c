"""Twice as large a file is not four times the work. Calls are counted, which a busy machine does
not change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from kachecks.keepalived.conf import ConfError, read
from kachecks.keepalived.file_findings import file_findings
from kachecks.keepalived.instance import instances

VERSION = (2, 1)  # which has rules of its own, beside all others


def _scripts(count: int) -> str:
    return "".join(f"vrrp_script s{n} {{\n script /x\n}}\n" for n in range(count))


def _instances(count: int) -> str:
    return "".join(
        f"vrrp_instance V{n} {{\n interface eth{n // 250}\n virtual_router_id {n % 250 + 1}\n"
        f" virtual_ipaddress {{ 10.0.{n // 250}.{n % 250} }}\n track_script {{ s{n} }}\n}}\n"
        for n in range(count)
    )


def many_instances(count: int) -> str:
    return _scripts(count) + _instances(count)


def one_group(count: int) -> str:
    names = "\n".join(f"V{n}" for n in range(count))
    return f"vrrp_sync_group G {{\n group {{\n{names}\n}}\n}}\n{_instances(count)}"


def many_groups(count: int) -> str:
    groups = "".join(
        f"vrrp_sync_group G{n} {{\n group {{\nV{n}\nV{n + 1}\n}}\n}}\n" for n in range(0, count, 2)
    )
    return groups + _instances(count)


def one_long_block(count: int) -> str:
    lines = "notify /x\ninterface eth0\nunknown\n" * count
    vips = "10.0.0.1\n" * count
    return f"vrrp_instance V {{\n{lines} virtual_ipaddress {{\n{vips}}}\n}}\n"


def calls(path: Path) -> int:
    """Of Python's functions, that reading and judging it takes."""
    count = 0

    def seen(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        conf = read(str(path), "", VERSION)
        instances(conf)
        file_findings(conf)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("text", [many_instances, one_group, many_groups, one_long_block])
def test_work_grows_with_the_size(tmp_path: Path, text: Callable[[int], str]) -> None:
    work = []
    for count in (40, 80, 160):
        path = tmp_path / f"{count}.conf"
        path.write_text(text(count))
        work.append(calls(path))
    assert work[2] - work[1] < 2.6 * (work[1] - work[0]), work


def test_blocks_without_their_brace_are_not_read_again_and_again(tmp_path: Path) -> None:
    """Each would read all that follows twice, and 2 to the power of 14 is 16,384."""
    path = tmp_path / "k.conf"
    path.write_text("vrrp_instance V x\n" * 14)
    assert calls(path) < 20_000


def test_too_many_blocks_without_their_brace_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text("global_defs\n" * 22)
    with pytest.raises(ConfError, match=r"k.conf:21: more than 20 blocks have no opening brace"):
        read(str(path), "")
