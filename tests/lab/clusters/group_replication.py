"""MySQL Group Replication with one primary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.clusters.engine import Engine, Standing, Values, off, said
from tests.lab.pairs import datadir
from tests.lab.pairs.node import Node
from tests.lab.servers import accounts
from tests.lab.servers.flavour import DATADIR
from tests.lab.servers.flavours import MYSQL

_GROUP = "5eed0000-0000-0000-0000-000000000002"
_PORT = 33061
_PLUGIN = "[mysqld]\nplugin_load_add = group_replication.so\n"
_ACCOUNTS = f"""
GRANT SELECT ON performance_schema.replication_group_members TO {accounts.SAMPLER_USER}@localhost;
CHANGE REPLICATION SOURCE TO SOURCE_USER = '{accounts.REPLICATION_USER}',
    SOURCE_PASSWORD = '{accounts.REPLICATION_PASSWORD}' FOR CHANNEL 'group_replication_recovery';
"""
_GRANTS = """
CREATE USER kachecks@localhost IDENTIFIED BY 'LOCAL_PASSWORD';
GRANT REPLICATION CLIENT, PROCESS ON *.* TO kachecks@localhost;
GRANT GROUP_REPLICATION_ADMIN, CONNECTION_ADMIN, SYSTEM_USER ON *.* TO kachecks@localhost;
GRANT SELECT ON performance_schema.replication_group_members TO kachecks@localhost;
GRANT SELECT ON performance_schema.replication_group_member_stats TO kachecks@localhost;
GRANT SELECT ON performance_schema.replication_connection_status TO kachecks@localhost;
"""
_SMALL = {
    "innodb_log_buffer_size": "8M",
    "performance_schema_digests_size": 100,
    "performance_schema_events_statements_history_long_size": 100,
    "performance_schema_error_size": 0,
    "performance_schema_accounts_size": 10,
    "performance_schema_hosts_size": 10,
    "performance_schema_users_size": 10,
}
"""Of what makes a server of this family large and serves nobody here."""


class GroupReplication(Engine):
    """The engine elects the one member that takes writes, and keeps the others closed."""

    name = "group-replication"
    flavour = MYSQL
    member_state = "ONLINE"
    one_writer = True
    ports = (_PORT,)
    unaware = 4.0
    forming = ("--group-replication-bootstrap-group=ON",)
    grants = _GRANTS
    session = ("SET SESSION group_replication_consistency = 'EVENTUAL'",)
    statement = (
        "SELECT MAX(IF(member_id = @@server_uuid, member_state, '')),"
        " SUM(member_state IN ('ONLINE', 'RECOVERING')), COUNT(*),"
        " MAX(IF(member_id = @@server_uuid, member_role, '')), @@global.super_read_only"
        " FROM performance_schema.replication_group_members"
    )

    def settings(self, number: int, addresses: Sequence[str]) -> Mapping[str, object]:
        own = addresses[number - 1]
        group = {
            "group_name": _GROUP,
            "local_address": f"{own}:{_PORT}",
            "group_seeds": ",".join(f"{address}:{_PORT}" for address in addresses),
            "start_on_boot": "ON",
            "recovery_get_public_key": "ON",
            "member_expel_timeout": 0,
            "unreachable_majority_timeout": 8,
            "message_cache_size": "128M",
        }
        return {
            "server_id": number,
            "bind_address": "*",
            "report_host": own,
            "skip_name_resolve": "ON",
            "gtid_mode": "ON",
            "enforce_gtid_consistency": "ON",
            "super_read_only": "ON",
            "plugin_load_add": "group_replication.so",
            **_SMALL,
            **{f"group_replication_{name}": value for name, value in group.items()},
        }

    def template(self) -> Path:
        return datadir.made_by(self.flavour, self.accounts() + _ACCOUNTS, _PLUGIN)

    def furnish(self, node: Node, number: int) -> None:
        """Named in the order of the nodes: among equals the lowest becomes primary."""
        identity = f"[auto]\nserver-uuid={number:08x}-5eed-0000-0000-000000000000\n"
        node.path(f"{DATADIR}/auto.cnf").write_text(identity)

    def formed(self, first: Node) -> None:
        """A member that starts again must join, never make a second group."""
        first.sql("SET GLOBAL group_replication_bootstrap_group = OFF")

    def readmit(self, node: Node) -> None:
        """It tries three times, but five minutes apart, and has left for good if it has none."""
        (row,) = node.sql(self.statement)
        if self.standing(list(row.values())).state in ("ERROR", "OFFLINE"):
            node.sql("STOP GROUP_REPLICATION")
            node.sql("START GROUP_REPLICATION", timeout=60)
            node.sql("SET GLOBAL offline_mode = OFF")

    def standing(self, row: Values) -> Standing:
        state, alive, known, role, closed = map(said, row)
        quorum = state in ("ONLINE", "RECOVERING") and 2 * int(alive) > int(known)
        writes = quorum and state == "ONLINE" and role == "PRIMARY" and off(closed)
        return Standing(state, int(alive or 0), quorum, writes)
