"""The output of `kachecks doctor`: text for 80 columns, JSON for programs, the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kachecks.commands.doctor.rule import FAILURE, PEER, Finding, Rule
from kachecks.commands.text import count, wrap
from kachecks.lean import shown

_INDENT = "    "


def as_text(findings: Sequence[Finding], rules: Sequence[Rule], looked_at: Sequence[str]) -> str:
    """Findings, the worst first, and a last line that counts them."""
    lines = [*map(shown, looked_at), ""] if looked_at else []
    found = ordered(findings)
    for same in _grouped(one for one in found if one.checked):
        lines += [*_found(same), ""]
    for same in _grouped(one for one in found if not one.checked):
        lines += [*_not_checked(same), ""]
    lines += _wrapped(_total(findings, rules), "")
    return "\n".join(lines)


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Failures, warnings, then what could not be checked."""
    return sorted(findings, key=lambda finding: (-finding.level, not finding.checked))


def as_json(findings: Sequence[Finding], status: int, looked_at: dict[str, Any]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "status": status,
        **looked_at,
        "findings": [
            {
                "rule": finding.rule.name,
                "level": word(finding.level) if finding.level else None,
                "checked": finding.checked,
                "node": finding.node or None,
                "sentence": finding.sentence,
                "where": finding.where or None,
                "why": finding.rule.why,
                "cure": finding.cure if finding.checked else None,
            }
            for finding in ordered(findings)
        ],
    }


def rule_list(rules: Sequence[Rule]) -> str:
    """All rules, two lines each or so."""
    lines: list[str] = []
    for rule in rules:
        lines += [_head(rule), *_wrapped(rule.checked)]
    return "\n".join(lines)


def rule_text(rule: Rule) -> str:
    """One rule in full."""
    told = (rule.checked, f"why:  {rule.why}", f"cure: {rule.cure}")
    return "\n".join([_head(rule), *(line for text in told for line in _wrapped(text))])


def _head(rule: Rule) -> str:
    return f"{rule.name} ({word(rule.level)})"


def rule_as_json(rule: Rule) -> dict[str, str]:
    """One rule for programs."""
    return {**rule._asdict(), "level": word(rule.level)}


def word(level: int) -> str:
    """What a level is called."""
    return "failure" if level == FAILURE else "warning"


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of one rule together, or of what stood in the way of checking; each group at the
    place of its first finding."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        what = finding.rule.name if finding.checked else (finding.sentence, finding.where)
        groups.setdefault((what, finding.node), []).append(finding)
    return list(groups.values())


def _found(same: Sequence[Finding]) -> list[str]:
    """Each place and sentence of a rule, once why it matters, and every cure."""
    rule = same[0].rule
    lines = [f"{word(rule.level).upper()} {rule.name}{_whose(same[0])}"]
    for finding in same:
        lines += _place(finding)
    lines += _wrapped(f"why:  {rule.why}")
    for cure in dict.fromkeys(finding.cure for finding in same):
        lines += _wrapped(f"cure: {cure}")
    return lines


def _not_checked(same: Sequence[Finding]) -> list[str]:
    names = ", ".join(finding.rule.name for finding in same)
    return [*_wrapped(f"not checked: {names}{_whose(same[0])}", ""), *_place(same[0])]


def _whose(finding: Finding) -> str:
    return " (the peer)" if finding.node == PEER else ""


def _place(finding: Finding) -> list[str]:
    where = (
        [f"{_INDENT}{shown(finding.where)}"] if finding.where else []
    )  # in one piece, to be copied
    return [*where, *_wrapped(finding.sentence)]


def _wrapped(text: str, first: str = _INDENT) -> list[str]:
    """Wrapped lines; those after ``why:`` and ``cure:`` are indented below their text."""
    labelled = text.startswith(("why:", "cure:"))
    return wrap(text, first=first, rest=first + " " * 6 * labelled)


def _total(findings: Sequence[Finding], rules: Sequence[Rule]) -> str:
    if not findings:
        return f"All is as it should be: {len(rules)} rules."
    broken = {finding.rule for finding in findings if finding.checked}
    failures = sum(rule.level == FAILURE for rule in broken)
    skipped = {finding.rule for finding in findings} - broken
    said = f"{count(failures, 'failure')}, {count(len(broken) - failures, 'warning')}"
    if skipped:
        said += f", {count(len(skipped), 'rule')} not checked"
    return f"{said}, of {len(rules)} rules. --explain RULE tells about one."
