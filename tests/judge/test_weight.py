"""The rules cost the route nothing, and a record next to nothing."""

import subprocess
import sys

from chalicelib.judge.rules import FILE, standard

ROUTE = (
    "chalicelib.route.front chalicelib.wiring chalicelib.config.settings "
    "chalicelib.words.messages app"
)


def test_the_route_never_reads_the_rules() -> None:
    script = f"import sys; [__import__(m) for m in {ROUTE.split()!r}]; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = [name for name in done.stdout.split() if name.startswith("chalicelib")]
    assert "chalicelib.route.front" in loaded
    assert not [name for name in loaded if name.startswith("chalicelib.judge")]
    assert "chalicelib.trail.event" not in loaded


def test_the_rules_are_read_once() -> None:
    assert standard() is standard()
    assert FILE.exists()
