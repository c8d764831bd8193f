"""Each item of the inventory taken out: with it its test passes, without it the test fails.

One build holds every item behind a switch of its own, in a copy of the tree; the working tree stays as it is. So
each test is run twice with the same programs, and nothing but its own item is missing. ONLY=cache,auth-login takes
the rows and items that are named."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from bench import inventory

ROOT = inventory.ROOT
TREE = ROOT / "target/inventory"
# What the copy needs of what is built or fetched already.
SHARED = ("tools", "footage")
AT_ONCE = int(os.environ.get("AT_ONCE", 1))
# Seconds a test may take with every item; without its item so many times what it took, and a pause.
PATIENCE = 300
LONGER = 10
PAUSE = 60
# Nobody waits for these programs: what is compiled sooner is proven sooner.
QUICK = [f'profile.release.package."streamgate-{name}".opt-level={level}'
         for name, level in (("dataplane", 0), ("operator", 0), ("crds", 0), ("tests", 0))]


def main():
    wrong = inventory.mistakes()
    if wrong:
        print("\n".join(wrong))
        return 1
    _, items = inventory.load()
    held = [item for item in items if inventory.is_proven_here(item)]
    # All of them, so that the programs are the same whichever are wanted.
    copy(held)
    programs = build(sorted({target(item) for item in held}))
    wanted = [item for item in items if is_wanted(item)]
    tested = [item for item in held if is_wanted(item)]
    if os.environ.get("BUILD_ONLY"):
        return 0
    outcomes = prove(tested, programs)
    return tell(wanted, outcomes)


def is_wanted(item):
    only = os.environ.get("ONLY")
    return only is None or any(name in (item["row"], item["id"]) for name in only.split(","))


def target(item):
    return item["test"].split(" ")[0]


def copy(items):
    """The tree with every item behind its switch. Files that stay the same keep their times."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = {name: (ROOT / name).read_bytes() for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for item in items:
        for file, text, instead in inventory.edits(item):
            whole = texts[file].decode()
            # Two items may not share a text: the second would not find it.
            assert whole.count(text) == 1, f"{item['id']} takes out what another item changed: {text!r}"
            texts[file] = whole.replace(text, instead).encode()
    for old in TREE.rglob("*.rs"):
        if "target" not in old.relative_to(TREE).parts and str(old.relative_to(TREE)) not in texts:
            old.unlink()
    for name, text in texts.items():
        path = TREE / name
        if path.exists() and path.read_bytes() == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        path.chmod((ROOT / name).stat().st_mode)
    seed()


def seed():
    """Crates of others are compiled already: taken over by hard links, so that nothing is built twice."""
    target = TREE / "target"
    target.mkdir(exist_ok=True)
    for name in SHARED:
        if not (target / name).is_symlink() and (ROOT / "target" / name).exists():
            (target / name).symlink_to(ROOT / "target" / name)
    built, ours = ROOT / "target/release", target / "release"
    if ours.exists() or not (built / "deps").exists():
        return
    ours.mkdir()
    subprocess.run(["cp", "-al", built / "deps", ours / "deps"], check=True)
    for name in (".fingerprint", "build"):
        subprocess.run(["cp", "-a", built / name, ours / name], check=True)
    own = [path for folder in ("deps", ".fingerprint", "build") for path in (ours / folder).glob("*streamgate*")]
    subprocess.run(["rm", "-rf", "--", *own], check=True)


def build(targets):
    """The programs with the tests, by target."""
    chosen = [] if not any(t in inventory.LIBRARIES for t in targets) else ["--lib"]
    for name in targets:
        chosen += [] if name in inventory.LIBRARIES else ["--test", name]
    quick = [part for setting in QUICK for part in ("--config", setting)]
    command = ["cargo", "test", "--release", "--workspace", "--no-run", *quick, "--message-format", "json", *chosen]
    began = time.monotonic()
    done = subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0:
        told = [m["message"]["rendered"] for m in messages if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
        raise SystemExit("an item does not compile behind its switch:\n" + "\n".join(told))
    print(f"  built with every item behind a switch in {time.monotonic() - began:.0f} s", flush=True)
    libraries = {package: name for name, (_, package) in inventory.LIBRARIES.items()}
    programs = {}
    for message in messages:
        if message["reason"] != "compiler-artifact" or not message["executable"] or not message["profile"]["test"]:
            continue
        kind, name = message["target"]["kind"][0], message["target"]["name"]
        folder = pathlib.Path(message["manifest_path"]).parent
        name = libraries.get(name.replace("_", "-")) if kind == "lib" else name
        if kind in ("lib", "test") and name:
            programs[name] = (message["executable"], folder)
    return programs


def prove(items, programs):
    """For each item, how its test ended with it and without it. Every run is a process of its own: what another test
    of the same process left behind makes no test green with its item and red without it."""
    count = len(items)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as runners:
        names = list(dict.fromkeys(item["test"] for item in items))
        whole = dict(zip(names, runners.map(lambda name: run(name, programs), names)))
        slow = sorted(((seconds, name) for name, (_, seconds) in whole.items()), reverse=True)
        longest = ", ".join(f"{name} {seconds:.0f} s" for seconds, name in slow[:3])
        print(f"  {len(names)} tests with every item took {sum(s for s, _ in slow):.0f} s; {longest}", flush=True)
        outcomes = {}
        reds = runners.map(lambda item: apart(item, whole[item["test"]], programs), items)
        for number, (item, red) in enumerate(zip(items, reds), 1):
            green = whole[item["test"]][0]
            outcomes[item["id"]] = green, red
            print(f"  {number:>3} of {count} {item['id']:<28} with it {green}, without it {red}", flush=True)
    return outcomes


def apart(item, whole, programs):
    """How an item's test ends without it. A test that fails with it says nothing."""
    green, seconds = whole
    if green != "passed":
        return "not run"
    return run(item["test"], programs, item["id"], patience=LONGER * seconds + PAUSE)[0]


def run(test, programs, without=None, patience=PATIENCE):
    """Passed, failed or hung, and after how many seconds."""
    name, path = test.split(" ")
    program, folder = programs[name]
    environment = os.environ | ({f"UNPLUGGED_{without}": "1"} if without else {})
    began = time.monotonic()
    process = subprocess.Popen([program, "--exact", path, "--test-threads=1"], cwd=folder, env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    try:
        said, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        end(process)
        process.communicate()
        return "hung", time.monotonic() - began
    finally:
        end(process)
    took = time.monotonic() - began
    if process.returncode == 0:
        return ("passed" if "1 passed" in said else "not there"), took
    if os.environ.get("SHOW"):
        print(said, flush=True)
    return "failed", took


def end(process):
    """Ends what a test has started and left behind: nodes and databases live in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def tell(items, outcomes):
    proven = [name for name, (green, red) in outcomes.items() if green == "passed" and red in ("failed", "hung")]
    unproven = sorted(set(outcomes) - set(proven))
    claimed = [item for item in items if "claim" in item]
    missing = [item["id"] for item in items if "missing" in item]
    later = [item["id"] for item in items if "later" in item]
    print(f"compared: {len(outcomes)} items, each test with and without its item; {len(claimed)} items are claims of "
          f"their own; of a later issue: {', '.join(later)}")
    print(f"not there: {', '.join(missing) or 'nothing'}")
    print(f"not proven: {', '.join(unproven) or 'nothing'}")
    print(f"figure: {len(proven)} of {len(outcomes)} items have a test that goes red without them, {len(missing)} are "
          f"not there, {len(claimed)} stand in claims, {len(later)} come later")
    return 0 if not unproven and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
