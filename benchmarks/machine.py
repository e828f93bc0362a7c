"""What the figures depend on: the machine's size, the versions, the day."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time

import kachecks


def machine() -> dict[str, str]:
    """What the figures depend on, and nothing that tells whose machine it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    said = subprocess.run(
        ["keepalived", "--version"], capture_output=True, text=True, check=True
    ).stderr
    version = re.search(r"v([\d.]+)", said)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "Linux": re.match(r"[\d.]+", platform.release())[0],
        "Python": platform.python_version(),
        "keepalived": version[1] if version else "unknown",
        "kachecks": kachecks.__version__,
    }


def heading(here: dict[str, str]) -> str:
    """The same on one line."""
    words = {"date": "{}", "cores": "{} cores", "memory": "{}"}
    return ", ".join(words.get(key, f"{key} {{}}").format(value) for key, value in here.items())
