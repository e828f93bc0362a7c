"""kachecks status: both nodes side by side."""
