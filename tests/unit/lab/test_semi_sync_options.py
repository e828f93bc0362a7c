"""The semi-sync lines of the my.cnf snippets, switched on, in the words of each server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.pairs.files import SEMI_SYNC
from tests.lab.pairs.snippets import SNIPPETS, uncommented
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.mariadb import MariaDB
from tests.lab.servers.mysql import MySQL


def flavour(kind: type[Flavour], version: str) -> Flavour:
    server = kind()
    server.__dict__.update(version=version, _tree=Path("/nonexistent"))
    return server


def options(server: Flavour) -> dict[str, str]:
    """The options in force that have to do with semi-sync."""
    snippet = (SNIPPETS / server.options_snippet).read_text()
    text = server.options(uncommented(snippet, *SEMI_SYNC))
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    found = {name.strip(): value.strip() for name, _, value in pairs}
    return {name: value for name, value in found.items() if name.startswith(SEMI_SYNC)}


@pytest.mark.parametrize(
    ("server", "source", "replica"),
    [
        (flavour(MariaDB, "11.8.6-MariaDB"), "rpl_semi_sync_master", "rpl_semi_sync_slave"),
        (flavour(MySQL, "9.7.4"), "rpl_semi_sync_source", "rpl_semi_sync_replica"),
        (flavour(MySQL, "5.7.44"), "rpl_semi_sync_master", "rpl_semi_sync_slave"),
    ],
    ids=["mariadb", "mysql-9.7", "mysql-5.7"],
)
def test_both_halves_are_on(server: Flavour, source: str, replica: str) -> None:
    found = options(server)
    assert server.semi_sync_source == source
    assert found[f"{source}_enabled"] == found[f"{replica}_enabled"] == "ON"
    assert found[f"{source}_wait_point"] == "AFTER_SYNC"
    assert f"{source}_timeout" in found


@pytest.mark.parametrize(
    ("version", "plugins"),
    [
        ("9.7.4", "semisync_source.so;semisync_replica.so"),
        ("5.7.44", "semisync_master.so;semisync_slave.so"),  # MySQL manual: before 8.0.26
    ],
)
def test_plugins_of_mysql_by_their_names_of_the_time(version: str, plugins: str) -> None:
    assert options(flavour(MySQL, version))["plugin_load_add"] == plugins
