"""kachecks setup: the files of keepalived-snippets, filled in for this node."""
