"""What may go wrong on a node or between two, and how to undo it."""
