-- MariaDB 10.5.9 and later: the accounts of kachecks. Run once, on the node that takes writes, as
-- root; replication carries them to the other node.
--
-- `kachecks setup` fills it in. By hand: replace the words in capitals.
--   LOCAL_PASSWORD                 as in [client] of kachecks.cnf
--   PEER_PASSWORD                  as in [peer], another one: it is used over the network
--   NODE1_ADDRESS, NODE2_ADDRESS   the nodes' own addresses, never the VIP

-- One account for this host's socket, one for each node asking the other over TCP. Where the server
-- has a certificate (MariaDB 11.4 and later make themselves one), add REQUIRE SSL to the latter.
CREATE USER kachecks@'localhost'     IDENTIFIED BY 'LOCAL_PASSWORD';
CREATE USER kachecks@'NODE1_ADDRESS' IDENTIFIED BY 'PEER_PASSWORD';
CREATE USER kachecks@'NODE2_ADDRESS' IDENTIFIED BY 'PEER_PASSWORD';

GRANT
    SLAVE MONITOR,              -- SHOW ALL SLAVES STATUS: is it replicating, is all applied
    PROCESS,                    -- see whose connections to cut
    CONNECTION ADMIN,           -- cut them; and one connection more than max_connections
    READ_ONLY ADMIN             -- SET GLOBAL read_only: close and open. Writes through it as well,
                                --   so this account gets no right on any table of yours
ON *.* TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

-- START SLAVE, STOP SLAVE. Nobody but the node itself gets this: whoever has it may also make the
-- server a replica of one of his own.
GRANT REPLICATION SLAVE ADMIN ON *.* TO kachecks@'localhost';

-- Before MariaDB 12, read_only does not stop accounts with READ_ONLY ADMIN (before 10.11: or
-- SUPER), so closing a server takes cutting their sessions until none comes back, and kachecks
-- must know which accounts those are. This view names them and nothing else: no hash, no right.
-- by_routine is 1 for who may call a procedure or a package that runs with the rights of one of
-- them (SQL SECURITY DEFINER, the default), as that writes through read_only, too. Functions,
-- triggers and views do not (10.11). The view itself runs with the rights of the account that
-- creates it. MariaDB 12 and later can do without. CREATE OR REPLACE ... VIEW makes it anew.
CREATE DATABASE kachecks;
CREATE SQL SECURITY DEFINER VIEW kachecks.read_only_exempt AS
WITH RECURSIVE routine AS (     -- that run with the rights of who made them
    SELECT definer, db, name
    FROM mysql.proc
    WHERE security_type = 'DEFINER' AND type IN ('PROCEDURE', 'PACKAGE BODY')
), lent AS (                    -- the definer's rights, to whoever may call a routine
    SELECT routine.definer, IF(granted.user = '', 'PUBLIC', granted.user) AS user, granted.host,
           '' IN (granted.user, granted.host) AS is_role    -- user '': everybody
    FROM (SELECT DISTINCT definer, db FROM routine) AS routine
    JOIN mysql.db AS granted ON routine.db LIKE granted.db AND granted.execute_priv = 'Y'
    UNION
    SELECT routine.definer, granted.user, granted.host, granted.host = ''
    FROM routine
    JOIN mysql.procs_priv AS granted
      ON granted.db = routine.db AND granted.routine_name = routine.name
     AND FIND_IN_SET('Execute', granted.proc_priv)
    UNION
    SELECT routine.definer, granted.user, granted.host, granted.host = ''
    FROM (SELECT DISTINCT definer FROM routine) AS routine
    JOIN mysql.global_priv AS granted
      ON CAST(JSON_VALUE(granted.priv, '$.access') AS UNSIGNED) & 1 << 18
), exempt (user, host, is_role, by_routine) AS (
    SELECT user, host, JSON_VALUE(priv, '$.is_role') IS NOT NULL, 0
    FROM mysql.global_priv
    WHERE CAST(JSON_VALUE(priv, '$.access') AS UNSIGNED) & (1 << 15 | 1 << 33)
    UNION
    SELECT granted.user, granted.host, granted.host = '', exempt.by_routine
    FROM mysql.roles_mapping AS granted
    JOIN exempt ON exempt.is_role AND granted.role = exempt.user
    UNION                       -- what PUBLIC may (10.11 and later), everybody may
    SELECT everybody.user, everybody.host, 0, exempt.by_routine
    FROM mysql.global_priv AS everybody
    JOIN exempt ON exempt.is_role AND exempt.user = 'PUBLIC'
    WHERE JSON_VALUE(everybody.priv, '$.is_role') IS NULL
    UNION
    SELECT lent.user, lent.host, lent.is_role, 1
    FROM lent
    JOIN exempt ON lent.definer = IF(exempt.is_role, exempt.user,
                                     CONCAT(exempt.user, '@', exempt.host))
)
SELECT user, host, by_routine FROM exempt WHERE NOT is_role;

GRANT SELECT ON kachecks.read_only_exempt
TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';

-- MySQL and MariaDB switch events off on the server that gets them by replication, and after a
-- failover they do not run. This function names those, and nothing else: kachecks status and doctor
-- tell of them. It runs with the rights of the account that creates it.
CREATE FUNCTION kachecks.idle_events() RETURNS TEXT READS SQL DATA SQL SECURITY DEFINER
RETURN (
    SELECT GROUP_CONCAT(CONCAT(event_schema, '.', event_name)
                        ORDER BY event_schema, event_name SEPARATOR ', ')
    FROM information_schema.events
    WHERE status LIKE '%SIDE_DISABLED'
);

GRANT EXECUTE ON kachecks.*
TO kachecks@'localhost', kachecks@'NODE1_ADDRESS', kachecks@'NODE2_ADDRESS';
