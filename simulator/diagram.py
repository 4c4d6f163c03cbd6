"""The state machine as a drawing: inline SVG, laid out from the heart's tables alone.

The longest way through the tables runs down the middle; what ends early stands beside the state
that it leaves, and below that one from which a way leads back; an edge that skips states has a lane
of its own on the right. Each state, edge and event carries its name in a data attribute, so that a
page can light what a session has passed.
"""

from __future__ import annotations

from html import escape

from chalicelib.domain.machine import FINAL, START, TRANSITIONS, Event, State

WIDTH, PITCH, TOP = 360, 60, 44
LEFT, BOX, HEIGHT = 82, 116, 30  # of a state's box; left of it stand the times
MIDDLE, RIGHT = LEFT + BOX // 2, LEFT + BOX
LANE, LANE_APART, LINE = 346, 12, 22  # the right-most lane; a label's line in characters
ASIDE, BELOW = 276, 100  # the left edge of what stands aside; how far below the other, if any

Edge = tuple[State, State]


def svg() -> str:
    """The whole drawing; its texts are 11 px and more where it is 360 px wide."""
    rows = {state: row for row, state in enumerate(_longest_way([START]))}
    aside = {state: _source(state) for state in TRANSITIONS if state not in rows}
    back = [state for state in aside if aside[state] in TRANSITIONS[state].values()]
    tops: dict[State, int] = {}
    top = TOP
    for state in rows:
        tops[state] = top
        top += PITCH + sum(BELOW + 10 for each in back if aside[each] is state)
    tops |= {each: tops[source] + BELOW * (each in back) for each, source in aside.items()}
    edges = _edges()
    lanes = _lanes([each for each in edges if each[0] in rows and each[1] in rows], rows)
    height = top - 12
    parts = [
        f'<svg class="machine" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="">',
        f'<circle class="start" cx="{MIDDLE}" cy="{TOP - 28}" r="5"/>',
        _line(f"M{MIDDLE} {TOP - 23}V{TOP - 6}", (MIDDLE, TOP), "down", "start edge"),
    ]
    for edge, events in edges.items():
        source, target = edge
        y, end = tops[source], tops[target]
        if source == target:
            parts.append(_loop(edge, events, y))
        elif source in back:
            parts.append(
                _back(edge, events, y, end) if target in rows else _up(edge, events, y, end)
            )
        elif target in back:
            parts.append(_aside(edge, events, y, end))
        elif target in aside:
            parts.append(_beside(edge, events, y))
        elif edge in lanes:
            parts.append(_lane(edge, events, y, end, lanes[edge]))
        else:
            parts.append(_down(edge, events, y, end))
    parts += [_state(state, LEFT, tops[state], BOX) for state in rows]
    parts += [_state(state, ASIDE, tops[state], 82, True) for state in aside]
    return "\n".join([*parts, "</svg>"])


def _longest_way(before: list[State]) -> list[State]:
    """Through states that are not passed yet."""
    ways = [_longest_way([*before, to]) for to in TRANSITIONS[before[-1]].values()
            if to not in before]  # fmt: skip
    return max(ways, key=len, default=before)


def _source(state: State) -> State:
    return next(source for source, moves in TRANSITIONS.items() if state in moves.values())


def _edges() -> dict[Edge, list[Event]]:
    found: dict[Edge, list[Event]] = {}
    for source, moves in TRANSITIONS.items():
        for event, target in moves.items():
            found.setdefault((source, target), []).append(event)
    return found


def _lanes(edges: list[Edge], rows: dict[State, int]) -> dict[Edge, int]:
    """The lane of each edge that skips a state; edges that pass one another have two lanes."""
    given: dict[Edge, int] = {}
    for source, target in edges:
        if rows[target] - rows[source] > 1:
            beside = {
                lane
                for (a, b), lane in given.items()
                if rows[a] < rows[target] and rows[source] < rows[b]
            }
            given[source, target] = next(n for n in range(len(edges)) if n not in beside)
    return given


def _state(state: State, x: int, y: int, width: int, aside: bool = False) -> str:
    """Its times stand on the left, and those of one aside below it: there stand its source's."""
    final = " final" if state in FINAL else ""
    end, at, took = LEFT - 8, y + 13, y + 27
    if aside:
        end, at, took = x + width, y + HEIGHT + 13, y + HEIGHT + 25
    return (
        f'<g class="state{final}" data-state="{state}">'
        f'<rect x="{x}" y="{y}" width="{width}" height="{HEIGHT}" rx="8"/>'
        f'<text x="{x + width // 2}" y="{y + 19}" text-anchor="middle">{state}</text></g>'
        f'<text class="at" data-at="{state}" x="{end}" y="{at}" text-anchor="end"></text>'
        f'<text class="took" data-took="{state}" x="{end}" y="{took}" text-anchor="end">'
        "</text>"
    )


def _down(edge: Edge, events: list[Event], y: int, end: int) -> str:
    line = _line(f"M{MIDDLE} {y + HEIGHT}V{end - 6}", (MIDDLE, end), "down")
    return _edge(edge, line + _label(events, MIDDLE + 10, [end - 11]))


def _aside(edge: Edge, events: list[Event], y: int, end: int) -> str:
    line = _line(f"M{RIGHT - 12} {y + HEIGHT}V{end + 8}H{ASIDE - 6}", (ASIDE, end + 8), "right")
    return _edge(edge, line + _label(events, RIGHT - 6, [end + 3]))


def _back(edge: Edge, events: list[Event], y: int, end: int) -> str:
    bottom, x = end + HEIGHT, RIGHT - 30
    line = _line(f"M{ASIDE} {y + 20}H{x}V{bottom + 6}", (x, bottom), "up")
    return _edge(edge, line + _label(events, RIGHT - 6, [y + 44, y + 57]))


def _up(edge: Edge, events: list[Event], y: int, end: int) -> str:
    bottom, x = end + HEIGHT, ASIDE + 26
    line = _line(f"M{x} {y}V{bottom + 6}", (x, bottom), "up")
    return _edge(edge, line + _label(events, RIGHT - 6, [end + 58, end + 71]))


def _beside(edge: Edge, events: list[Event], y: int) -> str:
    middle = y + HEIGHT // 2
    line = _line(f"M{RIGHT} {middle}H270", (276, middle), "right")
    return _edge(edge, line + _label(events, RIGHT + 6, [y - 7]))


def _lane(edge: Edge, events: list[Event], y: int, target_y: int, lane: int) -> str:
    start, end, x = y + HEIGHT // 2, target_y + HEIGHT // 2, LANE - lane * LANE_APART
    way = f"M{RIGHT} {start}H{x - 8}q8 0 8 8V{end - 8}q0 8 -8 8H{RIGHT + 6}"
    line = _line(way, (RIGHT, end), "left")
    return _edge(edge, line + _label(events, RIGHT + 8, [start - 6, start + 14, start + 27]))


def _loop(edge: Edge, events: list[Event], y: int) -> str:
    way = f"M{RIGHT} {y + 7}c26 -6 26 22 6 17"
    line = _line(way, (RIGHT, y + 23), "left")
    return _edge(edge, line + _label(events, RIGHT + 27, [y + 13, y + 26]))


def _edge(edge: Edge, inside: str) -> str:
    return f'<g class="edge" data-edge="{edge[0]} {edge[1]}">{inside}</g>'


def _line(way: str, tip: tuple[int, int], towards: str, css: str = "") -> str:
    x, y = tip
    points = {
        "down": f"{x},{y} {x - 4},{y - 7} {x + 4},{y - 7}",
        "up": f"{x},{y} {x - 4},{y + 7} {x + 4},{y + 7}",
        "right": f"{x},{y} {x - 7},{y - 4} {x - 7},{y + 4}",
        "left": f"{x},{y} {x + 7},{y - 4} {x + 7},{y + 4}",
    }[towards]
    line = f'<path d="{way}"/><polygon points="{points}"/>'
    return f'<g class="{css}">{line}</g>' if css else line


def _label(events: list[Event], x: int, lines: list[int]) -> str:
    """The events' names, on as many of the given lines as they take."""
    rows: list[list[Event]] = [[]]
    for event in events:
        longer = " · ".join([*rows[-1], event])
        if rows[-1] and len(longer) > LINE and len(rows) < len(lines):
            rows.append([])
        rows[-1].append(event)
    texts = []
    for y, row in zip(lines, rows, strict=False):
        said = " · ".join(f'<tspan data-event="{escape(e)}">{escape(e)}</tspan>' for e in row)
        texts.append(f'<text class="event" x="{x}" y="{y}">{said}</text>')
    return "".join(texts)
