-- MySQL 5.7: the accounts of kachecks. Run once, on the node that takes writes, as root;
-- replication carries them to the other node.
--
-- Replace the words in capitals.
--   LOCAL_PASSWORD                 as in [client] of kachecks.cnf
--   PEER_PASSWORD                  as in [peer], another one: it is used over the network
--   NODE1_ADDRESS, NODE2_ADDRESS   the nodes' own addresses, never the VIP
--
-- SUPER is more than kachecks needs, but 5.7 knows nothing finer. No right on any table.

-- One account for this host's socket, one for each node asking the other over TCP.
CREATE USER kachecks@'localhost'     IDENTIFIED BY 'LOCAL_PASSWORD';
CREATE USER kachecks@'NODE1_ADDRESS' IDENTIFIED BY 'PEER_PASSWORD';
CREATE USER kachecks@'NODE2_ADDRESS' IDENTIFIED BY 'PEER_PASSWORD';

GRANT
    REPLICATION CLIENT,         -- SHOW SLAVE STATUS: is it replicating, is all applied
    PROCESS,                    -- see whose connections to cut
    SUPER                       -- SET GLOBAL super_read_only, KILL, START SLAVE
ON *.* TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

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
