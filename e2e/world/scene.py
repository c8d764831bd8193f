"""The scene of demo and claims: an installed chart, an EVM node with tickets, a gate that is ready."""

import time

from . import FOOTAGE, ROOT, STATE, Failed, evm, kube
from .gate import Gate
from .install import images, install

NAMESPACE = "demo"
CLIP = FOOTAGE / "clip-720p25.mp4"
SAMPLES = ROOT / "e2e/samples"
NAMESPACE_MANIFEST = """
apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def plain(title, part, *arguments):
    """Does a part without telling a story."""
    return part(*arguments)


class Scene:
    """Everything is made when it is missing and kept when it is there."""

    def __init__(self, tell=plain):
        kube.use()
        STATE.mkdir(parents=True, exist_ok=True)
        self.tag = tell("images", images)
        tell("install the chart", install, self.tag)
        self.address = kube.node_address()
        self.chain = evm.Chain(self.address)
        tell("EVM node", self.chain.up)
        self.creator, self.holder, self.stranger, *self.others = self.chain.accounts()
        self.ticket = tell("ERC-721 contract", self._ticket)
        self.url = f"http://{self.address}:30080"
        tell("StreamGate", self._gate)

    def _ticket(self):
        """The contract, deployed once per chain; the holder has a token of it."""
        memory = STATE / "ticket"
        address = memory.read_text() if memory.exists() else None
        if address and self.chain.rpc("eth_getCode", address, "latest") == "0x":
            address = None
        ticket = evm.Ticket(self.chain, address)
        memory.write_text(ticket.address)
        return ticket

    def _gate(self):
        kube.apply(NAMESPACE_MANIFEST % NAMESPACE)
        self.apply("stream-gate.yaml")
        self.apply("alert-policy.yaml")
        self.ready()

    def ready(self):
        """Ready, and reachable from outside: the node's rules follow a moment after the pod."""
        kube.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "streamgates/demo", "--timeout=180s")
        kube.until("an answer of the gate", self.answers, 60)

    def answers(self):
        try:
            return Gate(self.url).ask("GET", "/.well-known/jwks.json", timeout=5).status == 200
        except OSError:
            return False

    def apply(self, name, **words):
        """Applies a sample with its words filled in."""
        text = (SAMPLES / name).read_text()
        words = {"ADDRESS": self.address, "TICKET": self.ticket.address, "CREATOR": self.creator, "VERSION": self.tag} | words
        for word, value in words.items():
            text = text.replace(word, value)
        kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=text)

    def signed_in(self, account):
        gate = Gate(self.url)
        gate.sign_in(self.chain, account)
        return gate

    def upload(self, path=CLIP, **metadata):
        """Uploads a file as the creator; name of the TranscodeJob that comes of it."""
        known = job_names()
        metadata = {"filename": path.name, "title": "A real clip", "rule": "ticket"} | metadata
        self.signed_in(self.creator).upload(path, **metadata)
        return kube.until("a TranscodeJob", lambda: job_names() - known, 30).pop()


def job_names():
    return {job["metadata"]["name"] for job in kube.items("transcodejobs", NAMESPACE)}


def status(job):
    return (kube.get("transcodejob", job, NAMESPACE) or {}).get("status", {})


def follow(job, show=lambda line: None, every=0.5):
    """Waits for the end of a job and shows its own words; its status."""
    shown = None
    while True:
        seen = status(job)
        progress, spans = seen.get("progress", {}), seen.get("spans", {})
        line = (
            f"{seen.get('phase', '-'):<11} {progress.get('percent', 0):>3} %"
            f"  segments {progress.get('segments', '-'):>7}  pods {spans.get('active', 0)}"
            f"  speed {progress.get('speed', '-'):>6}  ETA {progress.get('etaSeconds', '-')}"
        )
        if line != shown:
            show(line)
        shown = line
        if seen.get("phase") == "Succeeded":
            return seen
        if seen.get("phase") == "Failed":
            raise Failed(f"{job} failed: {seen.get('reason')}: {seen.get('message')}")
        time.sleep(every)
