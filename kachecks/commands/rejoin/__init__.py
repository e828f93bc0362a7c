"""kachecks rejoin: may this node come back, and what does it alone have?"""
