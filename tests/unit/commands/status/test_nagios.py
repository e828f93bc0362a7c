"""--format=nagios: what the guidelines of the Monitoring Plugins ask for."""

from __future__ import annotations

import re

from kachecks.commands.status import nagios
from kachecks.commands.status.facts import Lacks, Status
from kachecks.commands.status.judgement import summary
from tests.unit.doubles.status_samples import ACTIVE, CHANNEL, SILENT, STANDBY, STATUS, UUID, server

PERFDATA = re.compile(r"[a-z_]+=(-?[0-9.]+(s|%|B|c)?|U)(;[0-9.:@~]*){0,2}(;[0-9.]*){0,2}( |$)")
"""'label'=value[UOM];[warn];[crit];[min];[max], where U is a value that is not known."""


def lines(status: Status) -> list[str]:
    return nagios.as_lines(status, summary(status), 30.0)


def test_all_is_well() -> None:
    assert lines(STATUS) == [
        "KACHECKS OK: a serves, b stands by and looks fit from here"
        " | this_lag=0s;30;;0 this_missing=0;;;0 other_lag=0s;30;;0 other_missing=0;;;0"
        " check=0.012s;;;0 look=0.157s;;;0"
    ]


def test_something_is_wrong() -> None:
    late = server(2, False, channels=(CHANNEL._replace(lag_seconds=236411),),
                  lacks=Lacks(f"{UUID}1:1-3", 3))  # fmt: skip
    first, *more = lines(STATUS._replace(there=STANDBY._replace(server=late), marks=None,
                                         marks_said="only root"))  # fmt: skip
    assert " other_lag=236411s;30;;0 other_missing=3;;;0 " in first
    assert more == ["not seen: the marks, maintenance among them: only root"]
    first, *more = lines(STATUS._replace(there=SILENT, check_seconds=None))
    assert first.startswith("KACHECKS WARNING: a serves, 10.0.0.2 cannot be reached | ")
    assert " other_lag=U;30;;0 other_missing=U;;;0 check=U;;;0 " in first
    assert more == ["wrong: 10.0.0.2: nothing answers at 10.0.0.2"]


def test_figures_are_those_of_the_guidelines() -> None:
    for status in (STATUS, STATUS._replace(there=SILENT, check_seconds=None)):
        said, bar, figures = lines(status)[0].partition(" | ")
        assert bar
        assert "|" not in said
        assert PERFDATA.sub("", figures) == ""


def test_texts_of_servers_are_one_line_and_begin_no_figures() -> None:
    told = f"a | b\n\x1b[31m {'x' * 5000}"
    first, second, *_ = lines(STATUS._replace(there=SILENT._replace(trouble=told)))
    assert "\x1b" not in second
    assert second.startswith("wrong: 10.0.0.2: a / b ?[31m xxx")
    assert len(first) < 1000 > len(second)
    assert ACTIVE.name in first


def test_no_look_at_all() -> None:
    said = nagios.cannot_look("/etc/kachecks/kachecks.cnf cannot be read | at all")
    assert said == "KACHECKS UNKNOWN: /etc/kachecks/kachecks.cnf cannot be read / at all"
