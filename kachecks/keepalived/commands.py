"""The commands of a keepalived.conf, which keepalived splits into words twice, and its shell never.

First the whole line, then what it has found as the command, each time with single and double quotes
and escapes (alloc_strvec_quoted_escaped in lib/parser.c, set_script_params_array in lib/notify.c).
An apostrophe is a quote that is never closed. Each case was tried with ``keepalived -t`` of 2.2.7.
"""

from __future__ import annotations

_BLANK = " \t\n\v\f\r"


def why_unreadable(line: str) -> tuple[str, bool]:
    """What is wrong with the quotes or escapes of the line of a command, "" nothing; and whether it
    is found in the first round already, which crashes keepalived on the ``script`` line of a
    vrrp_script."""
    words, why = _split(line)
    if why:
        return why, True
    return (_split(words[1])[1], False) if len(words) > 1 else ("", False)


def _split(text: str) -> tuple[list[str], str]:
    """The words, and why there are none.

    A quote that is not closed is only missed where a letter follows it or its last escape.
    """
    words: list[str] = []
    quote = word = ""
    begun = missed = False
    letters = iter(text)
    for letter in letters:
        if not quote and letter in _BLANK:
            words += [word] if begun else []
            word, begun = "", False
            continue
        begun, missed = True, False
        if letter == "\\":
            letter = next(letters, "")  # what \n and the like mean does not matter here
            if not letter:
                return [], "it ends with a \\ that escapes nothing"
            word += letter
        elif letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        else:
            word += letter
            missed = bool(quote)
    if missed:
        return [], f"a {quote} in it is not closed"
    return words + ([word] if begun else []), ""
