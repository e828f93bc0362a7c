"""What only ``kachecks status`` asks a server. Both need no privilege and take no lock."""

from __future__ import annotations

HOST_NAME = "SELECT @@global.hostname AS hostname"
"""As the server's host calls itself."""

UPTIME = "SHOW GLOBAL STATUS LIKE 'Uptime'"
"""Seconds since mysqld has started, in the column Value."""
