"""Runs a command as the service manager does: activate.py ADDRESS COMMAND... listens, as its descriptor 3."""

import os
import socket
import sys

FIRST_PASSED_FD = 3  # SD_LISTEN_FDS_START
BACKLOG = 4096


def listen(address):
    """HOST:PORT or unix:PATH"""
    if address.startswith("unix:"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address.removeprefix("unix:"))
        listener.listen(BACKLOG)
        return listener
    host, port = address.split(":")
    return socket.create_server((host, int(port)), backlog=BACKLOG)


listening = listen(sys.argv[1])
if listening.fileno() == FIRST_PASSED_FD:
    os.set_inheritable(FIRST_PASSED_FD, True)
else:
    os.dup2(listening.fileno(), FIRST_PASSED_FD)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])
