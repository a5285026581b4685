"""PagerDuty, kind `pagerduty`: open incidents, and who is on call."""
