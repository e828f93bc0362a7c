"""A client and some hosts on one switch: up together, and gone together."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional, TypeVar

from tests.lab.error import LabError
from tests.lab.hosts import workdir
from tests.lab.hosts.host import Host
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch

Kind = TypeVar("Kind", bound=Host)
Own = TypeVar("Own", bound="Site")


class Site:
    """What is in the work directory, and all that runs, goes when the context is left.

    With $LAB_LOGS the hosts' logs are copied there where that is by an exception. Enter it in a
    thread that lives as long: the hosts die with that thread.
    """

    def __init__(self, workdir: Optional[Path] = None) -> None:
        self.workdir: Path
        self.client: Namespaces
        self.switch: Switch
        #: What the start has spent its time on, in seconds.
        self.phases: dict[str, float] = {}
        self._wanted_workdir = workdir
        #: In the order of their numbers.
        self.hosts: list[Host] = []
        self._undo = contextlib.ExitStack()

    def __enter__(self: Own) -> Own:
        try:
            self.start()
        except BaseException:
            self._save_logs_for_reader()
            self.close()
            raise
        return self

    def __exit__(self, kind: Any, *_rest: object) -> None:
        if kind is not None:
            self._save_logs_for_reader()
        self.close()

    def start(self) -> None:
        """Bring everything up."""
        raise NotImplementedError

    def close(self) -> None:
        """Everything is gone: processes, namespaces, mounts, the work directory if it is ours."""
        self._undo.close()

    def wait_until(self, predicate: Callable[[], object], timeout: float, what: str) -> float:
        """Poll every 10 ms; returns the seconds it took, raises LabError after `timeout`."""
        begin = time.monotonic()
        while not predicate():
            if time.monotonic() - begin > timeout:
                raise LabError(f"waited {timeout} s for {what}")
            time.sleep(0.01)
        return time.monotonic() - begin

    def copy_logs(self, target: Path) -> None:
        """What each host leaves to read, in a directory of its name."""
        for host in self.hosts:
            host.copy_logs(target / host.name)

    # For what is built on it

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.phases[name] = round(time.monotonic() - begin, 2)

    def _make_workdir(self) -> None:
        if self._wanted_workdir is None:
            self.workdir = workdir.create()
            self._undo.callback(shutil.rmtree, self.workdir)
        else:
            self.workdir = self._wanted_workdir
            workdir.adopt(self.workdir)

    def _make_switch(self, *bridges: str) -> None:
        self.switch = Switch(*bridges)
        self._undo.callback(self.switch.kill)

    def _make_client(self, link: Link) -> Namespaces:
        client = Namespaces()
        self._undo.callback(client.kill)
        self.switch.plug(client, link)
        return client

    def _keep(self, host: Kind) -> Kind:
        self._undo.callback(host.close)
        self.hosts.append(host)
        return host

    def _save_logs_for_reader(self) -> None:
        if "LAB_LOGS" in os.environ and hasattr(self, "workdir"):
            with contextlib.suppress(OSError):
                self.copy_logs(Path(os.environ["LAB_LOGS"]) / self.workdir.name)
