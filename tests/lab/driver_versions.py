"""Logs in by the C extension of each version of mysql-connector-python that is named.

    python -m tests.lab.driver_versions 8.0.33 9.7.0 26.10.0     # with the system's MariaDB; root

A line for each: what the server answered, whether a statement that takes too long was given up, and
which of the plugins that kachecks may need the version does not bring.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts.process import CHECKOUT

PATIENCE = 60.0
"""Seconds for the server to be made, and again to listen."""

_ACCOUNT = "CREATE DATABASE kachecks; CREATE USER k@localhost IDENTIFIED BY 'secret'"
_LOG_IN = """
import sys
sys.path[:0] = sys.argv[1:3]
import _mysql_connector
from pathlib import Path
from kachecks.config.options import Login
from kachecks.mysql.driver import PLUGINS
from kachecks.mysql.session import NoAnswer, Session, ask
from kachecks.mysql.wire import Address
vendor = Path(_mysql_connector.__file__).parent / "mysql/vendor/plugin"
assert str(vendor).startswith(sys.argv[1]), vendor
login = Login("k", "secret", None, 3306, sys.argv[3])
session = Session(Address(login, "localhost", login.socket), 2.0, driver="c")
said = [ask(session, "SELECT 1 AS one, NULL AS none", 2.0, lambda rows: rows)]
try:
    session.execute("SELECT SLEEP(5)", 0.3)
except NoAnswer:
    said.append("given up in time")
lacks = sorted(name for name in PLUGINS if not (vendor / f"{name}.so").exists())
print(session.version, *said, "lacks " + (", ".join(lacks) or "no plugin"), sep=", ")
"""


def main(versions: Sequence[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        server = _server(place)
        try:
            for version in versions:
                said = _log_in(version, place)
                failed += not said
                print(version, said or "cannot log in", sep=": ", flush=True)
        finally:
            server.kill()
            server.wait()
    return 1 if failed else 0


def _server(place: Path) -> subprocess.Popen[bytes]:
    made = ["mariadb-install-db", "--no-defaults", f"--datadir={place}/data", "--user=root"]
    made += ["--force", "--auth-root-authentication-method=normal", "--skip-name-resolve"]
    subprocess.run(made, check=True, capture_output=True, timeout=PATIENCE)
    argv = ["mariadbd", "--no-defaults", f"--datadir={place}/data", f"--socket={place}/socket"]
    argv += ["--skip-networking", "--user=root", "--innodb-buffer-pool-size=16M"]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = ["mariadb", "--no-defaults", f"--socket={place}/socket", "--user=root", "-e", _ACCOUNT]
    until = time.monotonic() + PATIENCE
    while subprocess.run(client, capture_output=True, timeout=PATIENCE).returncode:
        if server.poll() is not None or time.monotonic() > until:
            server.kill()
            raise LabError("the MariaDB of this system does not start")
        time.sleep(0.1)
    return server


def _log_in(version: str, place: Path) -> str:
    """ "" where it is not to be had, or cannot."""
    target = place / version
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, f"--target={target}", f"mysql-connector-python=={version}"])
    argv = [sys.executable, "-c", _LOG_IN, target, CHECKOUT, place / "socket"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    print(done.stderr, end="", file=sys.stderr)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
