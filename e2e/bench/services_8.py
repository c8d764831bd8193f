"""The API under schemathesis, every check, stateful, against the program itself; and refusals that no handler
makes, each of which must be a problem of RFC 9457."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

from bench import serving
from world.evm import CHAIN_ID, Chain
from world.gate import Gate
from world.kube import kubectl

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMATHESIS = ROOT / "target/tools/schemathesis/bin/schemathesis"
CLUSTER = ROOT / "target/tools/bin/cluster"
HOOKS = "bench.schemathesis_hooks"
SETTINGS = pathlib.Path(__file__).resolve().parent / "schemathesis.toml"
EXAMPLES = 40
# All that it says; the claim shows the end of it.
WHOLE = ROOT / "target/bench/services-8/whole.txt"

# What callers send that is wrong, and the status it must be refused with.
RAW = {
    "no such route": (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    "wrong method": (b"BREW /api/v1/contents HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "path that is no text": (b"GET /api/v1/contents/%ff HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    "upload that is no text": (b"GET /api/v1/uploads/%ff HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    "query that is none": (b"GET /api/v1/contents?limit=x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "handle that is none": (b"GET /v/x/master.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n", 401),
    "body that is no JSON": (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{", 400),
    "body of another type": (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n{", 415),
    "body that is too large": (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n" + b" " * 99999, 413),
    "head that is too large": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    "request line that is none": (b"nonsense\r\n\r\n", 400),
}


def main():
    serving.build()
    with serving.folder() as folder, control_plane(folder / "plane") as kubeconfig:
        gate = prepare(folder, kubeconfig)
        chain = Chain("127.0.0.1", serving.free_port())
        chain.up()
        try:
            with serving.gate(gate, core=None, config=settings(gate, chain)) as server:
                raw = {name: refused(server.address, *wanted) for name, wanted in RAW.items()}
                tokens = {name: sign_in(server, chain) for name in ("GATE_TOKEN", "LOGOUT_TOKEN")}
                summary, clean = fuzz(server, tokens)
        finally:
            chain.down()
    wrong = {name: told for name, told in raw.items() if told}
    for name in RAW:
        print(f"  {name}: {wrong.get(name, 'problem+json')}")
    print("compared: every answer with the description of the API; raw refusals with RFC 9457")
    print(f"figure: schemathesis {summary}; {len(RAW) - len(wrong)} of {len(RAW)} refusals of the stack are problem+json")
    return 0 if clean and not wrong else 1


@contextlib.contextmanager
def control_plane(folder):
    """A real Kubernetes API with the product's kinds and the namespace of the gate."""
    cluster = lambda verb: subprocess.run([CLUSTER, "control-plane", verb, "--dir", folder], check=True, capture_output=True, text=True).stdout
    kubeconfig = pathlib.Path(cluster("up").split()[-1])
    try:
        os.environ["KUBECONFIG"] = str(kubeconfig)
        kubectl("apply", "--server-side", "-f", ROOT / "crds/yaml")
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        yield kubeconfig
    finally:
        cluster("down")


def prepare(folder, kubeconfig):
    """A gate's folder."""
    gate = folder / "gate"
    subprocess.run([serving.LOAD, "seed", gate], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(kubeconfig, gate / "kubeconfig")
    namespace = json.loads((gate / "config.yaml").read_text())["gate"]["namespace"]
    kubectl("create", "namespace", namespace, check=False)
    return gate


def settings(gate, chain):
    """The seeded configuration with a chain to sign in on, and its first account as creator and admin."""
    config = json.loads((gate / "config.yaml").read_text())
    who = chain.accounts()[0]
    config["chains"] = [{"name": "local", "chainId": CHAIN_ID, "rpcUrls": [chain.url]}]
    config["people"] = {"creators": [who], "admins": [who]}
    config["limits"]["maxUploadBytes"] = 1 << 20
    roles = ("auth", "upload", "metadata", "streaming", "cache", "worker", "monitor", "jobs")
    config["limits"]["roles"] = [{"role": role, "requestsPerSecond": 1_000_000, "burst": 1_000_000} for role in roles]
    return config


def sign_in(server, chain):
    gate = Gate(f"http://{server.address}")
    return gate.sign_in(chain, chain.accounts()[0])["token"]


def refused(address, request, status):
    """What is wrong with the refusal of a request; nothing when it is as it must be."""
    host, port = address.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        try:
            connection.sendall(request)
            while chunk := connection.recv(65536):
                answer += chunk
                head, _, body = answer.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                if length and len(body) >= int(length[1]):
                    break
        except OSError as error:
            if not answer:
                return f"no answer: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    told = int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0
    if told != status:
        return f"status {told} instead of {status}"
    if b"application/problem+json" not in head.lower():
        return f"{told} without problem+json"
    return "" if json.loads(body).get("status") == status else "another status in the body"


def fuzz(server, tokens):
    """Runs schemathesis; its last lines, and whether it found nothing."""
    command = [SCHEMATHESIS, "--config-file", SETTINGS, "run", f"http://{server.address}/api/v1/openapi.json",
               "--checks", "all", "--max-examples", str(EXAMPLES),
               "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--seed", "1", "--workers", "2",
               "--request-timeout", "20"]
    WHOLE.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, cwd=WHOLE.parent, env=os.environ | tokens | {"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT / "e2e")})
    output = done.stdout
    for name, token in tokens.items():
        output = output.replace(token, name)
    WHOLE.write_text(output)
    print("\n".join("  " + line for line in output.splitlines()[-160:]))
    counts = re.findall(r"(\d+ (?:generated|passed|failed|unique failures?)[^\n,]*|No issues found[^\n]*)", output)
    return "; ".join(counts[-3:]) or output.strip().splitlines()[-1:], done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
