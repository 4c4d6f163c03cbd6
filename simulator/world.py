"""Boots a whole world on free ports, deploys the real app into it, and leaves nothing behind.

    with World.start() as world:
        world.press("alice", "prod")
        world.aws("sso-admin").list_account_assignments(...)

Two worlds at once do not disturb each other. The app is staged as a copy of what ships, so nothing
of the simulator, the tests or the tools can be imported by it by accident of the working folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from simulator import company, packages
from simulator.outside import BOT_TOKEN, SIGNING_SECRET, take_away
from simulator.page import Page
from simulator.press import press
from simulator.surroundings import (
    aws_environment,
    facts_of,
    fetched,
    heartbeat,
    pip_config,
    sigterm_as_exit,
    write_atomically,
)
from simulator.trail_places import HERE, Place

ROOT = Path(__file__).resolve().parent.parent


LOCAL = ROOT / ".local"


SHIPS = ("app.py", "chalicelib", ".chalice", "requirements.txt", "vendor")


STAGE = "local"


_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"  # of this interpreter


STAGE_NAME = "api"  # the API Gateway stage, part of every route's address


class WorldError(RuntimeError):
    """The world could not be built; the message holds the end of the log."""


@dataclass(frozen=True)
class Reply:
    """What our route answered to a press, and how long it took."""

    status: int
    text: str
    milliseconds: float
    response_url: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class World:
    """One running world; make it with `World.start`."""

    def __init__(self, project: Path, auth: bool, cache: Path, trail: str = HERE) -> None:
        self.trail = Place(trail, self._of_account)
        self.facts: dict[str, Any] = {}
        self.project, self.cache, self.auth = project, cache, auth
        self.home = Path(tempfile.mkdtemp(prefix="break-glass-")).resolve()
        self.staged = self.home / "app"
        self.log = self.home / "outside.log"
        self._outside: subprocess.Popen[str] | None = None

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        world_file: Path | None = None,
        auth: bool = True,
        project: Path = ROOT,
        cache: Path = LOCAL / "cache",
        deploy: bool = True,
        page: bool = False,
        trail: str = HERE,
    ) -> Iterator[World]:
        """Boot, deploy, and clean up at the end, whatever the end is.

        world_file: where to write world.json while the world is up; None writes none.
        auth: hold every function to its role's IAM policy, as AWS does.
        deploy: False leaves AWS empty but for the secrets and the trail.
        page: serve the page that shows it all.
        trail: where the organisation's trail is; see trail_places.
        """
        world = cls(project, auth, cache, trail)
        with sigterm_as_exit():
            try:
                world._boot(world_file)
                if deploy:
                    world.redeploy()
                if page:
                    world.facts["page"] = Page(world).url
                if world_file:
                    write_atomically(world_file, world.facts, world.home)
                yield world
            finally:
                world._end(world_file)

    def aws(self, service: str, **config: Any) -> Any:
        """A boto3 client with the world's all-powerful credentials."""
        return self._of_account(service, **config)

    def _of_account(
        self, service: str, account: str = "test", region: str = company.REGION, **config: Any
    ) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.facts["endpoint"],
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(**config),
        )

    def press(
        self,
        who: str,
        glass: str,
        shape: str = "block_actions",
        action: str = "break_glass",
        timeout: float = 30,
    ) -> Reply:
        """Press a button as Slack would, signed; `who` is a Slack id or a user name."""
        made = press(who, glass, shape, self.facts["slack_api"], SIGNING_SECRET, action)
        return self.post(made.body, made.headers, made.response_url, timeout)

    def post(
        self, body: bytes, headers: dict[str, str], response_url: str = "", timeout: float = 30
    ) -> Reply:
        """Send any body to our route, as it is."""
        request = urllib.request.Request(self.facts["slack_url"], body, headers)
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        return Reply(status, text, (time.perf_counter() - began) * 1000, response_url)

    def control(self, path: str = "", **settings: Any) -> Any:
        """Ask the control address: with settings it changes them, without it looks.

        `heal` and `kill-worker` are changes: world.control("heal", change=True).
        """
        change = settings.pop("change", bool(settings))
        data = json.dumps(settings).encode() if change else None
        return fetched(f"{self.facts['control']}/{path}", data)

    def history(self, since: int = 0) -> list[dict[str, Any]]:
        """Identity Center's truth, oldest first; without the first `since` entries."""
        return self.control(f"history?since={since}")

    def messages(self, since: int = 0) -> list[dict[str, Any]]:
        return self.control(f"messages?since={since}")

    def mailbox(self, since: int = 0) -> list[dict[str, Any]]:
        return self.control(f"mailbox?since={since}")

    def rows(self, kind: str | None = "session") -> list[dict[str, Any]]:
        """The table's rows as plain values, of one kind or (None) of all."""
        from boto3.dynamodb.types import TypeDeserializer

        read = TypeDeserializer().deserialize
        pages = (
            self.aws("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.facts["table"], ConsistentRead=True)
        )
        rows = [
            {name: read(value) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]
        return [row for row in rows if kind in (None, row.get("kind"))]

    def redeploy(self) -> float:
        """Stage what ships as it is now and run `chalice deploy`; answers the seconds it took."""
        began = time.monotonic()
        self._stage()
        reused = packages.reuse(self.staged, self.cache, STAGE)
        done = subprocess.run(
            [sys.executable, "-c", _CHALICE, "deploy", "--stage", STAGE],
            cwd=self.staged,
            env=self._deploy_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise WorldError(f"chalice deploy failed:\n{done.stdout[-6000:]}")
        if not reused:
            packages.keep(self.staged, self.cache)
        api = self._deployed("rest_api")["rest_api_id"]
        base = f"{self.facts['endpoint']}/restapis/{api}/{STAGE_NAME}/_user_request_"
        self.facts["slack_url"] = f"{base}/slack"
        self.facts["project"] = str(self.staged)
        return time.monotonic() - began

    def function_name(self, handler: str) -> str:
        """The deployed name of a function by the name it has in app.py."""
        return f"{self._app_name()}-{STAGE}-{handler}"

    # Building

    def _boot(self, world_file: Path | None) -> None:
        for folder in ("tmp", "home"):
            (self.home / folder).mkdir()
        tmp = self.home / "tmp"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHONPATH"))}
        environment = {
            **clean,
            **aws_environment(),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "TMPDIR": str(tmp),
            "WORLD_HOME": str(self.home),  # its to remove, should we die
            "HOME": str(self.home / "home"),
            "AUTH": "true" if self.auth else "false",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "INFO",
            "WORLD_FILE": str(world_file or ""),
            "WORLD_TRAIL": self.trail.name,
            "WORLD_OWNER": self.trail.owner,
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("w") as log:
            self._outside = subprocess.Popen(
                [sys.executable, "-m", "simulator.outside"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C in the terminal is for us to handle
            )
        assert self._outside.stdout
        addresses: dict[str, str] = {}
        for line in self._outside.stdout:
            if line.startswith('{"endpoint"'):
                addresses = json.loads(line)
                break
        if not addresses:
            raise WorldError(f"the outside world did not start:\n{self._tail()}")
        self.facts = facts_of(addresses)
        self._prepare_aws()

    def _prepare_aws(self) -> None:
        """What stands in the account before the app is deployed: secrets, the trail, a sender."""
        ssm = self.aws("ssm")
        for name, value in (("signing-secret", SIGNING_SECRET), ("bot-token", BOT_TOKEN)):
            ssm.put_parameter(
                Name=f"/break-glass/{name}", Value=value, Type="SecureString", Overwrite=True
            )
        now = time.time()  # every account in use says something now and then
        self.trail.make([(now, heartbeat(account, now)) for account in company.ACCOUNTS])
        self.aws("sesv2").create_email_identity(EmailIdentity="example.com")

    def _stage(self) -> None:
        """Copy what ships, fresh, but for the record of what chalice has already deployed."""
        deployed = self.staged / ".chalice" / "deployed"
        kept = self.home / "deployed"
        if deployed.exists():
            shutil.copytree(deployed, kept, dirs_exist_ok=True)
        shutil.rmtree(self.staged, ignore_errors=True)
        self.staged.mkdir()
        ignore = shutil.ignore_patterns("__pycache__", "deployed", "deployments", "*.pyc")
        for name in SHIPS:
            source, target = self.project / name, self.staged / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignore)
            elif source.exists():
                shutil.copyfile(source, target)
        if kept.exists():
            shutil.copytree(kept, deployed)
        toml = company.glasses_toml().replace(
            f'cloudtrail_log_group = "{company.TRAIL}"\n', self.trail.settings()
        )
        (self.staged / "chalicelib" / "glasses.toml").write_text(toml)
        config_file = self.staged / ".chalice" / "config.json"
        config = json.loads(config_file.read_text())
        stage = config.setdefault("stages", {}).setdefault(STAGE, {})
        stage["api_gateway_stage"] = STAGE_NAME
        variables = stage.setdefault("environment_variables", {})
        variables["SLACK_API_URL"] = f"{self.facts['slack_api']}/api/"
        config_file.write_text(json.dumps(config, indent=2))

    def _deploy_environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        config = pip_config()
        return {
            **clean,
            **aws_environment(),
            "AWS_ENDPOINT_URL": self.facts["endpoint"],
            "HOME": str(self.home / "home"),
            "TMPDIR": str(self.home / "tmp"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(self.cache / "pip")),
            "PYTHONDONTWRITEBYTECODE": "1",  # or bytecode of the staging folder would ship
            **({"PIP_CONFIG_FILE": config} if config else {}),
        }

    def _deployed(self, resource_type: str) -> dict[str, Any]:
        file = self.staged / ".chalice" / "deployed" / f"{STAGE}.json"
        resources = json.loads(file.read_text())["resources"]
        return next(each for each in resources if each["resource_type"] == resource_type)

    def _app_name(self) -> str:
        return json.loads((self.staged / ".chalice" / "config.json").read_text())["app_name"]

    def _tail(self) -> str:
        return self.log.read_text()[-4000:] if self.log.exists() else ""

    def _end(self, world_file: Path | None) -> None:
        if self._outside:
            with contextlib.suppress(OSError):
                self._outside.stdin.close()  # type: ignore[union-attr]
            try:
                self._outside.wait(15)
            except subprocess.TimeoutExpired:
                self._outside.kill()
                self._outside.wait()
            self._outside.stdout.close()  # type: ignore[union-attr]
        if world_file:
            take_away(world_file, self.home)
        shutil.rmtree(self.home, ignore_errors=True)
