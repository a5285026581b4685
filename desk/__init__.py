"""The desk: what we know and what we decide. Knows neither the screen nor any driver."""
