"""The gate's catalog, read from its volume: what is really committed."""

import pathlib
import sqlite3

from . import Failed, kube


def path():
    """The SQLite file of the demo's volume on this machine."""
    claim = kube.get("persistentvolumeclaim", "demo-data", "demo")
    volume = kube.get("persistentvolume", claim["spec"]["volumeName"], "demo")
    folder = pathlib.Path(volume["spec"]["hostPath"]["path"])
    files = [file for file in folder.rglob("*") if file.suffix in (".db", ".sqlite", ".sqlite3")]
    if len(files) != 1:
        raise Failed(f"no catalog in {folder}")
    return files[0]


def query(sql, *values):
    """Rows of a query; the catalog is only read."""
    connection = sqlite3.connect(f"file:{path()}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def objects(output):
    """{(track, number): (sha256, bytes, committed at)} of an output's media segments."""
    sql = "SELECT track, number, sha256, bytes, committed_at FROM segments WHERE output = ? AND number >= 0"
    return {(track, number): rest for track, number, *rest in query(sql, output)}
