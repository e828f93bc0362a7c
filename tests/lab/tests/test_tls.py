"""TLS to the peer: asked for, it is had or the peer is not asked at all."""

from __future__ import annotations

from tests.lab.pairs.commands import run
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavours import MARIADB, MYSQL
from tests.lab.tests.shared_pair import shared_pair

PEER_CA = "/etc/kachecks/peer-ca.pem"


pair = shared_pair({MYSQL.name: MYSQL}, "kachecks")  # MySQL makes itself certificates


def promote_again(pair: Pair) -> tuple[int, str]:
    """notify_master on the active node: it asks the peer, and opens nothing."""
    return run(pair.a, "notify_master")


def test_required(pair: Pair) -> None:
    pair.set_options(pair.a, {"peer.ssl-mode": "REQUIRED"})
    status, said = promote_again(pair)
    assert (status, "peer closed" in said) == (0, True), said


def test_the_right_authority(pair: Pair) -> None:
    pair.a.write(PEER_CA, (pair.b.datadir / "ca.pem").read_text())
    pair.set_options(pair.a, {"peer.ssl-mode": "VERIFY_CA", "peer.ssl-ca": PEER_CA})
    status, said = promote_again(pair)
    assert (status, "peer closed" in said) == (0, True), said


def test_the_wrong_authority(pair: Pair) -> None:
    """Somebody else's certificate: neither believed nor opened upon."""
    subject = ["-subj", "/CN=somebody else", "-keyout", "/dev/null", "-out", PEER_CA]
    pair.a.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject])
    pair.set_options(pair.a, {"peer.ssl-mode": "VERIFY_CA", "peer.ssl-ca": PEER_CA})
    status, said = promote_again(pair)
    assert status == 1
    assert "2026" in said
    for statement in pair.flavour.close_writes:
        pair.a.sql(statement)
    assert promote_again(pair)[0] == 1
    assert not pair.is_open(pair.a)


def test_a_server_without_tls() -> None:
    with Pair(MARIADB, suite="kachecks") as pair:
        pair.set_options(pair.a, {"peer.ssl-mode": "REQUIRED"})
        status, said = promote_again(pair)
        assert status == 1
        assert "ssl-mode is REQUIRED but 10.0.0.2 port 3306 offers no TLS" in said
