"""Galera, on the MariaDB of two Debian releases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.clusters.engine import SIZE, Engine, Standing, Values, off, said
from tests.lab.error import LabError
from tests.lab.pairs import datadir
from tests.lab.pairs.node import Node
from tests.lab.servers.flavour import DATADIR, OPTION_FILE
from tests.lab.servers.galera import Galera as Server

_PROVIDER = {
    "wsrep_on": "ON",
    "wsrep_provider": "/usr/lib/galera/libgalera_smm.so",
    "wsrep_provider_options": '"gcache.size=32M"',
    "wsrep_cluster_name": "lab",
    "binlog_format": "ROW",
    "innodb_autoinc_lock_mode": 2,
}
_ALONE = {
    **_PROVIDER,
    "wsrep_cluster_address": "gcomm://",
    "wsrep_node_address": "127.0.0.1",
}
_GRANTS = """
CREATE USER kachecks@localhost IDENTIFIED BY 'LOCAL_PASSWORD';
GRANT SLAVE MONITOR, PROCESS, CONNECTION ADMIN, READ_ONLY ADMIN ON *.* TO kachecks@localhost;
"""
_STATE = f"{DATADIR}/grastate.dat"
_VIEW = f"{DATADIR}/gvwstate.dat"


class Galera(Engine):
    """Members take writes all at once; who has no quorum says so and refuses them."""

    member_state = "Synced"
    one_writer = False
    ports = (4567, 4568, 4444)
    unaware = 0.0
    grants = _GRANTS
    session = ("SET SESSION wsrep_sync_wait = 0",)
    statement = (
        "SELECT MAX(IF(variable_name = 'WSREP_LOCAL_STATE_COMMENT', variable_value, '')),"
        " MAX(IF(variable_name = 'WSREP_CLUSTER_SIZE', variable_value, '')),"
        " MAX(IF(variable_name = 'WSREP_CLUSTER_STATUS', variable_value, '')),"
        " MAX(IF(variable_name = 'WSREP_READY', variable_value, '')), @@global.read_only"
        " FROM information_schema.global_status WHERE variable_name IN"
        " ('WSREP_LOCAL_STATE_COMMENT', 'WSREP_CLUSTER_SIZE', 'WSREP_CLUSTER_STATUS',"
        " 'WSREP_READY')"
    )

    def __init__(self, server: Server) -> None:
        self.flavour = server
        self.name = server.name

    def settings(self, number: int, addresses: Sequence[str]) -> Mapping[str, object]:
        return {
            "server_id": number,
            "bind_address": "*",
            "skip_name_resolve": "ON",
            "innodb_flush_log_at_trx_commit": 1,
            **_PROVIDER,
            "wsrep_cluster_address": f"gcomm://{','.join(addresses)}",
            "wsrep_node_address": addresses[number - 1],
            "wsrep_node_name": f"node{number}",
            "wsrep_sst_method": "mariabackup",
            "wsrep_sst_auth": "root:",
        }

    def template(self) -> Path:
        """From a cluster of one, so that it has a history, and all members the same."""
        lines = "".join(f"{key} = {value}\n" for key, value in _ALONE.items())
        return datadir.made_by(self.flavour, self.accounts(), f"[mysqld]\n{lines}")

    def furnish(self, node: Node, number: int) -> None:
        """As after a loss of power in a whole cluster: once all are up they go on as one.

        Forming it anew instead would make each other member ask for what the first has done
        since, with a state transfer's script: 10 s for each on a busy machine.
        """
        members = "".join(f"member: {_identity(each)} 0\n" for each in range(1, SIZE + 1))
        node.path(_VIEW).write_text(
            f"my_uuid: {_identity(number)}\n#vwbeg\nview_id: 3 {_identity(1)} {SIZE}\n"
            f"bootstrap: 0\n{members}#vwend\n"
        )

    def before_start(self, node: Node) -> Sequence[str]:
        """After a crash the position is in InnoDB alone: galera_recovery asks for it like this.

        Without it the member would be given the whole state anew.
        """
        state = node.path(_STATE)
        if not state.exists() or not re.search(r"^seqno:\s+-1$", state.read_text(), re.M):
            return ()
        asked = [f"--defaults-file={OPTION_FILE}", "--wsrep-recover"]
        server = node.flavour.program(node.flavour.process)
        told = node.run([*server, *asked]).stderr
        found = re.search(r"Recovered position:\s*(\S+)", told)
        if not found:
            raise LabError(f"{node.name} does not tell its position: {told[-800:]}")
        return (f"--wsrep_start_position={found[1]}",)

    def standing(self, row: Values) -> Standing:
        state, size, status, ready, read_only = map(said, row)
        quorum = status == "Primary"
        return Standing(state, int(size or 0), quorum, quorum and ready == "ON" and off(read_only))


def _identity(number: int) -> str:
    """A member as the others have known it."""
    return f"{number:08x}-5eed-11ee-8000-000000000000"
