"""What operators copy for monitoring names metrics that there are, and leaves a whole file."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kachecks.commands.status import prometheus
from tests.unit.commands.status.test_prometheus import FULL, text

SNIPPETS = Path(__file__).parents[4] / "keepalived-snippets/monitoring"
ON_METRICS = ("prometheus-rules.yml", "grafana-dashboard.json")
MATCHER = re.compile(r'(\w+)(?:=~|!=|=)\\?"')
"""A label and its operator in a selector."""


def labels_of(name: str) -> set[str]:
    """Those that its samples have."""
    for family in text_string_to_metric_families(text(FULL)):
        if family.name == name:
            return {label for sample in family.samples for label in sample.labels}
    raise AssertionError(f"no metric is called {name}")


@pytest.mark.parametrize("file", ON_METRICS)
def test_metrics_and_labels_are_written(file: str) -> None:
    said = (SNIPPETS / file).read_text()
    used = re.findall(r"(kachecks_\w+)(?:\{([^}]*)\})?", said)
    assert len(used) > 5
    for name, selector in used:
        assert set(MATCHER.findall(selector)) <= labels_of(name), (name, selector)


def test_every_rule_tells_how_bad_it_is() -> None:
    said = (SNIPPETS / "prometheus-rules.yml").read_text()
    severities = re.findall(r"^          severity: (\w+)$", said, re.MULTILINE)
    assert len(severities) == said.count("- alert: ")
    assert set(severities) == {"critical", "warning", "info"}


def test_promtool_has_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    subprocess.run([promtool, "check", "rules", SNIPPETS / "prometheus-rules.yml"], check=True)


def test_the_dashboard_is_json_and_its_panels_do_not_overlap() -> None:
    panels = json.loads((SNIPPETS / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


def service(program: Path, metrics: Path) -> subprocess.CompletedProcess[str]:
    """The command of the systemd service, with another kachecks, for another file."""
    unit = (SNIPPETS / "kachecks-metrics@.service").read_text()
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    command = shlex.split(line.partition("=")[2])
    command[2] = command[2].replace("/opt/kachecks/bin/kachecks", str(program))
    command[-1] = str(metrics)
    assert command[-2] == "/etc/kachecks/%i.cnf"
    return subprocess.run(command, capture_output=True, text=True)


def program(directory: Path, script: str) -> Path:
    path = directory / "kachecks"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_service_puts_a_whole_file_in_place_of_the_old_one(tmp_path: Path) -> None:
    metrics = tmp_path / "main.prom"
    metrics.write_text("old\n")
    with metrics.open() as before:
        said = 'echo "$*"; cat "${0%/*}/main.prom"'  # while it writes, the old one is there
        assert service(program(tmp_path, said), metrics).returncode == 0
        assert before.read() == "old\n"
    assert metrics.read_text() == (
        "status --defaults-file=/etc/kachecks/%i.cnf --format=prometheus\nold\n"
    )


def test_where_nothing_can_be_looked_at_the_old_file_stays(tmp_path: Path) -> None:
    metrics = tmp_path / "main.prom"
    metrics.write_text("old\n")
    assert service(program(tmp_path, "echo half; exit 3"), metrics).returncode == 3
    assert metrics.read_text() == "old\n"


def test_the_names_are_told_in_the_manual() -> None:
    told = (Path(__file__).parents[4] / "docs/monitoring.md").read_text()
    table = re.findall(r"^\| `kachecks_(\w+)` \|", told, re.MULTILINE)
    assert table == [metric.name for metric in prometheus.METRICS]
