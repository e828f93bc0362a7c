"""doctor on keepalived.conf."""
