"""A node that gets next to nothing of its machine: a tenth of a CPU, hardly any memory, a disk that
does a few writes a second.

    with starving(node, cpu=0.1):
        ...

By control groups of version 1 (cpu, memory, blkio), or of version 2 where they are mounted.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.pairs.node import Node

ROOT = Path("/sys/fs/cgroup")
PERIOD = 100_000  # us


@contextlib.contextmanager
def starving(node: Node, *, cpu: float = 0.0, memory: int = 0, writes: int = 0) -> Iterator[None]:
    """All that runs on the node, and will, has this much in here.

    Args:
        cpu: of one CPU.
        memory: bytes of it that are not yet in use.
        writes: that the disk of the datadir does in a second.

    0: as much as it wants.

    Raises:
        LabError: the datadir is on no disk that can be held back, a tmpfs say.
    """
    groups: list[Path] = []
    try:
        if cpu:
            groups.append(_limited(node, "cpu", _cpu(cpu)))
        if memory:
            groups.append(_limited(node, "memory", _memory(memory)))
        if writes:
            groups.append(_limited(node, "blkio" if _is_v1() else "io", _disk(node, writes)))
        yield
    finally:
        for group in groups:
            _leave(group)


def _limited(node: Node, controller: str, limits: dict[str, str]) -> Path:
    """A new group of all the node's processes; whatever they start is in it, too."""
    parent = ROOT / controller if _is_v1() else ROOT
    group = parent / f"lab-{os.getpid()}-{node.name}-{controller}"
    if not _is_v1():
        (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
    group.mkdir()
    for name, value in limits.items():
        (group / name).write_text(value)
    for pid in _processes(node):
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))
    return group


def _processes(node: Node) -> list[int]:
    """By the machine's numbers."""
    space = Path(f"/proc/{node.inside.pid}/ns/pid").readlink()
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if each.name.isdigit() and (each / "ns/pid").readlink() == space:
                found.append(int(each.name))
    return found


def _cpu(share: float) -> dict[str, str]:
    quota = int(share * PERIOD)
    if _is_v1():
        return {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)}
    return {"cpu.max": f"{quota} {PERIOD}"}


def _memory(size: int) -> dict[str, str]:
    return {"memory.limit_in_bytes" if _is_v1() else "memory.max": str(size)}


def _disk(node: Node, writes: int) -> dict[str, str]:
    device = node.datadir.stat().st_dev
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not block.exists():
        raise LabError(f"{node.datadir} is on no disk that could be held back")
    whole = block.resolve().parent if (block / "partition").exists() else block
    number = (whole / "dev").read_text().strip()
    if _is_v1():
        return {"blkio.throttle.write_iops_device": f"{number} {writes}"}
    return {"io.max": f"{number} wiops={writes}"}


def _leave(group: Path) -> None:
    """Back to the group above, and remove it."""
    end = time.monotonic() + 5
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (group.parent / "cgroup.procs").write_text(pid)
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def _is_v1() -> bool:
    return (ROOT / "cpu").is_dir()
