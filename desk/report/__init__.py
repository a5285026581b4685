"""Reports for people who were not there: how full it is getting, what a shift saw, the history of an alert."""
