"""The wall and a room for looking, in a browser: a server on loopback or a private socket, and a program per viewer.

Neither the server nor the page can do anything: keys go in, lines of text come out. The server is `server.py`, who may
come in is decided in `gate.py`, and `viewer.py` is the program behind one page.
"""
