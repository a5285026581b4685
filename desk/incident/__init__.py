"""Incidents: declared, worked on by several people, told of, ended, and learned from.

`incidents.Incidents` is a session's book of them, `incident.Incident` one as its records tell it, `scheme.Scheme` what
the profile says. `timers`, `timeline`, `message`, `evidence` and `postmortem` are pure functions of these.
"""
