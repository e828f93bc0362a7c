"""kachecks switchover: hand the VIP and the writes over, losing nothing."""
