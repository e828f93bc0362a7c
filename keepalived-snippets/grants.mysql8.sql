-- MySQL 8.0.16 and later: the accounts of kachecks. Run once, on the node that takes writes, as
-- root; replication carries them to the other node.
--
-- `kachecks setup` fills it in. By hand: replace the words in capitals.
--   LOCAL_PASSWORD                 as in [client] of kachecks.cnf
--   PEER_PASSWORD                  as in [peer], another one: it is used over the network
--   NODE1_ADDRESS, NODE2_ADDRESS   the nodes' own addresses, never the VIP

-- One account for this host's socket, one for each node asking the other over TCP, which must use
-- TLS: MySQL has made itself a certificate.
CREATE USER kachecks@'localhost'     IDENTIFIED BY 'LOCAL_PASSWORD';
CREATE USER kachecks@'NODE1_ADDRESS' IDENTIFIED BY 'PEER_PASSWORD' REQUIRE SSL;
CREATE USER kachecks@'NODE2_ADDRESS' IDENTIFIED BY 'PEER_PASSWORD' REQUIRE SSL;

GRANT
    REPLICATION CLIENT,         -- SHOW REPLICA STATUS: is it replicating, is all applied
    PROCESS                     -- see whose connections to cut
ON *.* TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

GRANT
    SYSTEM_VARIABLES_ADMIN,     -- SET GLOBAL super_read_only: close and open
    CONNECTION_ADMIN,           -- cut clients; and one connection more than max_connections
    SYSTEM_USER,                -- cut root's sessions too: one with LOCK TABLES blocks the closing.
                                --   Gives no right over accounts without CREATE USER
    XA_RECOVER_ADMIN            -- XA RECOVER: prepared transactions can be committed on a closed
                                --   server, so they are counted
ON *.* TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

-- START REPLICA, STOP REPLICA. Nobody but the node itself gets this: whoever has it may also make
-- the server a replica of one of his own.
GRANT REPLICATION_SLAVE_ADMIN ON *.* TO kachecks@'localhost';

-- MySQL and MariaDB switch events off on the server that gets them by replication, and after a
-- failover they do not run. This function names those, and nothing else: kachecks status and doctor
-- tell of them. It runs with the rights of the account that creates it.
CREATE DATABASE kachecks;
CREATE FUNCTION kachecks.idle_events() RETURNS TEXT READS SQL DATA SQL SECURITY DEFINER
RETURN (
    SELECT GROUP_CONCAT(CONCAT(event_schema, '.', event_name)
                        ORDER BY event_schema, event_name SEPARATOR ', ')
    FROM information_schema.events
    WHERE status LIKE '%SIDE_DISABLED'
);

-- On the schema: with skip_name_resolve MySQL ignores it on the function for @localhost (9.7).
GRANT EXECUTE ON kachecks.*
TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

-- To name the connection that holds up all writes (a backup's read lock). Can be left out.
GRANT SELECT ON performance_schema.metadata_locks
TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';
GRANT SELECT ON performance_schema.threads
TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';
