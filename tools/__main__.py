"""`python -m tools`: lists the commands; `python -m tools COMMAND --help` says more of one."""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from pathlib import Path

from tools._project import Problem, use_local_world

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    asked = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    parser.add_argument(
        "--local", action="store_true", help="against the world that `make demo` has up"
    )
    known = summaries()
    named = next((each for each in asked if each in known), None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in known.items():
        if name == named:  # only this one is imported: another's trouble is not ours
            module = importlib.import_module(f"tools.{_module(name)}")
            said = argparse.RawDescriptionHelpFormatter
            command = commands.add_parser(
                name, help=summary, description=module.__doc__, formatter_class=said
            )
            module.add_arguments(command)
            command.set_defaults(run=module.run)
        else:
            commands.add_parser(name, help=summary)
    args = parser.parse_args(asked)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        if args.local:
            use_local_world()
        return int(args.run(args))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        if not type(error).__module__.startswith("botocore"):
            raise
        print(f"AWS: {error}", file=sys.stderr)
        return 1


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
