"""The firewall of docs/networks.md on both nodes, line by line: what is needed passes."""

from __future__ import annotations

import re
import shlex
import subprocess

from tests.lab.hosts.process import CHECKOUT
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.pairs.commands import said_in_json
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import ADDRESSES, VIP, WITNESS
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.flavour import Flavour

PAGE = (CHECKOUT / "docs/networks.md").read_text()
NETWORK = {"ADVERTS_HEARD", "PEER_PING", "PEER_ARP", "PEER_ANSWERS", "WITNESSES_ANSWER"}


def rules() -> list[list[str]]:
    """As the page has them for A, whose other node is 10.0.0.2; without the word iptables."""
    section = PAGE.partition("\n## A firewall that was tried\n")[2].partition("\n## ")[0]
    found = re.findall(r"^    iptables (.+)$", section, re.MULTILINE)
    return [shlex.split(line) for line in found]


def defend(node: Node, other: Node) -> None:
    for rule in rules():
        node.iptables(*(other.address if word == ADDRESSES[1] else word for word in rule))


def test_the_page_ends_with_a_closed_door() -> None:
    assert rules()[-1] == ["-P", "INPUT", "DROP"]


def test_a_failover_behind_it(flavour: Flavour) -> None:
    """Nothing of the network is amiss for doctor; the VIP moves; who was idle is told, by a reset
    of the new node's kernel, as the old one is gone without a word."""
    with playing(flavour, {"witness": WITNESS}) as scenario:
        for node in scenario.pair.nodes:
            defend(node, scenario.pair.other(node))
        for node in scenario.pair.nodes:
            assert not NETWORK & {each["rule"] for each in findings(node)}
        client = idle_client(scenario)
        try:
            scenario.fault("power-off of A")
            scenario.a.power_off()
            scenario.wait_for_write_on(scenario.b)
            _out, error = client.communicate("SELECT 2;\n", timeout=20)
        finally:
            client.kill()
        assert client.returncode, "the session went on"
        assert re.search("ERROR 20(06|13)", error), error
        scenario.end_on_b()


def findings(node: Node) -> list[dict[str, str]]:
    found: list[dict[str, str]] = said_in_json(node, "doctor")[1]["findings"]
    return found


def idle_client(scenario: Scenario) -> subprocess.Popen[str]:
    """The command-line client, which has a session and waits for its next statement."""
    flavour = scenario.pair.flavour
    argv = [*flavour.program(flavour.name), "--no-defaults", f"--user={APP_USER}"]
    argv += [f"--host={VIP}", "--unbuffered", "--skip-reconnect", "--skip-column-names"]
    client: subprocess.Popen[str] = scenario.pair.client.popen(
        ["env", f"MYSQL_PWD={APP_PASSWORD}", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("SELECT 1;\n")
    client.stdin.flush()
    assert client.stdout.readline() == "1\n"
    return client
