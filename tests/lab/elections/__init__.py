"""Many keepalived pairs at random, without servers, and what our election rules predict of them."""
