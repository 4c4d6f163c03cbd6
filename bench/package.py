"""The package as `chalice deploy` made it: its size, its parts, and a read-only copy of it."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

from simulator.world import World


def of(world: World) -> Path:
    """The zip that was deployed into this world last."""
    folder = world.staged / ".chalice" / "deployments"
    return max(folder.glob("*.zip"), key=lambda each: each.stat().st_mtime)


def parts(package: Path) -> list[tuple[str, int]]:
    """What takes how many bytes of the zip, the biggest first."""
    sizes: Counter[str] = Counter()
    with ZipFile(package) as opened:
        for entry in opened.infolist():
            sizes[_part(entry.filename)] += entry.compress_size
    return sizes.most_common()


def _part(name: str) -> str:
    if name.startswith("botocore/data/"):
        return "descriptions of AWS services"
    if name.endswith(".pyc"):
        return "bytecode"
    top = name.partition("/")[0]
    return "the app" if top in ("app.py", "chalicelib", "chalice") else top.partition("-")[0]


@contextmanager
def unpacked(package: Path, where: Path) -> Iterator[Path]:
    """The package in a folder that nobody can write to, as Lambda's is."""
    with ZipFile(package) as opened:
        opened.extractall(where)
    paths = [where, *where.rglob("*")]
    for path in paths:
        os.chmod(path, stat.S_IMODE(path.stat().st_mode) & ~0o222)
    try:
        yield where
    finally:
        for path in paths:
            os.chmod(path, stat.S_IMODE(path.stat().st_mode) | 0o200)
        shutil.rmtree(where)
