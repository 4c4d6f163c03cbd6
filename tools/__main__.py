"""`python -m tools`: lists the commands; `python -m tools COMMAND --help` says more of one."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

from tools._project import Misused, Problem, about, stage_name, use_local_world
from tools._usage import Help, Parser
from tools._words import Printable

HERE = Path(__file__).parent
TRACEBACK = "BREAK_GLASS_TRACEBACK"  # set to see where something went wrong


def main(arguments: list[str] | None = None) -> int:
    """Runs one command: 0 is well, 1 is not, 2 is a mistake in what was typed."""
    out, err = Printable(sys.stdout), Printable(sys.stderr)
    if region := os.environ.get("AWS_REGION"):  # as Lambda and the AWS CLI have it; boto3 has not
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):  # type: ignore[type-var]
        try:
            return _main(arguments)
        except KeyboardInterrupt:
            return 130


def _main(arguments: list[str] | None) -> int:
    asked = sys.argv[1:] if arguments is None else arguments
    parser = Parser(prog="python -m tools", description=__doc__, formatter_class=Help)
    parser.add_argument(
        "--local", action="store_true", help="against the world that `make demo` has up"
    )
    parser.add_argument("--version", action="version", version=f"Break Glass {_version()}")
    known = summaries()
    named = next((each for each in asked if each in known), None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in known.items():
        if name == named:  # only this one is imported: another's trouble is not ours
            module = importlib.import_module(f"tools.{_module(name)}")
            command = commands.add_parser(
                name, help=summary, description=module.__doc__, formatter_class=Help
            )
            module.add_arguments(command)
            command.add_argument(
                "--local",
                action="store_true",
                default=argparse.SUPPRESS,
                help="against the world that `make demo` has up",
            )
            command.set_defaults(run=module.run)
        else:
            commands.add_parser(name, help=summary)
    args, unknown = parser.parse_known_args(asked)
    if unknown:
        _refuse(commands.choices.get(args.command, parser), args, unknown)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        if args.local:
            use_local_world()
        return int(args.run(args))
    except Misused as misused:
        print(f"python -m tools {args.command}: {_said(args, str(misused))}", file=sys.stderr)
        return 2
    except Problem as problem:
        print(_said(args, str(problem)), file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        print(_said(args, _sentence(error)), file=sys.stderr)
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        return 1


def _refuse(parser: argparse.ArgumentParser, args: argparse.Namespace, unknown: list[str]) -> None:
    """Ends the command: what was typed has words too many, of which one may be a stage's name."""
    hint = ""
    if getattr(args, "stage", "") is None and not unknown[0].startswith("-"):
        hint = f" (a stage is named by --stage {unknown[0]})"
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def _said(args: argparse.Namespace, text: str) -> str:
    """What went wrong, with the stage in its hints."""
    if not hasattr(args, "stage"):
        return text
    with contextlib.suppress(Misused):  # there are several, and that is what is wrong
        return about(stage_name(args.stage), text)
    return text


def _sentence(error: Exception) -> str:
    """What happened, for somebody who wants to go on and not to read a program."""
    from chalicelib.deploy import aws_errors
    from chalicelib.domain.errors import ExternalError

    behind = aws_errors.cause(error)
    if behind is not None:
        return aws_errors.sentence(behind)
    if isinstance(error, ExternalError):
        return f"{str(error).rstrip('.')}. {aws_errors.AGAIN}"
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error}"
    return (
        f"This is a mistake of Break Glass itself: {type(error).__name__}: {error}. "
        f"{TRACEBACK}=1 shows where; please tell whoever looks after it."
    )


def _version() -> str:
    """The changelog's latest release, and of a clone its commit, if that can be told."""
    said = re.findall(r"^## \[(.+?)\]", (HERE.parent / "CHANGELOG.md").read_text(), re.MULTILINE)
    asked = ["git", "-C", str(HERE.parent), "describe", "--always", "--dirty"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        clone = subprocess.run(asked, capture_output=True, text=True, check=True)
        return f"{said[0].lower()}, {clone.stdout.strip()}"
    return said[0].lower()


def summaries() -> dict[str, str]:
    """Each command and what it does in a line, read without importing any of them."""
    found = {}
    for path in sorted(HERE.glob("[a-z]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = [each.id for each in node.targets if isinstance(each, ast.Name)]
                if names == ["SUMMARY"]:
                    found[path.stem.replace("_", "-")] = str(node.value.value)
    return found


def _module(command: str) -> str:
    return command.replace("-", "_")


if __name__ == "__main__":
    sys.exit(main())
