"""Programs that show a pair at work: a failover, the operator's commands, the screenshots."""
