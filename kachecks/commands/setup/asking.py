"""From the command line, what this host tells, and a person at the terminal, to the answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kachecks.commands.setup.answers import QUESTIONS, Answers, Question
from kachecks.commands.setup.distribution import DISTRIBUTIONS
from kachecks.commands.setup.snippets import SetupError
from kachecks.config.kinds import checked
from kachecks.network import interfaces
from kachecks.report import say


def complete(given: Mapping[str, Any]) -> Answers:
    """All answers, from the options ``given`` (None: not given).

    Only where this host, or a habit of its distribution, does not tell one that is needed, a
    person is asked, and then for all that was not given.

    Raises SetupError: nobody is there to ask.
    """
    known = {name: value for name, value in given.items() if value is not None}
    lacking = [one for one in QUESTIONS if one.name not in known]
    for question in lacking:
        guess = default(question.name, known)
        with suppress(ValueError):  # an interface of a strange name is left to a person
            if guess is not None:
                known[question.name] = checked(question.kind, guess)
    needed = [one for one in lacking if one.name not in known]
    if needed and not (sys.stdin and sys.stdin.isatty()):  # None: it was closed
        names = ", ".join(one.option for one in needed)
        raise SetupError(f"{names} not given, and nobody is at a terminal to be asked")
    if needed:
        known = {name: value for name, value in given.items() if value is not None}
        for question in lacking:
            known[question.name] = _asked(question, default(question.name, known))
    return Answers(**known)


def default(name: str, known: Mapping[str, Any]) -> str | None:
    """What is taken where nothing is given; None where it must be."""
    if name == "witness":
        return ""
    if name == "node":
        return _number(known)
    if name == "interface":
        return _interface(known)
    places = DISTRIBUTIONS[known["distribution"]]
    if name == "unit" and "server" in known:
        return places.units[known["server"]]
    return places.socket if name == "socket" else None


def _number(known: Mapping[str, Any]) -> str | None:
    """Whose address this host has."""
    here = [
        number
        for number in "12"
        if known.get(f"node{number}_address") in interfaces.own_addresses()
    ]
    return here[0] if len(here) == 1 else None


def _interface(known: Mapping[str, Any]) -> str | None:
    """That of the route to the other node, where this host is the node it is for."""
    number = _number(known)
    if number is None or str(known.get("node")) != number:
        return None
    return interfaces.towards(known[f"node{3 - int(number)}_address"]) or None


def _asked(question: Question, guess: str | None) -> object:
    """What somebody types; asks again until it is of use. Raises SetupError."""
    shown = "" if guess is None else f" [{guess or 'none'}]"
    while True:
        try:
            typed = input(f"{question.meaning}{shown}: ").strip()
        except (EOFError, OSError, UnicodeDecodeError):  # OSError: nobody sees the question
            raise SetupError(f"no answer to {question.option}") from None
        try:
            return checked(question.kind, typed or guess or "")
        except ValueError as error:
            say(f"  {error}")
