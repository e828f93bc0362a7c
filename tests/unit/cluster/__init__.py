"""What a member of a cluster is and does."""
