"""kachecks, the command in the operator's hand: one package per part."""
