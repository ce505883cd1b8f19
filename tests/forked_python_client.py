"""
Stands for a forked Python where the engine started one: see `forked_python`.

It is started for each Python of the engine, so it imports next to nothing.
"""

import _socket
import array
import os
import signal
import sys

connection = _socket.socket(_socket.AF_UNIX)
connection.connect(sys.argv[1])
arguments = sys.argv[2:]
variables = [f"{name}={value}" for name, value in os.environ.items()]
content = os.fsencode(
    "\0".join([os.getcwd(), str(len(arguments)), *arguments, *variables])  # noqa: PTH109
)
connection.sendmsg(
    [len(content).to_bytes(8, "big")],
    [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", (0, 1, 2)))],
)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda got, _: connection.send(bytes([got])))
sent = 0
while sent < len(content):
    sent += connection.send(content[sent:])
status = int(connection.recv(64) or b"256")
if os.WIFSIGNALED(status):
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.waitstatus_to_exitcode(status))
