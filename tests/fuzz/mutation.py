"""Broken copies of good inputs."""

from __future__ import annotations

import random

NASTY = (
    b"\0", b"\xff\xfe", b"\x1b[31m", b"\r\n", b"\n", b"'", b'"', b"`", b"\\", b"%s", b"{}", b"${x}",
    b"-1", b"0", b"1e999", b"nan", b"inf", b"-inf", b"9" * 30, b"9" * 5000, b"0x10", b"1_0",
    "\u202e".encode(), "\u00a0".encode(), "\u0661".encode(), b"\xed\xa0\x80", b" " * 300,
    b"A" * 70000, b":" * 40, b"," * 40, b"{" * 200, b"}" * 200, b"[" * 5000, b"#", b";", b"=", b"[",
    b"]", b"@", b"\f", b"include /x\n", b"!include /x\n",
)  # fmt: skip
"""What parsers of text have stumbled over."""

MOST = 6
"""Changes in one copy, at most."""


def mutated(draw: random.Random, seed: bytes, others: list[bytes]) -> bytes:
    """A copy with a few changes; now and then a piece of another seed."""
    data = bytearray(seed)
    for _ in range(draw.randint(1, MOST)):
        at = draw.randint(0, len(data))
        until = min(len(data), at + draw.choice((1, 1, 2, 5, 30)))
        how = draw.randrange(7)
        if how == 0:
            data[at:until] = b""
        elif how == 1:
            data[at:at] = draw.choice(NASTY)
        elif how == 2:
            data[at:until] = draw.choice(NASTY)
        elif how == 3 and data:
            data[at - 1] = draw.randrange(256)
        elif how == 4:
            data[at:at] = data[at:until] * draw.choice((1, 2, 50))
        elif how == 5:
            other = draw.choice(others)
            begin = draw.randint(0, len(other))
            data[at:until] = other[begin : begin + draw.choice((3, 20, 200))]
        else:
            del data[at:]
    return bytes(data)
