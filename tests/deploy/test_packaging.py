"""What ships: bytecode that fits its source, and of AWS's descriptions those that are used."""

import ast
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import chalice
import click
import pytest
from chalice.deploy.packager import DependencyBuilder
from chalice.deploy.packager import LambdaDeploymentPackager as Packager
from chalice.utils import UI, OSUtils

from chalicelib.deploy import packaging

CHALICELIB = Path(packaging.__file__).parents[1]
DEPLOYING = (
    "deployment.py",
    "infrastructure.py",
    "packaging.py",
    "schema.py",
    "recovery.py",
)  # never in Lambda
OPTIONS = {"Accelerate": {"documentation": "<p>Read.</p>", "type": "boolean"}}  # by botocore
PROSE = {
    "documentation": "<p>At length.</p>",
    "shapes": {"documentation": {"type": "string"}},
    "clientContextParams": OPTIONS,
}
DESCRIBED = gzip.compress(json.dumps(PROSE).encode())
ADDRESSES = {"partitions": [{"partition": "aws", "services": {"email": {"x": 1}, "ec2": {}}}]}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as made:
        made.writestr("app.py", "import chalicelib.one\nprint(chalicelib.one.__cached__)\n")
        made.writestr("chalicelib/__init__.py", "")
        made.writestr("chalicelib/one.py", "ANSWER = 42\n")
        made.writestr("chalicelib/glasses.toml", "x = 1\n")
        made.writestr("old/two.py", "print 'for another Python'\n")
        for service in ("logs", "ec2"):
            made.writestr(f"botocore/data/{service}/2012-11-05/service-2.json.gz", DESCRIBED)
            made.writestr(f"botocore/data/{service}/2012-11-05/examples-1.json", "{}")
        made.writestr("botocore/data/endpoints.json", json.dumps(ADDRESSES))
        made.writestr("botocore/data/partitions.json", json.dumps(ADDRESSES))
        made.writestr("boto3/data/logs/2012-11-05/resources-1.json", "{}")
    return path


def names(package: Path) -> set[str]:
    with ZipFile(package) as made:
        return set(made.namelist())


def test_nothing_that_lambda_needs_is_left_out(package: Path):
    before = names(package)
    packaging.lean(package)
    gone = {name for name in before - names(package) if "ec2" not in name}
    assert gone == {
        "botocore/data/logs/2012-11-05/examples-1.json",
        "boto3/data/logs/2012-11-05/resources-1.json",
    }
    assert not any("ec2" in name for name in names(package))


def test_of_a_description_only_the_prose_is_gone(package: Path):
    packaging.lean(package)
    with ZipFile(package) as made:
        told = gzip.decompress(made.read("botocore/data/logs/2012-11-05/service-2.json.gz"))
        where = json.loads(made.read("botocore/data/endpoints.json"))
        regions = json.loads(made.read("botocore/data/partitions.json"))
    assert json.loads(told) == {"shapes": PROSE["shapes"], "clientContextParams": OPTIONS}
    assert where == {"partitions": [{"partition": "aws", "services": {"email": {"x": 1}}}]}
    assert regions == ADDRESSES


def test_what_was_packed_runs_from_its_bytecode_where_nothing_can_be_written(
    package: Path, tmp_path: Path
):
    packaging.lean(package)
    task = tmp_path / "task"
    with ZipFile(package) as made:
        made.extractall(task)
    (task / "chalicelib" / "one.py").write_text("ANSWER = 1 / 0\n")  # not read, so not noticed
    program = f"import sys; sys.path.insert(0, {str(task)!r}); import app"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip().endswith(".pyc")


def test_a_changed_source_gets_new_bytecode(package: Path):
    packaging.lean(package)
    with ZipFile(package) as made:
        kept = {name: made.read(name) for name in made.namelist()}
    kept["chalicelib/one.py"] = b"ANSWER = 43\n"
    with ZipFile(package, "w") as made:
        for name, content in kept.items():
            made.writestr(name, content)
    packaging.lean(package)
    with ZipFile(package) as made:
        place = f"chalicelib/__pycache__/one.{sys.implementation.cache_tag}.pyc"
        assert packaging.fits(made.read(place), b"ANSWER = 43\n")
        assert made.read(place) != kept[place]


def test_twice_is_as_once(package: Path):
    packaging.lean(package)
    once = package.read_bytes()
    packaging.lean(package)
    assert package.read_bytes() == once


def test_for_another_python_no_bytecode_is_made(package: Path):
    packaging.lean(package, "python3.99")
    assert not any(name.endswith(".pyc") for name in names(package))


def test_every_service_that_is_called_is_described():
    called = {service for path in CHALICELIB.rglob("*.py") for service in clients(path)}
    assert called == packaging.SERVICES - {"dynamodb"}  # that client is PynamoDB's


def clients(path: Path) -> Iterator[str]:
    """The services that a module names where it makes a client: `client("…")`, `service="…"`."""
    if path.name in DEPLOYING:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        named: list[ast.expr] = []
        if isinstance(node, ast.Call):
            made = isinstance(node.func, ast.Attribute) and node.func.attr in ("client", "_client")
            named += node.args[:1] if made else []
            named += [word.value for word in node.keywords if word.arg == "service"]
        if isinstance(node, ast.arguments):
            defaults = dict(zip([each.arg for each in node.args][::-1], node.defaults[::-1],
                                strict=False))  # fmt: skip
            named += [defaults["service"]] if "service" in defaults else []
        for value in named:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def test_chalices_own_files_ship_only_as_they_are_pinned(package: Path):
    with ZipFile(package, "a") as made:
        for name in packaging.CHALICE:
            made.write(Path(chalice.__file__).parents[1] / name, name)
    packaging.lean(package)
    before = package.read_bytes()
    with ZipFile(package, "a") as made:
        made.writestr("chalice/local.py", "print('and one more')")
    with pytest.raises(packaging.NotPinned, match=r"chalice/local\.py"):
        packaging.lean(package)
    package.write_bytes(before)
    packaging.lean(package)


@pytest.mark.parametrize("name", sorted(packaging.CHALICE))
def test_one_changed_byte_of_chalice_keeps_the_package_from_being_made(package: Path, name: str):
    source = (Path(chalice.__file__).parents[1] / name).read_bytes()
    with ZipFile(package, "a") as made:
        made.writestr(name, source + b"\n")
    before = package.read_bytes()
    with pytest.raises(packaging.NotPinned, match=name):
        packaging.lean(package)
    assert package.read_bytes() == before


def test_the_pinned_chalice_is_the_one_that_is_installed():
    pinned = (CHALICELIB.parent / "requirements-demo.txt").read_text()
    source = Path(packaging.__file__).read_text()
    version = chalice.__version__
    assert f"chalice=={version}\n" in pinned
    assert f"chalice {version}" in source
    for name, digest in packaging.CHALICE.items():
        content = (Path(chalice.__file__).parents[1] / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_whatever_chalice_adds_to_a_package_is_pinned():
    """Should another version add a third file, it is not shipped unseen."""
    packager = Packager(OSUtils(), DependencyBuilder(OSUtils()), UI())
    added = {name for _, name in packager._iter_app_filenames(str(CHALICELIB.parent))}
    assert {name for name in added if name.startswith("chalice/")} == set(packaging.CHALICE)


def wheel(folder: Path, content: bytes) -> Any:
    (folder / "thing-1.0-py3-none-any.whl").write_bytes(content)
    return type("Wheel", (), {"filename": "thing-1.0-py3-none-any.whl"})()


def test_a_wheel_that_came_without_its_hash_does_not_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As where chalice downloads it a second time, for Lambda's platform, or builds it."""
    requirements = tmp_path / "requirements.txt"
    digest = hashlib.sha256(b"as pinned").hexdigest()
    requirements.write_text(f"thing==1.0 \\\n    --hash=sha256:{digest}\n")
    monkeypatch.setattr(Packager, "create_deployment_package", lambda *_: "")
    missing: set[str] = set()
    monkeypatch.setattr(DependencyBuilder, "_download_dependencies", lambda *_: ({found}, missing))
    packaging.install()
    builder = DependencyBuilder(OSUtils())
    found = wheel(tmp_path, b"as pinned")
    answer = builder._download_dependencies("cp311", str(tmp_path), str(requirements))
    assert answer == ({found}, set())
    missing.add("other==2.0(sdist)")
    with pytest.raises(packaging.NotPinned, match=r"other==2\.0.* cannot be packed"):
        builder._download_dependencies("cp311", str(tmp_path), str(requirements))
    missing.clear()
    found = wheel(tmp_path, b"another's")
    with pytest.raises(packaging.NotPinned, match=r"thing-1\.0"):
        builder._download_dependencies("cp311", str(tmp_path), str(requirements))


def test_what_is_not_pinned_ends_the_command_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def made(self: Any, project_dir: str, python_version: str) -> str:
        raise packaging.NotPinned("thing.whl is not pinned")

    monkeypatch.setattr(Packager, "create_deployment_package", made)
    monkeypatch.setattr(Packager, "deployment_package_filename", lambda *_: str(tmp_path / "x.zip"))
    monkeypatch.setattr(DependencyBuilder, "_download_dependencies", lambda *_: (set(), set()))
    packaging.install()
    packager = Packager(OSUtils(), DependencyBuilder(OSUtils()), UI())
    with pytest.raises(click.ClickException, match=r"no function was deployed: thing\.whl"):
        packager.create_deployment_package("app", packaging.RUNTIME)


def test_a_package_whose_making_was_interrupted_is_made_anew(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Chalice takes any file of that name for ready, and would ship functions without the app."""
    place = tmp_path / "it.zip"
    making = [KeyboardInterrupt(), None]

    def made(self: Any, project_dir: str, python_version: str) -> str:
        if place.exists():
            reused.append(place)
            return str(place)
        shutil.copyfile(package, place)
        if interrupted := making.pop(0):
            raise interrupted
        return str(place)

    reused: list[Path] = []
    monkeypatch.setattr(Packager, "create_deployment_package", made)
    monkeypatch.setattr(Packager, "deployment_package_filename", lambda *_: str(place))
    monkeypatch.setattr(DependencyBuilder, "_download_dependencies", lambda *_: (set(), set()))
    packaging.install()
    packager = Packager(OSUtils(), DependencyBuilder(OSUtils()), UI())
    with pytest.raises(KeyboardInterrupt):
        packager.create_deployment_package("app", packaging.RUNTIME)
    assert not packaging.is_whole(place)
    packager.create_deployment_package("app", packaging.RUNTIME)
    assert reused == [], "made anew"
    assert packaging.is_whole(place)
    packager.create_deployment_package("app", packaging.RUNTIME)
    assert reused == [place], "and what is whole is taken again"
    place.write_bytes(b"PK, and killed")
    assert not packaging.is_whole(place)


def test_once_installed_every_package_is_made_lean(package: Path, monkeypatch: pytest.MonkeyPatch):
    def made(self: Any, project_dir: str, python_version: str) -> str:
        assert (project_dir, python_version) == ("app", packaging.RUNTIME)
        return str(package)

    monkeypatch.setattr(Packager, "create_deployment_package", made)
    monkeypatch.setattr(Packager, "deployment_package_filename", lambda *_: f"{package}.other")
    monkeypatch.setattr(DependencyBuilder, "_download_dependencies", lambda *_: (set(), set()))
    packaging.install()
    packager = Packager(OSUtils(), DependencyBuilder(OSUtils()), UI())
    assert packager.create_deployment_package("app", packaging.RUNTIME) == str(package)
    assert not any("ec2" in name for name in names(package))


def test_chalice_itself_passes_its_packages_through(tmp_path: Path):
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text('{"version": "2.0", "app_name": "x"}')
    ignore = shutil.ignore_patterns("__pycache__", "glasses*")
    shutil.copytree(CHALICELIB, tmp_path / "chalicelib", ignore=ignore)
    example = CHALICELIB / "glasses.example.toml"
    shutil.copy(example, tmp_path / "chalicelib" / "glasses.toml")
    (tmp_path / "app.py").write_text(
        "from chalice import Chalice\nfrom chalicelib.deploy import deployment\n"
        "deployment.stream_arn()\napp = Chalice(app_name='x')\n"
        "@app.lambda_function()\ndef one(event, context): pass\n"
    )
    (tmp_path / "requirements.txt").write_text("")
    chalice = "import sys; from chalice.cli import main; sys.exit(main())"
    subprocess.run(
        [sys.executable, "-c", chalice, "package", "out"],
        cwd=tmp_path, check=True, capture_output=True,
        env=dict(os.environ) | {"AWS_DEFAULT_REGION": "us-east-1"},
    )  # fmt: skip
    made = names(tmp_path / "out" / "deployment.zip")
    assert f"__pycache__/app.{sys.implementation.cache_tag}.pyc" in made
    assert f"chalice/__pycache__/app.{sys.implementation.cache_tag}.pyc" in made
