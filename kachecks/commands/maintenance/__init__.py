"""kachecks maintenance: keep a node out of the election for a while."""
