"""Pictures of the real application, and the script that takes them."""
