"""The inventory: what the product must contain, each item with the test that goes red without it.

`python3 -m bench.inventory --check` holds it against the sources: every test that is named is there, every text to
take out is there once, and the page of the docs is the one made from it. `--write` makes that page.
"""
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "e2e/inventory.toml"
PAGE = ROOT / "docs/src/reference/inventory.md"
# Packages by the first word of a test: folder, name and the kind and name of the target the test is in.
LIBRARIES = {"dataplane": ("dataplane", "streamgate-dataplane"), "operator": ("operator", "streamgate-operator"),
             "crds": ("crds", "streamgate-crds"), "contract": ("crds/contract", "streamgate-contract"),
             "transcoder": ("dataplane/transcoder", "streamgate-transcoder")}
TARGETS = {"it": "tests/it", "upload": "dataplane/tests/upload", "courier": "dataplane/tests/courier",
           "layers": "dataplane/tests/layers", "playback": "dataplane/tests/playback",
           "engine": "dataplane/transcoder/tests/engine"}
HEAD = """# What is there, and the test that goes red without it

Each item of the inventory, and the test that fails when just this item is taken out. `make claim NAME=services-1`
takes them out one by one and runs the tests, with the item and without it. Made from `e2e/inventory.toml`; a row
that is not there yet says so.
"""


def load():
    """Rows with their titles, and the items in their order."""
    document = tomllib.loads(SOURCE.read_text())
    return document["rows"], document["item"]


def is_proven_here(item):
    return "test" in item


def edits(item):
    """What taking an item out changes: file, text as it stands there, text with a switch."""
    changes = [item] + item.get("also", [])
    return [edit(change, item["file"], switch(item["id"])) for change in changes]


def switch(name):
    """Rust that is true while the item is taken out. Nothing is allocated while it is not."""
    return f'std::env::var_os("UNPLUGGED_{name}").is_some()'


def edit(change, file, out):
    file = change.get("file", file)
    if "route" in change:
        text = found_route(file, change["route"])
        path = f'"{change["route"]}"'
        return file, text, text.replace(path, f'if {out} {{ "/unplugged" }} else {{ {path} }}')
    text = change["text"]
    if "with" in change:
        return file, text, re.sub(r"\bOUT\b", lambda _: out, change["with"])
    return file, text, f"(if {out} {{ {change['out']} }} else {{ {text} }})"


def found_route(file, route):
    """The text in which a route is added, however it is broken into lines."""
    pattern = r'\.route\(\s*"' + re.escape(route) + '",'
    found = re.search(pattern, (ROOT / file).read_text())
    return found.group(0) if found else f'.route("{route}",'


def check():
    """Everything that is wrong, the page included."""
    wrong = mistakes()
    if not wrong and (not PAGE.exists() or PAGE.read_text() != page()):
        wrong.append(f"{PAGE.relative_to(ROOT)} is of another inventory; run python3 -m bench.inventory --write in e2e")
    return wrong


def mistakes():
    """Everything that is wrong with the inventory itself."""
    rows, items = load()
    names = [item["id"] for item in items]
    wrong = [f"{name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
    for row in rows:
        if not any(item["row"] == row for item in items):
            wrong.append(f"row {row} has no item")
    for item in items:
        wrong += [f"{item['id']}: {what}" for what in faults(item, rows)]
    return wrong


def faults(item, rows):
    if item["row"] not in rows:
        yield f"there is no row {item['row']}"
    said = [word for word in ("test", "claim", "missing", "later") if word in item]
    if len(said) != 1:
        yield f"says {said or 'nothing'}; say test, claim, missing or later"
    if not is_proven_here(item):
        return
    if not is_there(item["test"]):
        yield f"there is no test {item['test']}"
    for file, text, _ in edits(item):
        count = (ROOT / file).read_text().count(text) if (ROOT / file).exists() else 0
        if count != 1:
            yield f"{file} has its text {count} times: {text!r}"


def is_there(test):
    """Whether the file that the path of a test leads to has a test of its name."""
    target, path = test.split(" ")
    *modules, name = path.split("::")
    folder = ROOT / (LIBRARIES[target][0] + "/src" if target in LIBRARIES else TARGETS[target])
    while modules:
        file = folder / ("/".join(modules) + ".rs")
        if file.exists():
            return re.search(rf"fn {name}\(", file.read_text()) is not None
        modules.pop()
    return False


def page():
    rows, items = load()
    parts = [HEAD]
    for row, title in rows.items():
        parts.append(f"\n## {title}\n\n| item | goes red without it |\n| --- | --- |\n")
        parts += [line(item) for item in items if item["row"] == row]
    return "".join(parts)


def line(item):
    if "test" in item:
        target, path = item["test"].split(" ")
        shown = f"{target}: `{path}`"
    elif "claim" in item:
        shown = f"claim {item['claim']}, in [figures](claims.md)"
    elif "missing" in item:
        shown = f"not there yet: {item['missing']}"
    else:
        shown = f"later: {item['later']}"
    return f"| {item['what']} | {shown} |\n"


def main(arguments):
    if arguments == ["--write"]:
        PAGE.write_text(page())
        return 0
    wrong = check()
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
