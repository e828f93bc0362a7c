"""Database nodes, a pair of them behind one virtual IP, and what an operator does there by hand."""
