"""All measures, one part after the other."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench import bucket, burst, cold, figures, hour, local, log, package, prices, reading
from bench.figures import Figure, Report
from simulator import company
from simulator.aws.timing import EVENT_SOURCE_POLL_SECONDS
from simulator.world import World

NEEDS_WORLD = frozenset({"package", "cold", "http", "access", "sweep", "calls"})
SECONDS = 8  # of a session here
AIMS = {"slack": (200, 90), "stream": (350, None), "worker": (350, None), "sweep": (350, None)}


def play(report: Report, parts: list[str], quick: bool) -> None:
    if NEEDS_WORLD & set(parts):
        with _world() as world:
            _local(report, world, parts, quick)
    if "log" in parts:
        log.measure(report, quick)
    if "burst" in parts:
        burst.measure(report, quick)
    if "report" in parts:
        _precision(report)
    if "reading" in parts:
        reading.measure(report, quick)
        bucket.measure(report)


@contextmanager
def _world() -> Iterator[World]:
    """A local AWS whose sessions are brief."""
    before = list(company.GLASSES)
    company.GLASSES[:] = [replace(each, seconds=SECONDS) for each in before]
    try:
        with World.start() as world:
            world.control("visitor", change=True)
            yield world
    finally:
        company.GLASSES[:] = before


def _local(report: Report, world: World, parts: list[str], quick: bool) -> None:
    zipped = package.of(world)
    with tempfile.TemporaryDirectory() as home:
        if "package" in parts:
            _package(report, zipped)
        if "cold" in parts:
            with package.unpacked(zipped, Path(home) / "task") as folder:
                _cold(report, world, folder, 4 if quick else 15)
        if "http" in parts:
            _http(report, world, quick)
        if "calls" in parts:
            local.still(world)
            local.clear(world)
            _calls(report, world)
            local.clear(world)
            local.go_on(world)
        if "access" in parts:
            _access(report, world, 1 if quick else 6)
        if "sweep" in parts and not quick:
            _sweep_alone(report, world)


def _package(report: Report, zipped: Path) -> None:
    report.section("What ships", "the zip that `chalice deploy` made, and its parts, compressed")
    report.add(Figure("zip", zipped.stat().st_size / 1e6, "MB", aim=18))
    parts = package.parts(zipped)
    report.lines(*(f"{size / 1e6:6.2f} MB  {name}" for name, size in parts[:10]))


def _cold(report: Report, world: World, folder: Path, most: int) -> None:
    report.section(
        "Cold start, each function in a fresh process",
        "the zip unpacked read-only, no site-packages; CPU (user + system) from the start of the "
        "process: Python, import app, first work; against the local AWS",
    )
    local.still(world)
    found = local.cold_starts(world, folder, most)
    for name, runs in found.items():
        cpu_aim, memory_aim = AIMS[name]
        for what, key in (
            ("cold CPU", "cold"),
            ("of it Python", "start"),
            ("of it import", "import"),
        ):
            report.add(
                figures.of(
                    f"{name}: {what}", [run[key] * 1000 for run in runs], "ms",
                    cpu_aim if key == "cold" else None,
                )
            )  # fmt: skip
        report.add(figures.of(f"{name}: cold wall", [run["wall"] * 1000 for run in runs], "ms"))
        report.add(
            figures.of(f"{name}: peak memory", [run["peak_mb"] for run in runs], "MB", memory_aim)
        )
    report.lines(
        "what bounds the worker: PynamoDB with botocore under it (two fifths), Identity Center's",
        "client (a fifth), slack_sdk (a tenth); its first work is a whole grant, told and all",
    )
    report.lines("slowest imports of the Slack function, by themselves (-X importtime):")
    for module, took in cold.imports(folder, cold.environ_for(world)):
        report.lines(f"{took:6.1f} ms  {module}")
    spent, (first, warm) = local.warm_presses(world, folder, 20 if most < 10 else 200)
    report.section("A warm press", "one process, press after press; calls counted on their way")
    report.add(figures.of("warm press: CPU", [each * 1000 for each in spent], "ms", 10))
    aws = [each for each in warm if not each.startswith("Slack")]
    report.add(Figure("warm press: AWS calls before the answer", len(aws), "", aim=2,
                      note=f"warm: {', '.join(warm)}; cold: {', '.join(first)}"))  # fmt: skip
    local.clear(world)
    local.go_on(world)


def _http(report: Report, world: World, quick: bool) -> None:
    report.section(
        "A press over HTTP, to the deployed function",
        "wall, from the request to the answer; cold: no worker process runs; the local AWS's own "
        "gateway and its start of a process included",
    )
    most = 4 if quick else 15
    colds = local.over_http(world, most, cold_start=True)
    report.add(figures.of("HTTP: cold press", colds, "ms", 360))
    warms = local.over_http(world, most * 2, cold_start=False)
    report.add(figures.of("HTTP: warm press", warms, "ms", 32))


def _access(report: Report, world: World, rounds: int) -> None:
    report.section(
        "Time to access and revocation lag, with the queue",
        f"real sessions of {SECONDS} s, nine a round; the local AWS looks at the stream and at the "
        f"queue every {EVENT_SOURCE_POLL_SECONDS * 1000:.0f} ms each",
    )
    world.control("identity_center", create_seconds=1.0, delete_seconds=0.3)
    list(local.journeys(world, 1))  # so that all are warm
    found = list(local.journeys(world, rounds))
    asked = [each.at("grant_asked_at") - each.pressed for each in found]
    report.add(figures.of("press → CreateAccountAssignment", asked, "s", 0.25))
    report.add(
        figures.of("  press → answered", [e.answered - e.pressed for e in found], "s"),
        figures.of("  press → row written", [e.at("asked_at") - e.pressed for e in found], "s"),
        figures.of(
            "  row → allowed (stream, queue, worker, look-ups)",
            [e.at("allowed_at") - e.at("asked_at") for e in found], "s",
        ),
        figures.of(
            "  allowed → create asked (look, listing, claim)",
            [e.at("grant_asked_at") - e.at("allowed_at") for e in found], "s",
        ),
    )  # fmt: skip
    _lags(report, "queue", found)
    world.control("identity_center", delete_seconds=4.0)
    slow = list(local.journeys(world, 1))
    behind = [each.at("gone_at") - each.removed for each in slow if each.removed]
    report.add(figures.of("gone → read back, where a delete takes 4 s", behind, "s", 2))
    world.control("identity_center", delete_seconds=0.3)


def _lags(report: Report, side: str, found: list[local.Journey]) -> None:
    asked = [float(each.row["lag_asked"]) for each in found]
    gone = [float(each.row["lag_gone"]) for each in found]
    median, p99 = (0.5, 2.0) if side == "queue" else (None, 65.0)
    report.add(figures.of(f"{side}: deadline → delete asked", asked, "s", median))
    report.add(Figure(f"{side}: deadline → delete asked, p99", figures.at(asked, 99), "s", aim=p99))
    took = " (Identity Center took 0.3 s of it)" if side == "queue" else ""
    report.add(figures.of(f"{side}: deadline → read back as gone", gone, "s", note=took.strip()))
    report.add(Figure(f"{side}: deadline → read back, p99", figures.at(gone, 99), "s", aim=p99))


def _sweep_alone(report: Report, world: World) -> None:
    report.section(
        "Revocation lag with the sweep alone",
        "the queue and the stream are switched off while access is open",
    )
    found = list(local.journeys(world, 1, queue_off=True))
    _lags(report, "sweep", found)


def _calls(report: Report, world: World) -> None:
    report.section(
        "Requests of a session of an hour, from the press to the closed report",
        "the app's own adapters against the local AWS, each request counted on its way; the clock "
        "runs ahead; credentials live an hour longer, so there is a first and a final report; "
        "cold, so with what is asked once a process",
    )
    world.control("identity_center", create_seconds=0.0, delete_seconds=0.0)
    found = hour.measure(world)
    total = sum(found.requests.values())
    report.add(
        Figure("requests of a session", total, "", aim=45),
        Figure("  of them to AWS", total - found.by_service()["Slack"], ""),
        Figure("  of them once a process", sum(found.requests[each] for each in hour.ONCE), ""),
    )
    for service, count in found.by_service().items():
        what = [f"{name} {n}" for (of, name), n in sorted(found.requests.items()) if of == service]
        report.lines(f"{count:4}  {service}: {', '.join(what)}")
    for when, name, asked in found.story:
        report.lines(f"{str(when).partition('.')[0]:>10}  {name:<12} {len(asked):3}")
    report.lines(
        "what bounds it: three messages on the way to the deadline (SQS carries one for fifteen",
        "minutes, and the queue alone must be able to end a session), a report again once",
        "credentials are dead (seven), the row written before and after news (two), what is",
        "asked once a process, and eight of Slack's",
    )
    invocations = sum(found.invocations.values())
    said = ", ".join(f"{name} {count}" for name, count in found.invocations.items())
    report.add(
        Figure("invocations of a session", invocations, "", aim=12,
               note=f"{said}; {found.sweeps} looks by sweeps that run anyway"),
    )  # fmt: skip
    report.lines(
        "each sweep asks seven times for ids, and twice for the rows of what is not closed, which",
        "is shared by all sessions and not counted here; the stream's event source lets nothing",
        "through but what is counted",
    )
    prices.report(report, found)


def _precision(report: Report) -> None:
    from tests.trail.score import score

    report.section("The report", "precision and recall over the labelled CloudTrail records")
    scores = [score(seed) for seed in random.Random(1).sample(range(1000), 5)]
    report.add(Figure("report: precision", statistics.mean(p for p, _ in scores), "", aim=1.0,
                      least=True))  # fmt: skip
    report.add(Figure("report: recall", statistics.mean(r for _, r in scores), "", aim=1.0,
                      least=True))  # fmt: skip
