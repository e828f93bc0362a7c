"""Real servers and real keepalived in namespaces: everything that kachecks promises, played.

From the ground up: hosts, servers, pairs of both; records of what was seen and pictures of records;
faults and observers; the failure matrix; programs that show it; the tests.
"""
