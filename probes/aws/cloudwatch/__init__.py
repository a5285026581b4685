"""Amazon CloudWatch: its alarms, and the metrics a team has chosen to see beside them."""
