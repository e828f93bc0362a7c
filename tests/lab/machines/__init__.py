"""Computers of the lab that run a whole Debian, with systemd as pid 1."""
