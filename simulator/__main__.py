"""`python -m simulator`: boot a world, write `.local/world.json`, wait for Ctrl-C, clean up."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from simulator import company
from simulator.world import LOCAL, World, WorldError


def main() -> int:
    ask = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    ask.add_argument("--world-file", type=Path, default=LOCAL / "world.json")
    ask.add_argument(
        "--auth",
        action=argparse.BooleanOptionalAction,
        default=os.environ.get("AUTH", "").lower() != "false",
        help="hold every function to its role's IAM policy, as AWS does (also: AUTH=false)",
    )
    options = ask.parse_args()
    began = time.monotonic()
    company.at_leisure()
    print("Building a world and deploying the app into it ...", flush=True)
    try:
        with World.start(options.world_file, auth=options.auth, page=True) as world:
            print(f"Up after {time.monotonic() - began:.0f} s. Open this in a browser:\n")
            print(f"  {world.facts['page']}\n\nAnd for scripts:\n")
            for name in ("endpoint", "slack_url", "slack_api", "mailbox", "control"):
                print(f"  {name:10} {world.facts[name]}")
            print(f"\nAll of it: {options.world_file}. Ctrl-C ends the world.", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("\nThe world is gone.")
    except WorldError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
