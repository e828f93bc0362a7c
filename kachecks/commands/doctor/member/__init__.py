"""doctor on a member of a cluster: its server's settings and account."""
