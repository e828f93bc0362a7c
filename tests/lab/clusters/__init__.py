"""Three nodes of a cluster with a quorum behind one VIP: Galera, or MySQL Group Replication."""
