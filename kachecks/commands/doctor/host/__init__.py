"""doctor on this host."""
