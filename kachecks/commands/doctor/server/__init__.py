"""doctor on both servers."""
