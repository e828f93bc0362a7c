#!/bin/bash
# The questions of check_questions.sh, asked as frugally as a shell script can: one run of the
# client, one of awk. What a check costs is measured against this, too.
#
#   check_once.sh OPTION-FILE

# The client's command line is split into words on purpose.
# -E, not \G: the client of MySQL 9 refuses \G on its command line.
answers=$(${MYSQL:-mysql} --defaults-file="$1" -E --connect-timeout=3 \
    --execute='SELECT @@global.read_only; SHOW REPLICA STATUS' 2>/dev/null) || exit 1

printf '%s\n' "$answers" | awk '
    /@@global.read_only:/ { closed = $2 }
    /_IO_Running:/        { receiver = $2 }
    /_SQL_Running:/       { applier = $2 }
    /Seconds_Behind_/     { lag = $2 }
    END { exit closed == "" || receiver != "Yes" || applier != "Yes" || lag == "NULL" || lag > 30 }
' || logger -t check_mysql "replication is broken or late" || true
exit 0
