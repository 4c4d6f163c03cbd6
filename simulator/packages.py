"""Keeps what pip downloads for `chalice deploy` between worlds.

Chalice names its deployment package by the hash of requirements *and* app, so each change of the
app would download everything again. A package that was built for the same requirements, interpreter
and vendor folder holds the same dependencies: it is taken again, with the app of today inside.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalicelib.deploy.packaging import WHOLE
from chalicelib.deploy.stages import own_glasses, packed

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
_APP = ("app.py", "chalicelib/", "chalice/")  # what chalice puts in beside the dependencies


def reuse(project: Path, cache: Path, stage: str) -> bool:
    """Put a ready package where chalice will look for it; False when there is none yet.

    It is the stage's own, as its deployment packs it: with its glasses alone.
    """
    kept = cache / f"{_key(project)}.zip"
    if not kept.exists():
        return False
    packager = _packager(own_glasses(stage, project / "chalicelib"))
    target = Path(packager.deployment_package_filename(str(project), RUNTIME))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as package:
        packager._add_app_files(package, str(project))
        package.comment = WHOLE  # as of one that a deployment has made to its end
    return True


def keep(project: Path, cache: Path) -> None:
    """Remember the dependencies of the package that chalice has just built."""
    kept = cache / f"{_key(project)}.zip"
    built = sorted((project / ".chalice" / "deployments").glob("*.zip"))
    if kept.exists() or not built:
        return
    cache.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=cache, suffix=".draft")
    os.close(handle)
    with (
        zipfile.ZipFile(built[-1]) as package,
        zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as dependencies,
    ):
        for entry in package.infolist():
            if not entry.filename.startswith(_APP):
                dependencies.writestr(entry, package.read(entry))
    os.replace(draft, kept)  # at once, because two worlds may do this at the same time


def _key(project: Path) -> str:
    digest = hashlib.sha256(f"{RUNTIME} {platform.machine()} ".encode())
    for name in ("requirements.txt", "chalicelib/deploy/packaging.py"):  # what is in it, and kept
        if (project / name).exists():
            digest.update((project / name).read_bytes())
    for path in sorted((project / "vendor").rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(project)).encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _packager(own: Path | None) -> Any:
    from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
    from chalice.utils import UI, OSUtils

    class OfTheStage(LambdaDeploymentPackager):
        def _iter_app_filenames(self, project_dir: str) -> Iterator[tuple[str, str]]:
            yield from packed(super()._iter_app_filenames(project_dir), own)

    return OfTheStage(OSUtils(), DependencyBuilder(OSUtils()), UI())
