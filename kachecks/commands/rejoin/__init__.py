"""kachecks rejoin: may this node come back, and what it alone has."""
