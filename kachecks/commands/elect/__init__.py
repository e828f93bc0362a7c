"""kachecks elect: keepalived.conf as keepalived reads it, and the election of VRRP."""
