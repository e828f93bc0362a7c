"""The example receivers of the snippets, fed with alerts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kachecks import alert

SNIPPETS = Path(__file__).parents[2] / "keepalived-snippets/monitoring"
ENTRY: dict[str, object] = {"reason": "LAG", "exit": 24, "sentence": "LAG: 40 s behind \u00e4"}
OPENED: dict[str, object] = {
    "transition": "promote", "outcome": "opened", "why": "peer closed", "cause": "notify_master",
}  # fmt: skip
LAG = alert.problem("main", "warning", 1796024513.0, ENTRY)
OVER = alert.end("main", "LAG", 1796024513.0, "LAG is over")
SUCCESS = alert.event("main", OPENED, failed=False)
REFUSED = alert.event("main", {**OPENED, "outcome": "refused"}, failed=True)
UNUSABLE = alert.of_option_file("/etc/k.cnf", alert.problem("", "unknown", 0.0, ENTRY))


def run(script: str, told: dict[str, object]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(told).encode(), capture_output=True
    )


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[str]:
    """The script, with a sendmail that keeps what it gets."""
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f'#!/bin/sh\n[ "$*" = "-t -i" ] && cat > {tmp_path}/mail\n')
    sendmail.chmod(0o755)
    script = (SNIPPETS / "alert-mail").read_text()
    assert "/usr/sbin/sendmail" in script
    return script.replace("/usr/sbin/sendmail", str(sendmail))


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (LAG, "WARNING: {node} main: LAG"),
        (OVER, "RESOLVED: {node} main: LAG"),
        (REFUSED, "CRITICAL: {node} main: promote refused"),
        (UNUSABLE, "UNKNOWN: {node} /etc/k.cnf: LAG"),
        (SUCCESS, None),
    ],
)
def test_mail(tmp_path: Path, mail: str, told: dict[str, object], subject: str | None) -> None:
    ran = run(mail, told)
    assert (ran.returncode, ran.stderr) == (0, b"")
    if subject is None:
        assert not (tmp_path / "mail").exists()
        return
    sent = message_from_bytes((tmp_path / "mail").read_bytes())
    assert (sent["To"], sent["Subject"]) == ("root", subject.format(node=told["node"]))
    body = sent.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert f"{told['sentence']}\n" in body
    assert str(told["id"]) in body


class Service(HTTPServer):
    """Refuses the first requests."""

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refusals = refusals
        self.got: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        assert self.headers["Content-Type"] == "application/json"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.refusals -= 1
        self.send_response(503 if self.server.refusals >= 0 else 204)
        self.end_headers()
        if self.server.refusals < 0:
            self.server.got.append(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(("refusals", "arrives"), [(0, True), (2, True), (9, False)])
def test_webhook(tmp_path: Path, refusals: int, arrives: bool) -> None:
    script = (SNIPPETS / "alert-webhook").read_text()
    url = tmp_path / "url"
    assert "PAUSE = 5" in script
    script = script.replace("/etc/kachecks/webhook.url", str(url)).replace("PAUSE = 5", "PAUSE = 0")
    with Service(refusals) as service:
        url.write_text(f"http://127.0.0.1:{service.server_port}/hook\n")
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        ran = run(script, LAG)
        service.shutdown()
        thread.join(10)
    assert (ran.returncode == 0) is arrives
    assert [json.loads(body) for body in service.got] == [LAG] * arrives
