"""Roles in processes of their own on loopback, without a cluster: an API server that publishes one key and nothing else,
and the tokens that kubelet would mount."""
import base64
import http.server
import json
import os
import pathlib
import subprocess
import threading
import time

from bench import serving, uploads

ISSUER, LIFE = "https://cluster", 3_600
HEADER = "X-Streamgate-Role-Token"


def url_safe(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Cluster:
    """Signs tokens of service accounts, and says with which key."""

    def __init__(self, folder):
        self.key = folder / "cluster.pem"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key], check=True)
        public = subprocess.run(["openssl", "ec", "-in", self.key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        # The key ends with both coordinates of its point.
        x, y = (url_safe(public[at:][:32]) for at in (len(public) - 64, len(public) - 32))
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": x, "y": y}
        documents = {"/.well-known/openid-configuration": {"issuer": ISSUER}, "/openid/v1/jwks": {"keys": [key]}}

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                document = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def token(self, gate, caller, callee):
        """Of the account of one role, for another one."""
        claims = {"iss": ISSUER, "aud": [f"{gate['uid']}/{callee}"], "exp": int(time.time()) + LIFE,
                  "kubernetes.io": {"namespace": gate["namespace"], "pod": {"name": f"{caller}-x"},
                                    "serviceaccount": {"name": f"{gate['name']}-{caller}"}}}
        text = ".".join(url_safe(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "one"}, claims))
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True, capture_output=True).stdout
        return f"{text}.{url_safe(plain(signed))}"

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def plain(signature):
    """Two numbers of 32 bytes in the place of the structure that OpenSSL writes. Source: RFC 7518 3.4."""
    numbers, at = [], 2
    for _ in range(2):
        length = signature[at + 1]
        numbers.append(signature[at + 2:at + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + length
    return b"".join(numbers)


class Roles:
    """`auth` and `upload`, each in a process of its own with what the operator mounts for it."""

    def __init__(self, gate, config, store):
        self.gate, self.store, self.cluster = gate, store, Cluster(gate)
        self.ports = {role: serving.free_port() for role in ("auth", "upload")}
        self.config = config | {"peers": {role: f"http://127.0.0.1:{port}" for role, port in self.ports.items()}}
        self.kubeconfig = gate / "apart-kubeconfig"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "one", "clusters": [{"name": "one", "cluster": {"server": self.cluster.url}}],
            "users": [{"name": "none", "user": {}}], "contexts": [{"name": "one", "context": {"cluster": "one", "user": "none"}}]}))
        self.processes = {role: self.start(role) for role in self.ports}

    def start(self, role):
        folder, admin = self.gate / f"apart-{role}", serving.free_port()
        (folder / "tokens").mkdir(parents=True)
        (folder / "tokens/auth").write_text(self.cluster.token(self.config["gate"], role, "auth"))
        (folder / "config.yaml").write_text(json.dumps(self.config))
        command = [serving.GATE, role, "--config", folder / "config.yaml", "--keys", self.gate / "keys", "--role-tokens", folder / "tokens",
                   "--audit", folder, "--s3-credentials", self.store.credentials, "--internal", f"127.0.0.1:{self.ports[role]}",
                   "--admin", f"127.0.0.1:{admin}"]
        with open(folder / "log", "w") as out:
            process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, env={**os.environ, "KUBECONFIG": str(self.kubeconfig)})
        serving.ready(serving.Server(role, process, None), f"http://127.0.0.1:{admin}/readyz", folder / "log")
        return process

    def client(self, token):
        """Asks `upload` as the gateway does."""
        client = uploads.Client(f"127.0.0.1:{self.ports['upload']}", token)
        client.head += f"{HEADER}: {self.cluster.token(self.config['gate'], 'gateway', 'upload')}\r\n"
        return client

    def peak(self):
        """Most bytes of `upload` that were resident."""
        status = pathlib.Path(f"/proc/{self.processes['upload'].pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def end(self):
        for process in self.processes.values():
            uploads.end(process)
        self.cluster.end()
