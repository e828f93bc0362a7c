#!/bin/bash
# The questions of kachecks' check in the way of the recipes: a ping, then a run of the client for
# each thing to know, its answer through awk. Is the server alive, open or closed, do both
# replication threads run, how far behind. Replication only goes to the log. What a check costs is
# measured against this; not for use.
#
#   check_questions.sh OPTION-FILE

# The clients' command lines are split into words on purpose.
ask() {
    ${MYSQL:-mysql} --defaults-file="$option_file" -E --connect-timeout=3 --execute="$1" 2>/dev/null
}

# -E, not \G: the client of MySQL 9 refuses \G on its command line.
value_of() {
    printf '%s\n' "$status" | awk -v name="$1" '$1 ~ name { print $2 }'
}

option_file=$1
${MYSQLADMIN:-mysqladmin} --defaults-file="$option_file" ping >/dev/null 2>&1 || exit 1
closed=$(ask 'SELECT @@global.read_only' | awk '/read_only:/ { print $2 }')
[ -n "$closed" ] || exit 1
status=$(ask 'SHOW REPLICA STATUS') || exit 1
receiver=$(value_of '_IO_Running:')
applier=$(value_of '_SQL_Running:')
lag=$(value_of '^Seconds_Behind_')
if [ "$receiver" != Yes ] || [ "$applier" != Yes ] || [ "$lag" = NULL ] || [ "$lag" -gt 30 ]; then
    logger -t check_mysql "replication: $receiver $applier $lag" || true
fi
exit 0
