"""The scene of claims on topology Distributed: a second gate, its roles in pods of their own."""

import json

from . import kube
from .gate import Gate
from .kill import kill
from .scene import NAMESPACE_MANIFEST, SAMPLES, Scene
from .stores import BUCKET, ID, REGION, SECRET, Stores

NAMESPACE, NAME, PORT = "apart", "apart", 30090
ROLES = ("auth", "metadata", "cache", "upload", "worker", "streaming", "monitor", "gateway")


class Apart:
    """Made when it is missing, kept when it is there."""

    def __init__(self):
        self.scene = Scene()
        self.stores = Stores(self.scene.address)
        self.stores.up()
        self.url = f"http://{self.scene.address}:{PORT}"
        kube.apply(NAMESPACE_MANIFEST % NAMESPACE)
        secret("database", url=self.stores.database)
        secret("bucket", accessKeyId=ID, secretAccessKey=SECRET)
        words = {"ADDRESS": self.scene.address, "TICKET": self.scene.ticket.address, "CREATOR": self.scene.creator,
                 "VERSION": self.scene.tag, "BUCKET": BUCKET, "REGION": REGION, "ENDPOINT": self.stores.endpoint}
        text = (SAMPLES / "stream-gate-distributed.yaml").read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=text)
        self.ready()

    def ready(self, seconds=300):
        kube.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", f"streamgates/{NAME}", f"--timeout={seconds}s")
        kube.until("an answer of the gate", self.answers, 60)

    def answers(self):
        try:
            return Gate(self.url).ask("GET", "/api/v1/health", timeout=5).status == 200
        except OSError:
            return False

    def change(self, spec):
        kube.kubectl("patch", "streamgates", NAME, "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"spec": spec}))

    def log(self):
        """The level of the logs as the gate has it."""
        return kube.get("streamgate", NAME, NAMESPACE)["spec"].get("log", "info")

    def signed_in(self, account):
        gate = Gate(self.url)
        gate.sign_in(self.scene.chain, account)
        return gate

    def upload(self, path):
        """Uploads a file as the creator and waits for its job; the content."""
        known = jobs()
        self.signed_in(self.scene.creator).upload(path, filename=path.name, title="A real clip", rule="ticket")
        job = kube.until("a TranscodeJob", lambda: jobs() - known, 30).pop()
        return follow_in(job)

    def pods(self, role):
        """Pods of a role that are not on their way out."""
        selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={role}"
        return [p for p in kube.items("pods", NAMESPACE, "-l", selector) if "deletionTimestamp" not in p["metadata"]]

    def kill(self, role):
        """SIGKILL to the first pod of a role."""
        return kill(self.pods(role)[0], "streamgate-dataplane")


def follow_in(job):
    def done():
        seen = (kube.get("transcodejob", job, NAMESPACE) or {}).get("status", {})
        return seen if seen.get("phase") in ("Succeeded", "Failed") else None

    return kube.until(f"the end of {job}", done, 300)


def jobs():
    return {job["metadata"]["name"] for job in kube.items("transcodejobs", NAMESPACE)}


def secret(name, **values):
    data = "\n".join(f"  {key}: {json.dumps(value)}" for key, value in values.items())
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n{data}\n"
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=text)
