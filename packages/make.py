"""Lays out what the packages hold, and has nfpm make the .deb and the .rpm of it.

    python packages/make.py WHEEL DIRECTORY     # run by `make packages`

The packages hold an environment of Python of their own, for the version that runs this, which must
be the system's: /opt/kachecks/bin has the programs, /opt/kachecks/versions/VERSION what they load.
/opt/kachecks/current, which the maintainer scripts make, is a link to the version in use.
"""

from __future__ import annotations

import compileall
import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

HERE = Path(__file__).resolve().parent
SNIPPETS = HERE.parent / "keepalived-snippets"
RELEASE = os.environ.get("RELEASE", "1")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PROGRAMS = ("check_mysql", "notify_master", "notify_backup", "notify_down", "kachecks")
INTERPRETER = "/opt/kachecks/current/bin/python3 -I"
"""Isolated: no PYTHON* variable of root's decides what runs. pip, which writes that line of what it
installs, leaves options out."""
LEFT_OUT = ("direct_url.json", "REQUESTED", "RECORD", "INSTALLER")
"""Of the dist-info directories: for pip, which is not there."""


def main(wheel: Path, made: Path) -> None:
    """Everything below ``made``, the packages beside the wheel."""
    version = wheel.name.split("-")[1]
    work, root = made / "work", made / "root"
    shutil.rmtree(made, ignore_errors=True)
    environment = _environment(wheel, work)
    _opt(environment, root / "opt/kachecks", f"{version}-{RELEASE}")
    _system(environment / "share", root)
    _scripts(made / "scripts", f"{version}-{RELEASE}")
    _beside(made, f"{version}-{RELEASE}")
    for file in (environment / "share/zsh/site-functions").iterdir():
        _write(made / "zsh" / file.name, file)
    shutil.rmtree(work)
    _settle(root)
    for kind in ("deb", "rpm"):
        _nfpm(kind, made, wheel.resolve().parent, version)


def _environment(wheel: Path, work: Path) -> Path:
    """A virtual environment with the wheel and what it needs."""
    if sys.base_prefix != "/usr":
        sys.exit(
            f"packages are made with the system's Python, not the one in {sys.base_prefix}:"
            " make clean, then make packages PYTHON=/usr/bin/python3"
        )
    place = work / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(place / "bin/python3")]
    subprocess.run([*pip, "install", "--no-compile", str(wheel)], check=True)
    return place


def _opt(environment: Path, opt: Path, version: str) -> None:
    """The programs, and the environment that they run in: links, a marker and libraries."""
    inside = opt / "versions" / version
    (inside / "bin").mkdir(parents=True)
    (inside / "bin/python3").symlink_to(f"/usr/bin/python{PYTHON}")
    shutil.move(environment / "lib", inside / "lib")
    (inside / "lib64").symlink_to("lib")  # where Red Hat's Python looks first
    (inside / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    )
    for name in LEFT_OUT:
        for file in inside.rglob(f"*.dist-info/{name}"):
            file.unlink()
    (opt / "bin").mkdir()
    for name in PROGRAMS:
        text = (environment / "bin" / name).read_text()
        text = re.sub(r"\A#!.*", f"#!{INTERPRETER}", text)
        (opt / "bin" / name).write_text(text)
        (opt / "bin" / name).chmod(0o755)


def _system(share: Path, root: Path) -> None:
    """Where a distribution's own programs look."""
    for page in share.glob("man/man?/*"):
        _write(root / f"usr/share/man/{page.parent.name}/{page.name}.gz", page, packed=True)
    for file in share.glob("bash-completion/completions/*"):
        _write(root / "usr/share/bash-completion/completions" / file.name, file)
    for file in share.glob("fish/vendor_completions.d/*"):
        _write(root / "usr/share/fish/vendor_completions.d" / file.name, file)
    documents = root / "usr/share/doc/kachecks"
    for file in (share / "doc/kachecks").rglob("*"):
        if file.is_file():
            _write(documents / file.relative_to(share / "doc/kachecks"), file)
    _write(documents / "changelog.gz", documents / "CHANGELOG.md", packed=True)
    (documents / "CHANGELOG.md").unlink()
    for snippet in filter(Path.is_file, SNIPPETS.rglob("*")):
        _write(documents / "keepalived-snippets" / snippet.relative_to(SNIPPETS), snippet)
    systemd = root / "usr/lib"
    _write(systemd / "tmpfiles.d/kachecks.conf", SNIPPETS / "kachecks.tmpfiles.conf")
    drop_in = SNIPPETS / "kachecks-keepalived.service.d.conf"
    _write(systemd / "systemd/system/keepalived.service.d/kachecks.conf", drop_in)
    (root / "usr/sbin").mkdir()
    for name in PROGRAMS:
        (root / "usr/sbin" / name).symlink_to(f"/opt/kachecks/bin/{name}")


def _beside(made: Path, version: str) -> None:
    """What nfpm.yaml names one by one."""
    _write(made / "logrotate", SNIPPETS / "kachecks.logrotate")
    for name in ("copyright", "lintian-overrides"):
        _write(made / name, HERE / name)
    (made / "changelog").write_bytes(_changelog(version))
    _write(made / "changelog.Debian.gz", made / "changelog", packed=True)


def _write(target: Path, source: Path, *, packed: bool = False) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    data = source.read_bytes()
    target.write_bytes(gzip.compress(data, 9, mtime=0) if packed else data)
    target.chmod(0o644)


def _changelog(version: str) -> bytes:
    """Of the package, as dpkg wants it; what has changed stands in changelog.gz."""
    return (
        f"kachecks ({version}) stable; urgency=medium\n\n  * See changelog.gz.\n\n"
        f" -- The kachecks authors <kachecks@packages.invalid>  {_date()}\n"
    ).encode()


def _date() -> str:
    if "SOURCE_DATE_EPOCH" in os.environ:
        return formatdate(int(os.environ["SOURCE_DATE_EPOCH"]))
    shown = ["git", "-C", str(HERE), "log", "-1", "--format=%cD"]
    return subprocess.run(shown, check=True, capture_output=True, text=True).stdout.strip()


def _scripts(target: Path, version: str) -> None:
    target.mkdir(parents=True)
    for script in (HERE / "scripts").iterdir():
        text = script.read_text().replace("@VERSION@", version)
        (target / script.name).write_text(text)
        (target / script.name).chmod(0o755)


def _settle(root: Path) -> None:
    """The same modes whoever builds, and compiled modules, so that none is written at run time."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or (path.stat().st_mode & 0o100 and ".so" not in path.name)
            path.chmod(0o755 if runs else 0o644)
    compiled = compileall.compile_dir(
        root / "opt", quiet=1, stripdir=str(root), prependdir="/", force=True
    )
    if not compiled:
        sys.exit("some modules could not be compiled")


def _nfpm(kind: str, made: Path, target: Path, version: str) -> None:
    variables = {
        "KACHECKS_VERSION": version,
        "KACHECKS_RELEASE": RELEASE,
        "KACHECKS_ARCH": ARCHITECTURES[platform.machine()],
        "KACHECKS_PYTHON": PYTHON,
    }
    nfpm = [str(Path(sys.executable).with_name("nfpm")), "package"]
    options = ["--config", str(HERE / "nfpm.yaml"), "--packager", kind, "--target", str(target)]
    subprocess.run([*nfpm, *options], cwd=made, env={**os.environ, **variables}, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
