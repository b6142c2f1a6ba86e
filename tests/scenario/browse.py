#!/usr/bin/env python3
"""Clients of HTTP that do not behave like a browser. ADDRESS is HOST:PORT or unix:/PATH.

browse.py odd ADDRESS           for each line of the input, "STATUS REQUEST": sends the request and expects one
                                answer with that status, or any, and then the end. With "none", it resets instead
browse.py crowd ADDRESS N PATH  N clients that are all connected before the first asks; counts the statuses
browse.py hold ADDRESS N FILE   N clients that send a byte now and then, and take none, until FILE exists
"""
import collections
import os
import socket
import struct
import sys
import time


def connect(address):
    if address.startswith("unix:"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(address[len("unix:"):])
        return client
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def receive_all(client, patience=30):
    client.settimeout(patience)
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionResetError:
        data += b"<reset>"
    except TimeoutError:
        data += b"<open>"
    return data


def odd(address):
    wrong = 0
    for line in sys.stdin:
        wanted, request = line.rstrip("\n").split(" ", 1)
        client = connect(address)
        try:
            client.sendall(request.replace("LONG", 100000 * "x").encode().decode("unicode_escape").encode("latin-1"))
        except (BrokenPipeError, ConnectionResetError):
            pass
        if wanted == "none":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            continue
        answer = receive_all(client, 5)
        statuses = [head.split(b" ")[1].decode() for head in answer.split(b"HTTP/1.")[1:]]
        body = answer.partition(b"\r\n\r\n")[2]
        right = wanted == "any" or statuses == [wanted]
        if not right or answer.endswith(b"<open>") or (request.startswith("HEAD") and body):
            print(f"{line}wanted {wanted}: {answer!r}")
            wrong = 1
    sys.exit(wrong)


def crowd(address, count, path):
    clients = [connect(address) for _ in range(int(count))]
    for client in clients:
        client.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    statuses = collections.Counter()
    for client in clients:
        head, _, body = receive_all(client).partition(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) if b"Content-Length: " in head else -1
        statuses[head.split(b" ")[1].decode() if length == len(body) else "cut"] += 1
    print(" ".join(f"{status}={number}" for status, number in sorted(statuses.items())))


def hold(address, count, file):
    clients = [connect(address) for _ in range(int(count))]
    for client in clients:
        client.sendall(b"GET /report.json?top=1000 HTTP/1.1\r\nX: ")
    print("held", flush=True)
    while not os.path.exists(file):
        for client in clients:
            try:
                client.send(b"x", socket.MSG_NOSIGNAL)
            except OSError:
                pass
        time.sleep(0.1)


{"odd": odd, "crowd": crowd, "hold": hold}[sys.argv[1]](*sys.argv[2:])
