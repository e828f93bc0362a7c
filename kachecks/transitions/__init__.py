"""Open and close this node: promotion, demotion, and what both need."""
