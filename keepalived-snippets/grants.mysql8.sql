-- MySQL 8.0.16 and later: the accounts of kachecks. Run once, on the node that takes writes, as
-- root; replication carries them to the other node. Replace the words in capitals:
--   KACHECKS_PASSWORD              as in kachecks.cnf
--   NODE1_ADDRESS, NODE2_ADDRESS   the nodes' own addresses, never the VIP

-- One account for this host's socket, one for each node asking the other over TCP.
CREATE USER kachecks@'localhost'     IDENTIFIED BY 'KACHECKS_PASSWORD';
CREATE USER kachecks@'NODE1_ADDRESS' IDENTIFIED BY 'KACHECKS_PASSWORD';
CREATE USER kachecks@'NODE2_ADDRESS' IDENTIFIED BY 'KACHECKS_PASSWORD';

GRANT
    REPLICATION CLIENT,         -- SHOW REPLICA STATUS: is it replicating, is all applied
    PROCESS                     -- see whose connections to cut
ON *.* TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

GRANT
    SYSTEM_VARIABLES_ADMIN,     -- SET GLOBAL super_read_only: close and open
    CONNECTION_ADMIN,           -- cut clients; and one connection more than max_connections
    SYSTEM_USER,                -- cut root's sessions too: one with LOCK TABLES blocks the closing.
                                --   Gives no right over accounts without CREATE USER
    REPLICATION_SLAVE_ADMIN     -- START REPLICA, STOP REPLICA
ON *.* TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';
