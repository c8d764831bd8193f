"""Ten thousand clients that are slow on purpose: silent ones, heads and bodies that come byte by byte, answers that nobody
reads. Prints as JSON when each kind was let go. One process, one thread, loopback only."""
import collections
import heapq
import json
import select
import socket
import sys
import time

# Seconds between two bytes of those that dribble.
STEP = 3
# Connections opened in one go, and seconds until the next.
BATCH, PAUSE = 100, 0.05
BODY = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
HEAD = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
KINDS = {"silent": 4000, "head": 3800, "body": 2000, "reader": 200}


class Slow:
    def __init__(self, kind, address, path):
        self.kind, self.closed, self.opened = kind, None, time.monotonic()
        self.socket = socket.socket()
        if kind == "reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.socket.setblocking(False)
        first = {"silent": b"", "head": HEAD, "body": BODY, "reader": f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()}[kind]
        if first:
            self.socket.send(first)

    def dribble(self):
        try:
            self.socket.send(b" ")
        except OSError:
            self.end()

    def hear(self):
        """Reads what came; the end is what is waited for."""
        try:
            if self.socket.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.end()

    def end(self):
        if self.closed is None:
            self.closed = time.monotonic() - self.opened
            self.socket.close()


def main():
    address, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    host, port = address.split(":")
    kinds = [kind for kind, many in KINDS.items() for _ in range(many)]
    epoll, due, clients, by_file = select.epoll(), [], [], {}
    begin, open_ = time.monotonic(), 0
    while time.monotonic() - begin < seconds and (len(clients) < len(kinds) or open_):
        now = time.monotonic()
        if len(clients) < len(kinds) and now - begin >= len(clients) / BATCH * PAUSE:
            for kind in kinds[len(clients):len(clients) + BATCH]:
                client = Slow(kind, (host, int(port)), path)
                by_file[client.socket.fileno()] = client
                # Of one that reads nothing, only the end is heard.
                epoll.register(client.socket, select.EPOLLIN if kind != "reader" else select.EPOLLRDHUP | select.EPOLLHUP)
                if kind in ("head", "body"):
                    heapq.heappush(due, (now + STEP, len(clients)))
                clients.append(client)
            open_ = len(clients)
        while due and due[0][0] <= now:
            number = heapq.heappop(due)[1]
            if clients[number].closed is None:
                clients[number].dribble()
                heapq.heappush(due, (now + STEP, number))
        for file, events in epoll.poll(PAUSE):
            client = by_file[file]
            client.end() if client.kind == "reader" else client.hear()
        open_ = sum(client.closed is None for client in clients)
    told = collections.defaultdict(lambda: {"opened": 0, "closed": 0, "latest": 0.0})
    for client in clients:
        kind = told[client.kind]
        kind["opened"] += 1
        if client.closed is not None:
            kind["closed"] += 1
            kind["latest"] = max(kind["latest"], client.closed)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
