"""The manual and the completion, made from the parsers and the tables when the package is built."""
