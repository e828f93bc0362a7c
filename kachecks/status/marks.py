"""The marks of this node, read and never written."""

from __future__ import annotations

import os

from kachecks.host import Host
from kachecks.status.facts import Signs


def signs(host: Host) -> tuple[Signs | None, str]:
    """What the marks say, or why they cannot be read."""
    config = host.config
    hidden = _hidden(config.run_dir, config.name)
    if hidden:
        return None, hidden
    mark = host.gave_way()
    found = Signs(
        gave_way="" if mark is None else mark.why,
        gave_way_ago=0.0 if mark is None else host.now() - mark.at,
        leaving=host.is_leaving(),
        permit=host.read_permit(),
        maintenance=host.maintenance(),
        at_work=host.lock_purpose(),
        last_verdict=host.last_verdict(),
    )
    return found, ""


def _hidden(run_dir: str, name: str) -> str:
    """Why the marks cannot be read, "" if they can."""
    try:
        files = [each for each in os.listdir(run_dir) if each.startswith(f"{name}.")]
    except OSError as error:
        return f"{run_dir} cannot be read: {error.strerror}"
    if all(os.access(f"{run_dir}/{each}", os.R_OK) for each in files):
        return ""
    return f"only root may read them in {run_dir}"
