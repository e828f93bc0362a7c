"""Commands whose quotes do not fit, as ``keepalived -t`` of 2.2.7 takes them: 139 is a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.keepalived.conf import Conf, read
from kachecks.keepalived.instance import instances

INSTANCE = "vrrp_instance V {\nvirtual_router_id 1\ninterface eth0\n%s\n}\n"
TRACKING = INSTANCE % "track_script {\ns\n}\nvirtual_ipaddress {\n10.0.0.1\n}"


def written(tmp_path: Path, text: str) -> Conf:
    (tmp_path / "keepalived.conf").write_text(text)
    return read(str(tmp_path / "keepalived.conf"))


@pytest.mark.parametrize(
    ("command", "taken", "crashes"),
    [
        ("/bin/sh -c 'exit 0'", True, False),
        ("'/bin/true'", True, False),
        ("\"/bin/sh -c 'a b'c \"", True, False),
        ('/bin/true "a\'b"', True, False),
        ('/bin/true\\z "q\'z"', True, False),
        ('"\'"', True, False),
        ("it'", True, False),
        ('"/bin/true it\\\\\'s"', True, False),
        ('"/bin/true it\\\'s"', False, False),
        ('"/bin/true it\'s"', False, False),
        ('"/bin/true it\'s" x', False, False),
        ('"/bin/true\\\\"', False, False),
        ('"a \\\\\\\\\'b"', False, False),
        ("/bin/true it's", False, True),
        ("/bin/true it\\\\'s", False, True),
        ("'it\\'s", False, True),
        ("'/bin/echo x", False, True),
        ('"/bin/true" it\'s', False, True),
        ("'/bin/a' /b'c", False, True),
    ],
)
def test_a_script_with_an_apostrophe(
    tmp_path: Path, command: str, taken: bool, crashes: bool
) -> None:
    conf = written(tmp_path, f"vrrp_script s {{\nscript {command}\n}}\n{TRACKING}")
    (found,) = instances(conf)
    assert [tracker.label for tracker in found.trackers] == (["script s"] if taken else [])
    assert ("crashes on this line" in conf.ends) == crashes
    if not taken and not crashes:
        assert conf.notes[0].startswith(f"{tmp_path}/keepalived.conf:2: keepalived goes on without")


@pytest.mark.parametrize(
    "hook",
    ['notify_master "/bin/echo it\'s"', "notify /bin/echo it's", 'notify_stop "/b it\'s" root',
     'notify_deleted "/bin/echo it\'s"'],
)  # fmt: skip
def test_a_hook_with_an_apostrophe_is_noted_and_the_next_one_taken(
    tmp_path: Path, hook: str
) -> None:
    word = hook.partition(" ")[0]
    conf = written(tmp_path, INSTANCE % f"{hook}\n{word} /bin/true")
    (block,) = conf.root.all("vrrp_instance")
    assert [one.value for one in block.all(word)] == ["/bin/true"]
    assert f"goes on without this {word}, for a ' in it is not closed" in conf.notes[0]
    assert not conf.ends
