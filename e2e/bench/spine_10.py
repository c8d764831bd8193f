"""AlertPolicy: an injected failure goes pending, firing, resolved; a webhook receiver on this machine
is told of each once, also over a restart of the monitor; an unsupported expression is refused."""

import http.server
import json
import sys
import threading
import time

from world import kube
from world.kill import kill
from world.scene import NAMESPACE, Scene, status

PORT = 18099
NAME = "spine-10"
POLICY = """
apiVersion: streamgate.io/v1alpha1
kind: AlertPolicy
metadata:
  name: spine-10
spec:
  streamGateRef: {name: demo}
  intervalSeconds: 5
  handlers:
    - name: receiver
      webhook: {url: "http://ADDRESS:PORT/"}
  rules:
    - name: SpansFailed
      expr: streamgate_transcode_job_failed_spans > 0
      for: 10s
"""
BROKEN_POLICY = """
apiVersion: streamgate.io/v1alpha1
kind: AlertPolicy
metadata:
  name: spine-10-broken
spec:
  streamGateRef: {name: demo}
  rules:
    - name: Unsupported
      expr: sum(rate(x[5m])) + irate(x[5m]) > 1
"""


JOB = """
apiVersion: streamgate.io/v1alpha1
kind: TranscodeJob
metadata:
  name: fail-UPLOAD
spec:
  streamGateRef: {name: demo}
  source: {upload: {id: UPLOAD}}
  backoffLimitPerIndex: 0
"""


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps every notification."""

    told = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.told.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def told(status):
    return [note for note in Receiver.told if note["status"] == status]


def evaluation():
    return (kube.get("alertpolicy", NAME, NAMESPACE) or {}).get("status", {}).get("evaluation", {})


def state():
    rules = evaluation().get("rules", [])
    return rules[0]["state"] if rules else "inactive"


def restart_monitor():
    kube.kubectl("delete", "pod", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=all", "--wait=true")
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")


def main():
    scene, seen = Scene(), []
    server = http.server.ThreadingHTTPServer((scene.address, PORT), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in (NAME, "spine-10-broken"):
        kube.kubectl("delete", "alertpolicy", name, "-n", NAMESPACE, "--ignore-not-found")
    policy = POLICY.replace("ADDRESS", scene.address).replace("PORT", str(PORT))
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=policy)
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=BROKEN_POLICY)
    kube.kubectl("wait", "--for=condition=Ready", f"alertpolicy/{NAME}", "-n", NAMESPACE, "--timeout=30s")
    broken = kube.until("a verdict on the unsupported expression", stalled, 30)
    print(f"  unsupported: {broken}")

    job = fail_a_span(scene)
    for wanted, patience in (("pending", 60), ("firing", 60)):
        kube.until(wanted, lambda: state() == wanted, patience, 0.3)
        seen.append(wanted)
        print(f"  {wanted}: {kube.kubectl('get', 'alertpolicy', NAME, '-n', NAMESPACE, '--no-headers').strip()}", flush=True)
    kube.until("the notification", lambda: told("firing"), 30)
    restart_monitor()
    time.sleep(25)
    print(f"  after a restart of the monitor: {len(told('firing'))} notice of firing, state {state()}")
    kube.kubectl("delete", "transcodejob", job, "-n", NAMESPACE)
    kube.until("resolved", lambda: told("resolved") and state() == "inactive", 60, 0.3)
    seen.append("resolved")
    time.sleep(12)
    events = kube.items("events", NAMESPACE)
    mine = [e["reason"] for e in events if e["involvedObject"]["name"] == NAME]
    print(f"  events: {mine}")
    print(f"figure: {' '.join(seen)}; {len(told('firing'))} firing and {len(told('resolved'))} resolved notification")
    exact = len(told("firing")) == len(told("resolved")) == 1
    positioned = "irate at column 20" in broken
    sys.exit(0 if exact and positioned and len(seen) == 3 else 1)


def stalled():
    condition = kube.condition(kube.get("alertpolicy", "spine-10-broken", NAMESPACE), "Stalled")
    return condition.get("message") if condition.get("status") == "True" else None


def fail_a_span(scene):
    """A job of which one span is killed and has no retries; its name."""
    upload = scene.upload(title="to fail").removeprefix("upload-")
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=JOB.replace("UPLOAD", upload))
    name = f"fail-{upload}"
    selector = "streamgate.io/step=encode,streamgate.io/transcode-job-uid="
    selector += kube.get("transcodejob", name, NAMESPACE)["metadata"]["uid"]

    def failed():
        for pod in kube.items("pods", NAMESPACE, "-l", selector):
            if pod["metadata"]["annotations"].get("batch.kubernetes.io/job-completion-index") == "0":
                kill(pod, "streamgate-transcoder")
        return status(name).get("spans", {}).get("failed")

    kube.until("a failed span", failed, 180, 0.3)
    return name


if __name__ == "__main__":
    main()
