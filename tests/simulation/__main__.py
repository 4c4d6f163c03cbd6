"""Runs the simulation: `run`, `replay`, `explore`, `mutants`."""

import argparse
import sys
import time
from multiprocessing import Pool, cpu_count

from tests.simulation.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="many seeds, on every core")
    run.add_argument("--seeds", type=int, default=2_000)
    run.add_argument("--first", type=int, default=0)
    run.add_argument("--cores", type=int, default=cpu_count())
    replay = commands.add_parser("replay", help="one seed's story")
    replay.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.command == "run":
        return run_seeds(arguments.first, arguments.seeds, arguments.cores)
    return tell(arguments.seed)


def run_seeds(first: int, count: int, cores: int) -> int:
    began, done, failed = time.monotonic(), 0, []
    with Pool(cores) as pool:
        for seed, wrong in pool.imap_unordered(_run, range(first, first + count), chunksize=50):
            done += 1
            if wrong:
                failed.append(seed)
                print(f"seed {seed}: {wrong[0]}", flush=True)
            if done % 5_000 == 0:
                rate = done / (time.monotonic() - began)
                print(f"{done} seeds, {len(failed)} failed, {rate:.0f} a second", flush=True)
    seconds = time.monotonic() - began
    print(f"{done} seeds in {seconds:.0f} s ({done / seconds:.0f} a second): {len(failed)} failed")
    if failed:
        print(f"read one with: python -m tests.simulation replay --seed {min(failed)}")
    return 1 if failed else 0


def _run(seed: int) -> tuple[int, list[str]]:
    try:
        return seed, World(seed).run()
    except Exception as error:
        return seed, [f"{type(error).__name__}: {error}"]


def tell(seed: int) -> int:
    world = World(seed, told=print)
    rates = ", ".join(f"{name} {rate}" for name, rate in world.faults.rates.items())
    print(f"seed {seed}: faults: {rates or 'none'}; {world.faults.outages}")
    wrong = world.run()
    print("\n".join(f"WRONG: {what}" for what in wrong) or "all promises kept")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
