-- MariaDB 10.5 and later with Galera: the account of kachecks. Run once, on any member, as root; the
-- cluster carries it to the others. Each member is asked by its own host alone, over its socket.
--   LOCAL_PASSWORD  as in [client] of kachecks.cnf

CREATE USER kachecks@'localhost' IDENTIFIED VIA mysql_native_password USING PASSWORD('LOCAL_PASSWORD');

GRANT
    PROCESS,                    -- see writes that stand still, and whose connections to cut
    CONNECTION ADMIN,           -- cut them; and one connection more than max_connections
    READ_ONLY ADMIN             -- only for writers = one: SET GLOBAL read_only
ON *.* TO kachecks@'localhost';
