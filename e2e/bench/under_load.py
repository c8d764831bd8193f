"""Viewers who ask for segments as fast as they are answered, people who list contents, and creators who
upload: what each got, and when."""

import hashlib
import http.client
import threading
import time
import urllib.parse

from world.gate import TUS
from world.player import fetch, segments, variants

VIEWERS, READERS, WRITERS = 6, 2, 2
PIECE = 1 << 20
# Begins as MP4 does; what is never completed becomes no content.
VIDEO = (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + b"0123456789abcdef" * 131072)[: 2 * PIECE]
# Whoever is told one of these was told something false: everybody here may do what they ask for.
FALSE = (400, 401, 403, 404, 409, 415)


class Load:
    """Runs until it is left; `failed` and `wrong` hold (time, what)."""

    def __init__(self, url, stream, viewer, creator):
        self.base = urllib.parse.urlsplit(url)
        self.files, self.viewer, self.creator = {}, bearer(viewer), bearer(creator)
        for playlist in variants(stream):
            init, parts, _ = segments(playlist)
            for address in [init, *(part for _, part in parts)]:
                self.files[urllib.parse.urlsplit(address).path] = hashlib.sha256(fetch(address)).digest()
        self.served, self.failed, self.wrong, self.ended = 0, [], [], threading.Event()
        self.lock = threading.Lock()

    def __enter__(self):
        work = [self.watch] * VIEWERS + [self.read] * READERS + [self.write] * WRITERS
        self.threads = [threading.Thread(target=part, args=(Asker(self), n), daemon=True) for n, part in enumerate(work)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    def watch(self, asker, n):
        paths = sorted(self.files)
        while not self.ended.is_set():
            n += 1
            path = paths[n % len(paths)]
            asker.ask("GET", path, right=lambda answer, path=path: hashlib.sha256(answer.body).digest() == self.files[path])

    def read(self, asker, _):
        while not self.ended.is_set():
            asker.ask("GET", "/api/v1/contents", headers=self.viewer, right=lambda answer: answer.body.startswith(b"{"))

    def write(self, asker, _):
        """Uploads that are taken back before they are complete; what fails is left as it is."""
        headers = self.creator | TUS
        while not self.ended.is_set():
            length = {"Upload-Length": str(len(VIDEO) + 1)}
            made = asker.ask("POST", "/api/v1/uploads", headers | length, status=201)
            if not made:
                continue
            place = urllib.parse.urlsplit(made.headers["location"]).path
            if all(self.append(asker, place, headers, at) for at in range(0, len(VIDEO), PIECE)):
                asker.ask("DELETE", place, headers, status=204)

    @staticmethod
    def append(asker, place, headers, at):
        sent = {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        stands = str(at + PIECE)
        return asker.ask("PATCH", place, headers | sent, VIDEO[at : at + PIECE], status=204,
                         right=lambda answer: answer.headers["upload-offset"] == stands)

    def count(self, what, status, good, right):
        with self.lock:
            if right:
                self.served += 1
            elif good or status in FALSE:
                self.wrong.append((time.monotonic(), f"{status} {what}"))
            else:
                self.failed.append((time.monotonic(), f"{status} {what}"))

    def since(self, begin):
        """Failures since then, and seconds until the last of them."""
        with self.lock:
            times = [when for when, _ in self.failed if when >= begin]
        return len(times), max(times, default=begin) - begin


class Answer:
    """Status, headers and body of an answer."""

    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()


class Asker:
    """One connection that is kept, as clients keep theirs, and made anew when it is closed."""

    def __init__(self, load):
        self.load, self.connection = load, None

    def ask(self, method, path, headers=(), body=b"", status=200, right=lambda _: True):
        """The answer if it is the right one; counts what came."""
        what = f"{method} {path[:16]}"
        try:
            base = self.load.base
            self.connection = self.connection or http.client.HTTPConnection(base.hostname, base.port, timeout=20)
            self.connection.request(method, path, body or None, dict(headers))
            answer = Answer(self.connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            self.load.count(what, repr(error), False, False)
            time.sleep(0.02)
            return None
        good = answer.status == status
        fine = good and right(answer)
        told = answer.status if good or answer.status < 400 else f"{answer.status} {answer.body[:120]!r}"
        self.load.count(f"{what} {told}", answer.status, good, fine)
        return answer if fine else None


def bearer(token):
    return {"Authorization": f"Bearer {token}"}
