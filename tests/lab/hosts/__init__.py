"""Computers made of namespaces, the network between them, and processes in it; no database."""
