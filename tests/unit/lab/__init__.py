"""The lab's own logic, on made-up records and servers."""
