"""The manual: a page for every program and part, and one for the option file.

    python -m manual.pages DIRECTORY

writes share/man and the completions for bash, zsh and fish below it. Everything comes from what the
programs themselves use: their parsers, the rules of the check and of doctor, the keys of the option
file.
Needs nothing but the standard library, so a build does not need what kachecks needs at run time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from kachecks import __version__
from kachecks.check.verdict import RULES
from kachecks.cluster.verdict import RULES as RULES_OF_CLUSTER
from kachecks.commands.main import PARTS
from kachecks.config.options import DEFAULT_PATH
from manual.option_file import option_file
from manual.parser import Option, epilog, options
from manual.programs import PROGRAMS, parser_of
from manual.roff import Page, bold, escaped, italic


def pages() -> Iterator[Page]:
    """All of them."""
    for name, (module, purpose) in PROGRAMS.items():
        yield _program(name, purpose, parser_of(module), _others(name))
    yield _overview()
    for part, purpose in PARTS.items():
        name = f"kachecks-{part}"
        yield _program(name, purpose, parser_of(f"commands.{part}.command"), _others(name))
    yield option_file([f"{name}(8)" for name in (*PROGRAMS, "kachecks")])


def _others(name: str) -> list[str]:
    """See also."""
    if name.startswith("kachecks-"):
        return ["kachecks(8)", "check_mysql(8)", "kachecks.cnf(5)"]
    names = [f"{each}(8)" for each in (*PROGRAMS, "kachecks") if each != name]
    return [*names, "kachecks.cnf(5)", "keepalived.conf(5)"]


def _program(name: str, purpose: str, parsing: argparse.ArgumentParser, others: list[str]) -> Page:
    page = Page(name, 8, __version__, purpose)
    told = epilog(parsing.epilog or "")
    known = options(parsing)
    page.section("SYNOPSIS")
    page.raw(" ".join([bold(parsing.prog), *map(_synopsis, known)]))
    page.section("DESCRIPTION")
    for paragraph in ((parsing.description or "").strip(), *told.prose):
        page.paragraph(paragraph)
    page.section("OPTIONS")
    for option in known:
        page.term(_term(option), option.help)
    if name == "check_mysql":
        _verdicts(page)
    else:
        page.section("EXIT STATUS")
        for number, meaning in told.statuses:
            page.term(bold(number), meaning)
    if name == "kachecks-doctor":
        _doctor_rules(page)
    if told.examples:
        page.section("EXAMPLES")
        page.literal(told.examples)
    if any("--defaults-file" in option.names for option in known):
        page.section("FILES")
        page.term(italic(DEFAULT_PATH), "the option file, see kachecks.cnf(5)")
    page.see_also(others)
    return page


def _synopsis(option: Option) -> str:
    value = escaped(option.value) if option.choices else italic(option.value)
    if not option.names:
        return f"[{value}]" if option.optional else value
    said = bold(option.names[0])
    if option.value:
        said += f" [{value}]" if option.optional else f" {value}"
    return f"[{said}]{'...' if option.repeats else ''}"


def _term(option: Option) -> str:
    value = escaped(option.value) if option.choices else italic(option.value)
    if not option.names:
        return value
    names = ", ".join(map(bold, option.names))
    if not option.value:
        return names
    return f"{names} [{value}]" if option.optional else f"{names} {value}"


def _verdicts(page: Page) -> None:
    """The table that also decides."""
    page.section("EXIT STATUS")
    page.paragraph(
        "The first of these rules that fits decides. The node that has the virtual IP and is open,"
        " or is being promoted, is judged as the holder, any other one as a standby. Where a rule"
        " says keep, the exit status is 0 and people are told."
    )
    page.term(bold("0"), "OK: none of the rules fits, or the one that does keeps the virtual IP.")
    page.term(bold("2"), "The command line is wrong.")
    for rule in RULES:
        effects = f"Holder: {rule.holder}. Standby: {rule.standby}."
        if str(rule.holder) == str(rule.standby):
            effects = f"Holder and standby: {rule.holder}."
        page.term(f"{bold(str(rule.status))} {bold(rule.reason)}", f"{rule.meaning}.", effects)
    page.section("EXIT STATUS OF A MEMBER OF A CLUSTER")
    page.paragraph(
        "With cluster = yes in the option file these rules decide. Who has the virtual IP is the"
        " holder. Nothing is closed or killed."
    )
    for each in RULES_OF_CLUSTER:
        effects = f"Holder: {each.holder}. Standby: {each.standby}."
        page.term(f"{bold(str(each.status))} {bold(each.reason)}", f"{each.meaning}.", effects)


def _doctor_rules(page: Page) -> None:
    from kachecks.commands.doctor.rule import FAILURE
    from kachecks.commands.doctor.tables import ALL_RULES

    page.section("RULES")
    for rule in ALL_RULES:
        level = "failure" if rule.level == FAILURE else "warning"
        page.term(
            f"{bold(rule.name)} ({level})",
            f"Expected: {rule.checked}.",
            f"Why: {rule.why}",
            f"Cure: {rule.cure}",
        )


def _overview() -> Page:
    page = Page("kachecks", 8, __version__, "operate a pair of MySQL servers behind a virtual IP")
    page.section("SYNOPSIS")
    page.raw(f"{bold('kachecks')} {italic('PART')} [{italic('options')}]")
    page.raw(f"{bold('kachecks --version')}")
    page.section("DESCRIPTION")
    page.paragraph(
        "keepalived moves a virtual IP between two nodes that replicate from each other. kachecks"
        " makes it follow a healthy, writable, sole MySQL or MariaDB. There is no daemon:"
        " keepalived calls check_mysql every second, and notify_master and notify_backup when the"
        " VIP moves; systemd calls notify_down before it stops keepalived. This command is for the"
        " operator; it asks and acts by the same rules as those."
    )
    page.section("PARTS")
    for part, purpose in PARTS.items():
        page.term(bold(part), f"{purpose}; see kachecks-{part}(8).")
    page.section("EXIT STATUS")
    page.term(
        bold("3"),
        "A file, a server or the command line is of no use. 0, 1 and 2 are each part's own.",
    )
    page.term(bold("130"), "Ended by Ctrl-C.")
    page.section("FILES")
    page.term(italic(DEFAULT_PATH), "the option file, see kachecks.cnf(5)")
    page.term(italic("/run/kachecks"), "lock, permit and marks of each pair; gone after a reboot")
    page.term(italic("/var/lib/kachecks"), "last outcome and audit log of each pair")
    page.see_also([f"kachecks-{part}(8)" for part in PARTS] + _others("kachecks"))
    return page


def write(directory: str) -> list[str]:
    """All pages and completions below ``directory``; their paths. Raises OSError."""
    from manual import completion_bash, completion_fish, completion_zsh

    files = {f"share/man/man{page.file[-1]}/{page.file}": page.text() for page in pages()}
    for name, text in completion_bash.completions().items():
        files[f"share/bash-completion/completions/{name}"] = text
    for name, text in completion_zsh.completions().items():
        files[f"share/zsh/site-functions/_{name}"] = text
    for name, text in completion_fish.completions().items():
        files[f"share/fish/vendor_completions.d/{name}.fish"] = text
    for path, text in files.items():
        whole = os.path.join(directory, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="ascii") as file:
            file.write(text)
    return list(files)


if __name__ == "__main__":
    for path in write(sys.argv[1]):
        print(path)
