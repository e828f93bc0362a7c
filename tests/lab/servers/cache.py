"""What is expensive to make and kept between runs: unpacked servers, template datadirs."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


def root() -> Path:
    """Outside the checkout: $LAB_CACHE, or /var/cache/kachecks-lab."""
    return Path(os.environ.get("LAB_CACHE", "/var/cache/kachecks-lab"))


def made(name: str, make: Callable[[Path], object]) -> Path:
    """The cached directory `name`; `make` fills it where it is missing.

    It appears whole or not at all, and two that want it at once do not collide.
    """
    target = root() / name
    if target.exists():
        return target
    with lock(name):
        if not target.exists():
            unfinished = root() / f".unfinished-{name}"
            if unfinished.exists():  # of a run that was killed: we hold its lock
                shutil.rmtree(unfinished)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(target)
    return target


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the cache's lock `name`; the kernel frees it if this process dies."""
    root().mkdir(parents=True, exist_ok=True)
    with (root() / f".lock-{name}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
