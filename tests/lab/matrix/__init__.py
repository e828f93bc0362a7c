"""The failure matrix: its table, the scenarios that play its rows, the programs that run them."""
