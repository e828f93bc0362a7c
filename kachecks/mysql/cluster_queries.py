"""The SQL that only members of a cluster are sent. No check of a pair loads this.

Measured on MySQL 9.7.4 Group Replication and MariaDB 10.11.18 with Galera 26.4.23.
"""

from __future__ import annotations

from kachecks.mysql.facts import Version
from kachecks.mysql.queries import UNCUT

UNBOUND_GROUP = f"SET SESSION group_replication_consistency = 'EVENTUAL', {UNCUT}"
"""The first statement to a member of Group Replication, so that no consistency setting holds up
those that follow. Needs no privilege. 1193 where the plugin is not loaded."""

UNBOUND_GALERA = f"SET SESSION wsrep_sync_wait = 0, {UNCUT}"
"""The same for Galera. With wsrep_sync_wait set globally, SHOW and SELECT wait too: until the
cluster's suspicion while other members are silent (4.9 s seen), and 1205 comes from a member
without a quorum. This statement itself waits for nothing. Needs no privilege. 1193 without
wsrep."""

GROUP_MEMBERS = (
    "SELECT members.MEMBER_ID, MEMBER_HOST, MEMBER_PORT, MEMBER_STATE, MEMBER_ROLE, VIEW_ID,"
    " COUNT_TRANSACTIONS_IN_QUEUE + COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS queued"
    " FROM performance_schema.replication_group_members AS members"
    " LEFT JOIN performance_schema.replication_group_member_stats AS stats"
    " ON stats.MEMBER_ID = members.MEMBER_ID ORDER BY MEMBER_HOST, MEMBER_PORT"
)
"""All members as this one sees them; one that is OFFLINE sees itself alone. The tables are of this
member's own: a silent one is not asked. Needs SELECT on both tables (1142 without)."""

GROUP_SETTINGS = (
    "SELECT @@global.server_uuid AS server_uuid, @@global.read_only AS read_only,"
    " @@global.super_read_only AS super_read_only, @@global.offline_mode AS offline_mode,"
    " @@global.group_replication_member_expel_timeout AS expel_seconds"
)
"""Needs no privilege. 1193 where the plugin is not loaded."""

ASYNCHRONOUS_CHANNELS = (
    "SELECT CHANNEL_NAME AS name FROM performance_schema.replication_connection_status"
    " WHERE SERVICE_STATE = 'ON' AND CHANNEL_NAME NOT LIKE 'group\\_replication\\_%'"
)
"""Channels that read from outside the group: set_as_primary is refused while one runs on the
primary. Needs SELECT on the table."""

PROBE_QUORUM = (
    "SET SESSION group_replication_consistency = 'BEFORE'",
    "START TRANSACTION READ ONLY",
    "ROLLBACK",
)
"""One after the other, in a session of its own: the second returns when the group has ordered a
message of this member (1.3 ms), so it hangs without a quorum, and on a member that the others have
expelled. Needs no privilege."""

GALERA_STATUS = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_ready',"
    " 'wsrep_local_state', 'wsrep_cluster_size', 'wsrep_local_recv_queue',"
    " 'wsrep_incoming_addresses', 'wsrep_local_index')"
)
"""Needs no privilege. wsrep_local_state and the queue vanish with wsrep_on = OFF."""


def galera_settings(version: Version) -> str:
    """As one row, or as one row for each (Percona XtraDB Cluster, whose versions do not have the
    same; MariaDB takes ten times as long for that). Needs no privilege."""
    if version.mariadb:
        return (
            "SELECT @@global.wsrep_on AS wsrep_on, @@global.wsrep_desync AS wsrep_desync,"
            " @@global.wsrep_reject_queries AS wsrep_reject_queries,"
            " @@global.wsrep_sst_donor_rejects_queries AS wsrep_sst_donor_rejects_queries,"
            " @@global.wsrep_provider_options AS wsrep_provider_options,"
            " @@global.read_only AS read_only"
        )
    return (
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_desync',"
        " 'wsrep_reject_queries', 'wsrep_sst_donor_rejects_queries', 'wsrep_provider_options',"
        " 'read_only', 'offline_mode', 'pxc_maint_mode')"
    )


def set_as_primary(member_id: str, seconds: int) -> str:
    """Make this member the primary; transactions still open on the old one after so many seconds
    are cut. Never without them: it would wait without end, and switch when nobody wants it any
    more.

    It returns when all is done. Needs GROUP_REPLICATION_ADMIN. 1123 while a member joins, without a
    majority, or with an asynchronous channel on the primary. Raises ValueError: no UUID.
    """
    if not member_id or member_id.strip("0123456789abcdefABCDEF-"):
        raise ValueError("this is no UUID")
    return f"SELECT group_replication_set_as_primary('{member_id}', {int(seconds)}) AS said"
