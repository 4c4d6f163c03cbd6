"""Makes the package that `chalice deploy` ships start fast: bytecode in, unused descriptions out.

Chalice ships sources alone, and where Lambda unpacks them nothing can be written: so without
bytecode every cold start compiles all that it imports. And nine tenths of the package describe AWS
services that are never called.
"""

import gzip
import importlib.util
import json
import marshal
import os
import sys
import warnings
from copy import copy
from functools import wraps
from pathlib import Path
from types import CodeType
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SERVICES: Final = frozenset(
    {"dynamodb", "identitystore", "logs", "sesv2", "sso-admin"}
)  # of which boto3 or PynamoDB makes clients
ENDPOINTS: Final = SERVICES | {"email", "sso", "sts"}  # as botocore's endpoints.json calls them
DATA: Final = "botocore/data/"
UNUSED: Final = ("boto3/data/", "boto3/examples/")  # of boto3's resources; we use clients alone
RUNTIME: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
UNCHECKED_HASH: Final = (1).to_bytes(4, "little")  # PEP 552: goes by no time, and asks no source
READABLE: Final = 0o644 << 16


def install() -> None:
    """Has Chalice, in this process, pass every package that it makes through `lean`.

    On the class, for Chalice may have made its packager before it imports app.py.
    """
    from chalice.deploy.packager import LambdaDeploymentPackager as Packager

    made = Packager.create_deployment_package

    @wraps(made)
    def made_lean(self: Any, project_dir: str, python_version: str) -> Any:
        package = made(self, project_dir, python_version)
        lean(Path(package), python_version)
        return package

    Packager.create_deployment_package = made_lean


def lean(package: Path, runtime: str = RUNTIME) -> None:
    """Rewrites the zip. Safe to repeat: bytecode that fits its source is kept as it is.

    For another Python than this one no bytecode is made. Lambda's own would not take it either,
    and compile the sources as if there were none.
    """
    draft = package.with_suffix(".draft")
    with ZipFile(package) as old, ZipFile(draft, "w", ZIP_DEFLATED) as new:
        entries = {entry.filename: entry for entry in old.infolist() if needed(entry.filename)}
        sources = [name for name in entries if name.endswith(".py")]
        compiled = {_place(name): name for name in sources} if runtime == RUNTIME else {}
        for name, entry in entries.items():
            if not name.endswith(".pyc"):
                new.writestr(copy(entry), shortened(name, old.read(name)), ZIP_DEFLATED)
        for place, name in compiled.items():
            source = old.read(name)
            ready = old.read(place) if place in entries else b""
            code = ready if fits(ready, source) else bytecode(source, name)
            if code:
                beside = ZipInfo(place, entries[name].date_time)
                beside.external_attr = READABLE
                new.writestr(beside, code, ZIP_DEFLATED)
    os.replace(draft, package)


def needed(name: str) -> bool:
    """Whether a file of the package is of use in Lambda."""
    if name.startswith(UNUSED):
        return False
    service, _, file = name.removeprefix(DATA).partition("/")
    if not name.startswith(DATA) or not file:  # not botocore's data, or common to all services
        return True
    return service in SERVICES and not Path(file).name.startswith("examples-")


def shortened(name: str, content: bytes) -> bytes:
    """A description without what nothing reads at run time: prose, and others' addresses."""
    if not name.startswith(DATA):
        return content
    if name.endswith("/service-2.json.gz"):
        told = json.loads(gzip.decompress(content))
        return gzip.compress(_json(_wordless(told)), mtime=0)
    if name == f"{DATA}endpoints.json":
        told = json.loads(content)
        for partition in told["partitions"]:
            services = partition["services"]
            partition["services"] = {key: services[key] for key in services if key in ENDPOINTS}
        return _json(told)
    return content


def _wordless(value: Any) -> Any:
    if isinstance(value, dict):
        prose = "documentation" if isinstance(value.get("documentation"), str) else None
        return {key: _wordless(each) for key, each in value.items() if key != prose}
    return [_wordless(each) for each in value] if isinstance(value, list) else value


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def bytecode(source: bytes, name: str) -> bytes:
    """What Python keeps in `__pycache__`; empty where the source is not for this Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about others' sources
            code: CodeType = compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return b""
    return _head(source) + marshal.dumps(code)


def fits(code: bytes, source: bytes) -> bool:
    """Whether the bytecode was made of this very source, by this Python."""
    return code[:16] == _head(source)


def _head(source: bytes) -> bytes:
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source)


def _place(name: str) -> str:
    folder, _, file = name.rpartition("/")
    kept = f"__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return f"{folder}/{kept}" if folder else kept
