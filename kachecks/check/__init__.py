"""May this node hold the VIP? Look, judge by one table, close before failing."""
