"""One server: the driver, all SQL, what comes back as frozen values."""
