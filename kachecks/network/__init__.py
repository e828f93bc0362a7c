"""The virtual address and the link: address tables, ping, ARP, ND, VRRP adverts."""
