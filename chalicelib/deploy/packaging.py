"""What `chalice deploy` ships: only what is pinned by its hash, and in a form that starts fast.

pip holds what it downloads against requirements.txt, but not all of a package comes that way.
Chalice puts in two files of its own, from wherever it is installed; and where the deploying machine
is not like Lambda (macOS, ARM) it downloads wheels a second time, or builds them, and asks for no
hash. Both are held against their hashes here, before a function is deployed.

Chalice ships sources alone, and where Lambda unpacks them nothing can be written: so without
bytecode every cold start compiles all that it imports. And nine tenths of the package describe AWS
services that are never called.
"""

import gzip
import hashlib
import importlib.util
import json
import marshal
import os
import re
import sys
import warnings
from collections.abc import Iterable
from copy import copy
from functools import wraps
from pathlib import Path
from types import CodeType
from typing import Any, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

SERVICES: Final = frozenset(
    {"dynamodb", "identitystore", "logs", "s3", "sesv2", "sns", "sso-admin", "sts"}
)  # of which boto3 or PynamoDB makes clients
ENDPOINTS: Final = SERVICES | {"email", "sso"}  # as botocore's endpoints.json calls them
READ: Final = "clientContextParams"  # whose documentation botocore reads, and fails without
DATA: Final = "botocore/data/"
UNUSED: Final = ("boto3/data/", "boto3/examples/")  # of boto3's resources; we use clients alone
RUNTIME: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
UNCHECKED_HASH: Final = (1).to_bytes(4, "little")  # PEP 552: goes by no time, and asks no source
WHOLE: Final = b"whole"  # the comment of a package that was made to its end
READABLE: Final = 0o644 << 16
# SHA-256 of what chalice 1.34.0 adds: its files in the wheel on PyPI, which is itself
# sha256:e0b01050a9dc3f4818a8bb4e36b67decf9066639db4cb21b8eb18edb99e9d1c9
CHALICE: Final = {
    "chalice/__init__.py": "fa8812e3488d6f42d4452e0548fbb9ce3cf548c2761ae8cfffe95cac72bb6e13",
    "chalice/app.py": "b26ae4dd55d342a87fe2463f336e97d4d2193ad759ead305c10afa94afaf18e9",
}


class NotPinned(Exception):
    """Something would ship that nobody has pinned. The text says what, and what to do."""


def install() -> None:
    """Has Chalice, in this process, check all that it packs, and pass the package through `lean`.

    On the classes, for Chalice may have made its packager before it imports app.py.
    """
    from chalice.deploy.packager import DependencyBuilder as Builder
    from chalice.deploy.packager import LambdaDeploymentPackager as Packager
    from click import ClickException

    made, downloaded = Packager.create_deployment_package, Builder._download_dependencies

    @wraps(made)
    def made_lean(self: Any, project_dir: str, python_version: str) -> Any:
        again = Path(self.deployment_package_filename(project_dir, python_version))
        if not is_whole(again):  # somebody interrupted the one that was making it
            again.unlink(missing_ok=True)
        try:
            package = made(self, project_dir, python_version)
            lean(Path(package), python_version)
        except NotPinned as error:
            raise ClickException(f"no function was deployed: {error}") from None
        return package

    @wraps(downloaded)
    def checked(self: Any, abi: str, directory: str, requirements: str) -> Any:
        wheels, missing = downloaded(self, abi, directory, requirements)
        check_wheels((Path(directory, wheel.filename) for wheel in wheels), Path(requirements))
        check_nothing_missing(str(each) for each in missing)
        return wheels, missing

    Packager.create_deployment_package = made_lean
    Builder._download_dependencies = checked


def check_wheels(wheels: Iterable[Path], requirements: Path) -> None:
    """Each of them is pinned in requirements.txt, however it came here. Raises NotPinned."""
    pinned = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", requirements.read_text()))
    for wheel in wheels:
        if _digest(wheel.read_bytes()) not in pinned:
            raise NotPinned(
                f"{wheel.name} is none of the files that requirements.txt pins. Deploy with the "
                "Python and on a machine like Lambda's, or look where it comes from."
            )


def check_nothing_missing(packages: Iterable[str]) -> None:
    """Chalice would deploy without what it could not pack, and say so in passing. Raises
    NotPinned."""
    if names := ", ".join(sorted(packages)):
        raise NotPinned(
            f"{names} cannot be packed, for there is no wheel of it for Lambda. Deploy with the "
            "Python and on a machine like Lambda's, or pin a version that has one."
        )


def is_whole(package: Path) -> bool:
    """Whether that package was made to its end: `lean` has marked it. So has none that is not
    there."""
    try:
        with ZipFile(package) as made:
            return made.comment == WHOLE
    except (OSError, BadZipFile):
        return False


def check_chalice(package: ZipFile) -> None:
    """What is in chalice's own folder is chalice's own, to the byte. Raises NotPinned."""
    for name in package.namelist():
        if name.startswith("chalice/") and not name.endswith((".pyc", "/")):
            found = _digest(package.read(name))
            if found != CHALICE.get(name):
                raise NotPinned(
                    f"{name} is not as chalice 1.34.0 has it (its SHA-256 is {found}). Run "
                    "`make clean install`; for another chalice, pin it in "
                    "chalicelib/deploy/packaging.py."
                )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lean(package: Path, runtime: str = RUNTIME) -> None:
    """Rewrites the zip, or raises NotPinned and leaves it. Safe to repeat: bytecode that fits its
    source is kept as it is.

    For another Python than this one no bytecode is made. Lambda's own would not take it either,
    and compile the sources as if there were none.
    """
    with ZipFile(package) as made:
        check_chalice(made)
    draft = package.with_suffix(".draft")
    with ZipFile(package) as old, ZipFile(draft, "w", ZIP_DEFLATED) as new:
        new.comment = WHOLE
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
        return {
            key: each if key == READ else _wordless(each)
            for key, each in value.items()
            if key != prose
        }
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
