"""kachecks as a package for the Python of a release, made by the tree of that release.

python -m tests.lab.machines.package bullseye DIRECTORY     # says where the package is
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts.overlay import Overlay
from tests.lab.hosts.process import CHECKOUT
from tests.lab.machines.tree import RELEASES, Release, tree

PATIENCE = 600.0
"""Seconds for pip or the packager; most of it waits for the package index."""

_SOURCES = ("packages", "keepalived-snippets")
# Debian keeps distutils apart from Python, and pip wants it for 3.9 unless it is told otherwise.
_MAKE = """
cd /srv
apt-get --yes install python{python} >/dev/null
tar -xf sources.tar && mkdir dist && mv *.whl dist/ && mv nfpm /usr/bin
echo "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True" > sitecustomize.py
export PYTHONPATH=$(echo /srv /srv/dist/pip-*.whl | tr " " :)
export PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/dist
export SOURCE_DATE_EPOCH={date}
python{python} packages/make.py dist/kachecks-*.whl made
cp dist/*.deb package.deb
"""


def package(release: Release, directory: Path) -> Path:
    """The .deb; everything else that is needed for it lies in `directory`, too, which is new.

    Raises LabError: a wheel cannot be had, or the package not be made.
    """
    directory.mkdir()
    _python("build", "--wheel", "--no-isolation", "--outdir", directory, CHECKOUT)
    (wheel,) = directory.glob("*.whl")
    _python(
        *("pip", "download", "--quiet", "--only-binary=:all:", "--implementation=cp"),
        *(f"--python-version={release.python}", f"--dest={directory}", wheel, "pip"),
    )
    with Overlay(tree(release)) as system:
        system.put("/srv/sources.tar", _sources(directory))
        date = _output("git", "-C", CHECKOUT, "log", "-1", "--format=%ct").strip()
        system.run(_MAKE.format(python=release.python, date=date), timeout=PATIENCE)
        made = directory / f"kachecks_{release.suite}.deb"
        made.write_bytes(system.take("/srv/package.deb"))
    return made


def _sources(wheels: Path) -> bytes:
    """What packages/make.py needs, as a tar file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in _SOURCES:
            tar.add(CHECKOUT / name, name)
        for file in (*wheels.glob("*.whl"), Path(sys.executable).with_name("nfpm")):
            tar.add(file, file.name)
    return packed.getvalue()


def _python(*argv: object) -> None:
    _output(sys.executable, "-m", *argv)


def _output(*argv: object) -> str:
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise LabError(f"{argv[2]} has failed: {done.stderr[-800:]}")
    return done.stdout


if __name__ == "__main__":
    print(package(RELEASES[sys.argv[1]], Path(sys.argv[2])))
