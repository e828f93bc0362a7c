"""What only ``kachecks rejoin`` asks a server."""

from __future__ import annotations

PURGED = "SELECT @@global.gtid_purged AS purged"
"""MySQL: the transactions that its binary logs no longer hold. Needs no privilege.

MariaDB has no such variable, and only BINLOG MONITOR shows its binary logs: there error 1236 of
the receiver tells.
"""
