"""check_mysql: may this node hold the VIP? The exit status answers keepalived.

Only the guard is here: whatever goes wrong, even while the rest of the suite is loaded (a package
that is being upgraded), the answer is UNKNOWN, which leaves the VIP where it is.
"""

import sys
from typing import Optional

UNKNOWN = 30


def main(argv: Optional[list[str]] = None) -> int:
    """The exit status for keepalived: 0 may hold the VIP, see --explain for the others."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        from kachecks.check import run
    except Exception as error:  # noqa: BLE001 - that is what the guard is for
        return _not_loaded(arguments, error)
    return run(arguments)


def _not_loaded(arguments: list[str], error: Exception) -> int:
    from kachecks.last_resort import vip_is_here

    files = [each.partition("=")[2] for each in arguments if each.startswith("--defaults-file=")]
    import syslog

    sentence = f"UNKNOWN: kachecks cannot be loaded: {type(error).__name__}: {error}"
    syslog.syslog(syslog.LOG_DAEMON | syslog.LOG_WARNING, sentence)
    print(sentence)
    return 0 if vip_is_here(files[-1] if files else "/etc/kachecks/kachecks.cnf") else UNKNOWN


if __name__ == "__main__":
    sys.exit(main())
