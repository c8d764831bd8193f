"""No secret in any output: the whole main job with logs at their most talkative, forged tokens planted
where tokens ride, then every log, event, metric, status and problem searched for all of them."""

import re
import secrets
import sys
import time
import urllib.request

from world import kube, player
from world.gate import Gate, bound_to_secret
from world.install import CHART_NAMESPACE, install
from world.scene import NAMESPACE, Scene, follow

# What a token or a signed URL looks like, whoever made it.
SHAPES = {
    "JSON Web Token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "signed URL of the object endpoint": r"signature=[0-9a-f]{16,}",
    "signed URL of S3": r"X-Amz-(Signature|Credential|Security-Token)=",
    "bearer": r"(?i)bearer [\w.~+/-]{12,}",
    "private key": r"BEGIN [A-Z ]*PRIVATE KEY",
}
READABLE = ("events", "streamgates", "transcodejobs", "alertpolicies", "jobs", "pods", "configmaps", "deployments")


class Secrets:
    """Everything that must not be seen, by what it is; problems met on the way."""

    def __init__(self):
        self.known, self.problems = {}, []

    def keep(self, what, text):
        self.known[text] = what
        return text

    def plant(self, what):
        return self.keep(f"planted {what}", f"canary{secrets.token_hex(16)}")

    def met(self, answer):
        if answer.status >= 400:
            self.problems.append(answer.body.decode(errors="replace"))
        return answer


def main():
    scene, hidden = Scene(), Secrets()
    talkative(scene, "trace")
    main_job(scene, hidden)
    forge(scene, hidden)
    time.sleep(2)
    texts = outputs(hidden)
    found = [f"{what} in {place}" for place, text in texts.items() for what in seen(hidden, text)]
    checked = self_test(hidden)
    size = sum(len(text) for text in texts.values())
    print(f"  searched {len(texts)} outputs, {size / 1e6:.1f} MB, for {len(hidden.known)} secrets and {len(SHAPES)} shapes")
    print("".join(f"  FOUND {row}\n" for row in sorted(set(found))), end="")
    print(f"  a copy with every secret planted in it: {checked} of {len(hidden.known)} found")
    talkative(scene, "info")
    print(f"figure: {len(found)} canaries found in {len(texts)} outputs")
    sys.exit(0 if not found and checked == len(hidden.known) and size > 100_000 else 1)


def talkative(scene, level):
    """Gate and operator log at this level."""
    kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"log":"%s"}}' % level)
    install(scene.tag, log=level)
    time.sleep(2)
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")
    scene.ready()


def main_job(scene, hidden):
    """Upload, encode, sign in, play, refuse."""
    token = scene.ticket.mint(scene.holder)
    job = scene.upload(title="canaries")
    content = follow(job)["output"]["content"]
    for who in (scene.creator, scene.holder, scene.stranger):
        gate = Gate(scene.url)
        session = gate.sign_in(scene.chain, who)
        hidden.keep("session", session["token"])
        answer = hidden.met(gate.playback(content))
        if answer.status < 300:
            handle = answer.json()["url"].split("/v/")[1].split("/")[0]
            hidden.keep("playback handle", handle)
            play(scene, answer.json()["url"])
    print(f"  job {job} done, token {token}, three people signed in", flush=True)


def play(scene, stream):
    for url in [stream, *player.variants(stream)]:
        player.fetch(url)
    player.play(stream)


def forge(scene, hidden):
    """Requests with canaries in every place a token may ride in."""
    gate = Gate(scene.url)
    plant, met = hidden.plant, lambda *a, **k: hidden.met(gate.ask(*a, **k))
    met("GET", f"/v/{plant('handle')}/master.m3u8")
    met("GET", f"/v/{plant('handle')}/v720/000000-0123456789abcdef.m4s?token={plant('query')}")
    met("GET", f"/api/v1/contents?access_token={plant('query')}")
    met("GET", "/api/v1/contents", headers={"Authorization": f"Bearer {plant('session')}"})
    met("GET", "/api/v1/contents", headers={"Cookie": f"__Host-session={plant('cookie')}"})
    met("GET", "/api/v1/contents", headers={"X-Api-Key": plant("key"), "Proxy-Authorization": f"Basic {plant('password')}"})
    met("POST", "/api/v1/auth/login", {"message": plant("message"), "signature": plant("signature")})
    met("POST", "/api/v1/playback", {"content": plant("content"), "token": plant("token")})
    met("GET", f"/nowhere/{plant('path')}?sig={plant('query')}")
    met("PUT", f"/internal/v1/objects/contents/x?expires=1&signature={plant('signature')}", b"x")
    internal = f"http://{pod_address()}:8081/internal/v1"
    for method, path in (("PUT", f"/objects/contents/x?expires=1&signature={plant('signature')}"), ("GET", f"/objects/{plant('key')}?expires=1&signature=0")):
        met(method, internal + path, b"x" if method == "PUT" else None)
    # A challenge answered with another wallet's signature: a real signature in a refused request.
    wanted, verifier = bound_to_secret(scene.stranger)
    hidden.keep("verifier", verifier)
    challenge = gate.ask("POST", "/api/v1/auth/challenge", wanted).must(200, 201).json()
    signature = hidden.keep("wallet signature", scene.chain.sign(scene.holder, challenge["message"]))
    met("POST", "/api/v1/auth/login", {"message": challenge["message"], "signature": signature, "verifier": verifier})
    print(f"  {len(hidden.problems)} refusals with canaries", flush=True)


def pod_address():
    pods = kube.items("pods", NAMESPACE, "-l", "app.kubernetes.io/component=all")
    return pods[0]["status"]["podIP"]


def outputs(hidden):
    """Everything anybody could read: problems, logs, events, objects with their status, metrics."""
    texts = {f"problem {n}": text for n, text in enumerate(hidden.problems)}
    for namespace in (NAMESPACE, CHART_NAMESPACE):
        for pod in kube.items("pods", namespace):
            texts |= logs(pod, namespace) | metrics(pod)
        for kind in READABLE:
            texts[f"{kind} in {namespace}"] = kube.kubectl("get", kind, "-n", namespace, "-o", "yaml")
    return texts


def logs(pod, namespace):
    """Logs of every container, and of the one before it where it was restarted."""
    name, texts = pod["metadata"]["name"], {}
    for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
        for previous in ("false", "true"):
            arguments = ("logs", name, "-n", namespace, "-c", container["name"], f"--previous={previous}")
            texts[f"log of {name}/{container['name']}, previous {previous}"] = kube.kubectl(*arguments, check=False)
    return texts


def metrics(pod):
    """What a gate's or operator's pod shows to a scraper."""
    component, address = pod["metadata"]["labels"].get("app.kubernetes.io/component"), pod["status"].get("podIP")
    if component not in ("all", "operator") or not address:
        return {}
    text = urllib.request.urlopen(f"http://{address}:9090/metrics", timeout=10).read().decode()
    return {f"metrics of {pod['metadata']['name']}": text}


def seen(hidden, text):
    """What of the secrets stands in a text."""
    return [what for secret, what in hidden.known.items() if secret in text] + [what for what, shape in SHAPES.items() if re.search(shape, text)]


def self_test(hidden):
    """How many secrets the search finds when they are there."""
    return sum(what in seen(hidden, f"level=info x={secret}") for secret, what in hidden.known.items())


if __name__ == "__main__":
    main()
