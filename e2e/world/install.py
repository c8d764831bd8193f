"""Images of the programs as they are built, and the chart installed with them."""

import hashlib

from . import ROOT, TARGET, kube

CHART = ROOT / "charts/streamgate"
CHART_NAMESPACE = "streamgate-system"
IMAGES = {"operator": "65532", "dataplane": "10001", "transcoder": "10002"}
BUILT = TARGET / "images"


def program(name):
    return TARGET / f"release/streamgate-{name}"


def tag():
    """A tag that changes with any of the programs, so that a new build rolls out."""
    digest = hashlib.sha256()
    for name in IMAGES:
        digest.update(program(name).read_bytes())
    return f"0.1.0-{digest.hexdigest()[:12]}"


def images():
    """Makes and loads the three images unless this build's are there; their tag."""
    version = tag()
    done = BUILT / version
    loaded = kube.FOLDER / f"loaded-{version}"
    if loaded.exists():
        return version
    done.mkdir(parents=True, exist_ok=True)
    archives = []
    for name, user in IMAGES.items():
        archive = done / f"{name}.tar"
        if not archive.exists():
            binary = f"{program(name)}=/usr/local/bin/streamgate-{name}"
            entry = f"/usr/local/bin/streamgate-{name}"
            image = f"streamgate-{name}:{version}"
            kube.show(kube.CLUSTER, "image", image, "--binary", binary, "--entrypoint", entry, "--user", user, "--out", archive)
        archives.append(archive)
    kube.show(kube.CLUSTER, "load-image", "--dir", kube.FOLDER, *archives)
    loaded.touch()
    return version


def install(version, **values):
    """helm upgrade --install --wait."""
    values |= {"image.tag": version, "defaultVersion": version}
    settings = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    kube.run("helm", "upgrade", "--install", "streamgate", CHART, "-n", CHART_NAMESPACE, "--create-namespace", "--wait", "--timeout", "120s", *settings)
