"""A further generation is what it says, and its keepalived looks like one that is installed."""

from tests.lab.pairs.pair import VIP, Pair
from tests.lab.servers.flavours import MARIADB_TRIXIE
from tests.lab.servers.keepalived import PROGRAM, Keepalived
from tests.lab.tests.shared_pair import shared_pair

pair = shared_pair({MARIADB_TRIXIE.name: MARIADB_TRIXIE}, "kachecks")


def test_server_is_of_that_generation_with_its_defaults(pair: Pair) -> None:
    for node in pair.nodes:
        assert str(node.value("SELECT VERSION()")).startswith("11.8.")
        assert node.value("SELECT @@global.collation_server") == "utf8mb4_uca1400_ai_ci"


def test_keepalived_is_another_than_the_systems(pair: Pair) -> None:
    version = MARIADB_TRIXIE.keepalived.version
    assert version.startswith("2.3.")
    assert version != Keepalived().version
    for node in pair.nodes:
        assert f"v{version}" in node.run(["keepalived", "--version"]).stderr
        assert f"Starting Keepalived v{version}" in (node.logs / "keepalived.log").read_text()


def test_keepalived_looks_like_an_installed_one(pair: Pair) -> None:
    for pid in pair.a.keepalived_pids():
        assert pair.a.run(["readlink", f"/proc/{pid}/exe"]).stdout.strip() == PROGRAM
        assert pair.a.path(f"/proc/{pid}/comm").read_text().strip() == "keepalived"


def test_what_it_starts_runs_on_the_nodes_own_libraries(pair: Pair) -> None:
    """The hooks have run: A is open. Only keepalived itself maps the tree's C library."""
    assert pair.is_serving(pair.a)
    assert pair.a.has_vip(VIP)
    tree = str(MARIADB_TRIXIE.chroot)
    parent = pair.a.keepalived_pids()[0]
    assert f"{tree}/usr/lib" in pair.a.path(f"/proc/{parent}/maps").read_text()
    environment = pair.a.path(f"/proc/{parent}/environ").read_text()
    assert tree not in environment
    assert tree not in pair.a.run(["ldd", "/usr/bin/env"]).stdout
