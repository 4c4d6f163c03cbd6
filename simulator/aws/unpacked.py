"""Gap: every worker unpacks the function's zip anew: a third of a second, in the server itself.

Lambda has the package ready, once and read-only, for however many workers start together. So each
zip is unpacked once here, and the workers get a link to it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

_unpacking = threading.Lock()


class UnpackedOnce(zipfile.ZipFile):
    """A zip whose `extractall` into an empty folder makes that folder a link."""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()[:32]
        shared = Path(tempfile.gettempdir()) / f"unpacked-{digest}"
        with _unpacking:
            if not shared.exists():
                draft = shared.with_suffix(".draft")
                super().extractall(draft)
                draft.rename(shared)
        os.rmdir(path)
        os.symlink(shared, path)


class _Zipfile:
    """The module `zipfile` as the workers' runtime is to see it."""

    ZipFile = UnpackedOnce

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)


def patch() -> None:
    lambda_runtime.zipfile = _Zipfile()
