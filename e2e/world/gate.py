"""A client of a gate: what a wallet's owner does with a browser."""

import base64
import hashlib
import json
import secrets
import urllib.error
import urllib.request

from . import Failed

PART = 4 << 20
TUS = {"Tus-Resumable": "1.0.0"}


def bound_to_secret(account):
    """A wish for a challenge that only the holder of a new secret can use, and the secret."""
    verifier = secrets.token_hex(16)
    binding = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return {"address": account, "binding": binding}, verifier


class Answer:
    """Status, headers and body of an answer; refusals are answers too."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def must(self, *statuses):
        if self.status not in statuses:
            raise Failed(f"answered {self.status}: {self.body[:300]!r}")
        return self


class Gate:
    """One base URL, and the session of one wallet once it has signed in."""

    def __init__(self, url):
        self.url, self.token = url.rstrip("/"), None

    def ask(self, method, path, body=None, headers=(), timeout=60):
        url = path if path.startswith("http") else self.url + path
        headers = dict(headers)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if self.token and path.startswith("/api/"):
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, refusal.headers, refusal.read())

    def sign_in(self, chain, account):
        """EIP-4361: asks for a challenge, lets the wallet sign it, keeps the session."""
        wanted, verifier = bound_to_secret(account)
        challenge = self.ask("POST", "/api/v1/auth/challenge", wanted).must(200, 201).json()
        signature = chain.sign(account, challenge["message"])
        login = {"message": challenge["message"], "signature": signature, "verifier": verifier}
        answer = self.ask("POST", "/api/v1/auth/login", login).must(200, 201).json()
        self.token = answer["token"]
        return answer

    def upload(self, path, **metadata):
        """tus: creates an upload and sends it in parts; its path."""
        data = path.read_bytes()
        location, offset = self.create(len(data), **metadata), 0
        while offset < len(data):
            headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            sent = self.ask("PATCH", location, data[offset : offset + PART], headers).must(204)
            offset = int(sent.headers["Upload-Offset"])
        return location

    def create(self, length, **metadata):
        """tus: creates an upload of so many bytes; its path."""
        pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        headers = TUS | {"Upload-Length": str(length), "Upload-Metadata": pairs}
        created = self.ask("POST", "/api/v1/uploads", b"", headers).must(201)
        location = created.headers["Location"].removeprefix(self.url)
        return location[location.index("/api/") :]

    def playback(self, content):
        return self.ask("POST", "/api/v1/playback", {"content": content})
