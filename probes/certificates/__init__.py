"""Certificates: in files, as servers show them, and as certbot renews them."""
