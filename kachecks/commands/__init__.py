"""kachecks, the operator's command: one package per part."""
