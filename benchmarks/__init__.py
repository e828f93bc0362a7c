"""Figures beside those of the common shell recipe: check, failover, growth, the articles' story."""
