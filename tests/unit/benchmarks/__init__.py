"""The benchmarks' tables, on made-up figures."""
