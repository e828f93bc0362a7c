"""Make a keepalived virtual IP follow a healthy, writable, sole MySQL."""

__version__ = "0.2.0"
