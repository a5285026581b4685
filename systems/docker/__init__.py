"""A played Docker Engine: what speaks is ours, what it keeps are real processes of this machine.

Containers have no walls: they see this machine's files and ports. Nothing is built, and nothing runs in a container
that is there already (`exec`).
"""
