"""A member of a cluster with a quorum (Galera, Group Replication) behind the VIP."""
