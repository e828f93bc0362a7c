"""zsh and fish: what is offered, where they are installed; and that each option is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kachecks.commands.main import PARTS
from manual import completion_fish, completion_zsh
from manual.parser import options
from manual.programs import PROGRAMS, parser_of

FISH, ZSH = completion_fish.completions(), completion_zsh.completions()
MODULES = {
    **{name: of[0] for name, of in PROGRAMS.items()},
    **{f"kachecks {part}": f"commands.{part}.command" for part in PARTS},
}


@pytest.mark.parametrize("called", MODULES)
def test_every_option_is_offered(called: str) -> None:
    """To no other program, and to no other part."""
    name, _, part = called.partition(" ")
    where = f"complete -c {name} -n '__fish_seen_subcommand_from {part}'" if part else ""
    of_fish = "\n".join(line for line in FISH[name].splitlines() if line.startswith(where))
    of_zsh = ZSH[name]
    if part:
        of_zsh = of_zsh.partition(f"\n    ({part})\n")[2].partition(";;")[0]
    named = [each for option in options(parser_of(MODULES[called])) for each in option.names]
    assert len(named) > 3
    for each in named:
        kind = "-l" if each.startswith("--") else "-s"
        assert f" {kind} {each.lstrip('-')} " in of_fish
        assert f"){each}[" in of_zsh or f"){each}=[" in of_zsh or f"*{each}=[" in of_zsh


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize("name", ZSH)
def test_zsh_can_read_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(ZSH[name])
    subprocess.run(["zsh", "-n", str(tmp_path / "script")], check=True)


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("kachecks sw", ["switchover"]),
        ("kachecks maintenance o", ["off", "on"]),
        ("kachecks maintenance on --f", ["--for"]),
        ("kachecks doctor --explain STATE_B", ["STATE_BACKUP"]),
        ("kachecks status --format=na", ["--format=nagios"]),
        ("check_mysql --f", ["--fence"]),
        ("notify_down --also one", ["one.conf"]),
        ("kachecks elect one", ["one.conf"]),
        ("kachecks maintenance on --for ", []),
    ],
)
def test_fish(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "one.conf").touch()
    script = f"{FISH[line.split()[0]]}\ncomplete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [each.partition("\t")[0] for each in done.stdout.splitlines()] == offered
