-- MySQL 9.7, Group Replication: the account of kachecks. Run once, on the primary, as root; the group
-- carries it to the others. Each member is asked by its own host alone.
--   LOCAL_PASSWORD  as in [client] of kachecks.cnf

CREATE USER kachecks@'localhost' IDENTIFIED BY 'LOCAL_PASSWORD';

GRANT
    PROCESS,                    -- see writes that stand still, and whose connections to cut
    CONNECTION_ADMIN,           -- cut them; and one connection more than max_connections
    GROUP_REPLICATION_ADMIN     -- make this member the primary, when the VIP has come to it
ON *.* TO kachecks@'localhost';

-- The members, their states and queues; the channels that keep the primary where it is.
GRANT SELECT ON performance_schema.replication_group_members TO kachecks@'localhost';
GRANT SELECT ON performance_schema.replication_group_member_stats TO kachecks@'localhost';
GRANT SELECT ON performance_schema.replication_connection_status TO kachecks@'localhost';
