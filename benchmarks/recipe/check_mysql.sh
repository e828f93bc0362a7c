#!/bin/bash
# Is MySQL alive? As recipes ask it: a ping, and a look at replication through awk.
# Replication only goes to the log: a standby whose source is dead must still take over.

ping_server() {
    if command -v mysqladmin >/dev/null; then
        mysqladmin --user=root ping
    else # Debian's mariadb-client-core has no mysqladmin
        mysql --user=root --execute='SELECT 1'
    fi
}

ping_server >/dev/null 2>&1 || exit 1

# -E, not \G: the client of MySQL 9 refuses \G on its command line.
stopped=$(mysql --user=root -E --execute='SHOW REPLICA STATUS' 2>/dev/null |
    awk '/_(IO|SQL)_Running:/ && $2 != "Yes" { print $1 $2 }')
[ -z "$stopped" ] || logger -t check_mysql "replication: $stopped" || true
exit 0
