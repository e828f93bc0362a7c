"""Short ways to a vrrp_instance, for the tests around the election."""

from __future__ import annotations

from pathlib import Path

from kachecks.keepalived.conf import read
from kachecks.keepalived.instance import Instance, instances

BASE = ("interface eth0", "virtual_router_id 51", "virtual_ipaddress { 10.0.0.100/24 }")
CHECK = "vrrp_script chk { script /bin/true }\n"


def conf_text(*lines: str, before: str = "", base: tuple[str, ...] = BASE) -> str:
    """A file with the usual instance and these lines in it."""
    body = "\n".join(f"    {line}" for line in (*base, *lines))
    return f"{before}vrrp_instance V {{\n{body}\n}}\n"


def instance(
    directory: Path,
    *lines: str,
    before: str = "",
    base: tuple[str, ...] = BASE,
    name: str = "keepalived.conf",
) -> Instance:
    """The usual instance with these lines in it, read back."""
    path = directory / name
    path.write_text(conf_text(*lines, before=before, base=base))
    (found,) = instances(read(str(path), "main"))
    return found
