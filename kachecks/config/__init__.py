"""The option file: its form, its table of keys, one checked value."""
