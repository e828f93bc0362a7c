"""The tests of the lab: the matrix, and what is tried on a pair that nothing has happened to."""
