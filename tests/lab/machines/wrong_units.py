"""What may be wrong with the units of a machine that stands by, and what doctor must name then."""

from __future__ import annotations

from typing import NamedTuple

_OURS = "/etc/systemd/system/keepalived.service.d/lab.conf"
_THE_PACKAGES = "/usr/lib/systemd/system/keepalived.service.d/kachecks.conf"
_MASKS_THE_PACKAGES = "/etc/systemd/system/keepalived.service.d/kachecks.conf"
_RELOAD = "systemctl daemon-reload"


class Wrong(NamedTuple):
    """One thing, as root does it, and how it is undone."""

    done: str
    undone: str
    rules: frozenset[str]


def _wrong(done: str, undone: str, *rules: str) -> Wrong:
    return Wrong(done, undone, frozenset(rules))


def _drop_in(lines: str, *rules: str, then: str = _RELOAD) -> Wrong:
    written = f"install -D -m 0644 /dev/stdin {_OURS} <<END\n{lines}\nEND\n{then}"
    return _wrong(written, f"rm {_OURS}\n{_RELOAD}\n{then}", *rules)


def wrong_units(server: str) -> dict[str, Wrong]:
    """`server`: its unit."""
    return {
        "keepalived does not start at boot": _wrong(
            "systemctl disable keepalived", "systemctl enable keepalived", "SYSTEMD_ENABLED"
        ),
        "the server does not start at boot": _wrong(
            f"systemctl disable {server}", f"systemctl enable {server}", "SERVER_ENABLED"
        ),
        # Of a drop-in in a directory that is new systemd 252 says nothing.
        "a change that systemd has not read": _wrong(
            f"touch {_THE_PACKAGES}", _RELOAD, "SYSTEMD_RELOAD"
        ),
        "systemd gives up": _drop_in("[Unit]\nStartLimitIntervalSec=10", "SYSTEMD_START_LIMIT"),
        "no drop-in of ours": _wrong(
            f"ln -s /dev/null {_MASKS_THE_PACKAGES}\n{_RELOAD}",
            f"rm {_MASKS_THE_PACKAGES}\n{_RELOAD}",
            *("SYSTEMD_ORDER", "SYSTEMD_STOP", "SYSTEMD_STOP_POST", "SYSTEMD_RESTART"),
        ),
        "a hardened unit": _drop_in(
            "[Service]\nCapabilityBoundingSet=~CAP_KILL CAP_SYS_PTRACE",
            "KEEPALIVED_CAPABILITIES",
            then=f"{_RELOAD}\nsystemctl restart keepalived",
        ),
    }
