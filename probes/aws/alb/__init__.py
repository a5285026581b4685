"""Elastic Load Balancing: target groups, their targets, and the load balancers before them."""
