"""Runs a command as the service manager does: activate.py HOST PORT COMMAND... listens, as its descriptor 3."""

import os
import socket
import sys

FIRST_PASSED_FD = 3  # SD_LISTEN_FDS_START

host, port, *command = sys.argv[1:]
listener = socket.create_server((host, int(port)), backlog=4096)
if listener.fileno() == FIRST_PASSED_FD:
    os.set_inheritable(FIRST_PASSED_FD, True)
else:
    os.dup2(listener.fileno(), FIRST_PASSED_FD)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(command[0], command)
