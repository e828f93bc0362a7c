"""The programs that keepalived and systemd call when the VIP moves."""
