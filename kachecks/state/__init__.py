"""What one run leaves for the next: lock, marks, maintenance, audit log."""
