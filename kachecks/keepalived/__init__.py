"""keepalived: its process, its state, its configuration file, its election."""
