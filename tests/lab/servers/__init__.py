"""Kinds of server, and the keepalived of their time: where they come from, what to say to them."""
