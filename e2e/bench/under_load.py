"""Viewers who ask for segments as fast as they are answered, and people who list contents: what each got, and when."""

import hashlib
import http.client
import threading
import time
import urllib.parse

from world.player import fetch, segments, variants

VIEWERS, READERS = 6, 2


class Load:
    """Runs until it is left; `failed` and `wrong` hold (time, what)."""

    def __init__(self, url, stream, token):
        self.base = urllib.parse.urlsplit(url)
        self.files, self.token = {}, token
        for playlist in variants(stream):
            init, parts, _ = segments(playlist)
            for address in [init, *(part for _, part in parts)]:
                self.files[urllib.parse.urlsplit(address).path] = hashlib.sha256(fetch(address)).digest()
        self.served, self.failed, self.wrong, self.ended = 0, [], [], threading.Event()
        self.lock = threading.Lock()

    def __enter__(self):
        work = [self.watch] * VIEWERS + [self.read] * READERS
        self.threads = [threading.Thread(target=part, args=(n,), daemon=True) for n, part in enumerate(work)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    def watch(self, n):
        paths = sorted(self.files)
        self.ask(n, lambda turn: (paths[(n + turn) % len(paths)], {}), self.right_segment)

    def read(self, n):
        headers = {"Authorization": f"Bearer {self.token}"}
        self.ask(n, lambda turn: ("/api/v1/contents", headers), lambda path, body: body.startswith(b"{"))

    def right_segment(self, path, body):
        return hashlib.sha256(body).digest() == self.files[path]

    def ask(self, n, choose, right):
        connection, turn = None, 0
        while not self.ended.is_set():
            turn += 1
            path, headers = choose(turn)
            try:
                connection = connection or http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=20)
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                self.count(path, answer.status, right(path, body) if answer.status == 200 else None)
            except (OSError, http.client.HTTPException) as error:
                connection = None
                self.count(path, repr(error), None)
                time.sleep(0.02)

    def count(self, path, status, right):
        with self.lock:
            if right:
                self.served += 1
            elif right is False or status in (401, 403, 404):
                self.wrong.append((time.monotonic(), f"{status} {path[:12]}"))
            else:
                self.failed.append((time.monotonic(), f"{status} {path[:12]}"))

    def since(self, begin):
        """Failures since then, and seconds until the last of them."""
        with self.lock:
            times = [when for when, _ in self.failed if when >= begin]
        return len(times), max(times, default=begin) - begin
