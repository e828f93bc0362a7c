#!/bin/bash
# The articles' notify script: MySQL is down, so stop keepalived and with it the VIP.
# By name, whatever keepalived that is: in the lab each node has processes of its own, elsewhere
# this ends every keepalived of the machine. The articles also restart the network (ifdown eth0 &&
# ifup eth0), against a VIP that stays behind; keepalived 2 removes it by itself.
pkill keepalived
