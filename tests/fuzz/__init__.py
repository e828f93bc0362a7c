"""What reads strangers' bytes is fed with broken ones: python -m tests.fuzz (development only)."""
