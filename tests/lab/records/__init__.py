"""What was seen, as values, and what follows from it: pure functions, no server and no clock."""
