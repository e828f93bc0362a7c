"""What check_mysql does otherwise where the option file says cluster = yes."""

from __future__ import annotations

from kachecks.check.program import Kind
from kachecks.cluster.one_run import Run
from kachecks.cluster.verdict import explain, severity_of

MEMBER = Kind(Run, severity_of, explain)
