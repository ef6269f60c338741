"""Plot the totals over the number of connections, on two logarithmic axes, as an SVG for light and dark."""

from decimal import Decimal
from math import log10
from xml.sax.saxutils import escape

from tools.cost.designs import Design
from tools.cost.report import crossovers, totals
from tools.cost.workload import Options, most_connections

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 62, 150, 62, 58
FIRST, LAST = 1, 5  # powers of ten of the connections
CHEAPEST, DEAREST = 1, 7  # powers of ten of the dollars
POINTS = tuple(round(10 ** (power / 12)) for power in range(FIRST * 12, LAST * 12 + 1))
LABEL_HEIGHT = 17

# Paul Tol's bright scheme, which colour-blind people can tell apart: https://personal.sron.nl/~pault/
COLOURS = {
    Design.THIS: ("#4477aa", "#6aa5e0"),
    Design.LOOP: ("#aa3377", "#e070b0"),
    Design.APPSYNC: ("#b8860b", "#e0c04a"),
    Design.IOT: ("#228833", "#58b868"),
    Design.FARGATE: ("#c6404f", "#ff8089"),
    Design.FARGATE_DEFLATE: ("#2a8fa8", "#66ccee"),
    Design.HTTP: ("#7a5195", "#b48ad6"),
    Design.HIDDEN: ("#666666", "#aaaaaa"),
    Design.PLAN: ("#117733", "#88ccaa"),
}
DASHES = {
    Design.LOOP: "7 4",
    Design.APPSYNC: "2 4",
    Design.IOT: "9 3 2 3",
    Design.HTTP: "5 2",
    Design.HIDDEN: "3 3",
    Design.PLAN: "8 3",
}


def plot(options: Options) -> str:
    """Return the SVG: a line per design with its name at its end."""
    curves = {design: totals(design, options, POINTS) for design in Design}
    parts = [_head(options), *_grid(), *_quota(options)]
    ends = _apart({design: _y(curve[-1][1]) for design, curve in curves.items()})
    for number, (design, curve) in enumerate(curves.items()):
        path = " ".join(f"{_x(at):.1f},{_y(dollars):.1f}" for at, dollars in curve)
        dash = f' stroke-dasharray="{DASHES[design]}"' if design in DASHES else ""
        width = 3.2 if design is Design.THIS else 2
        parts.append(f'<polyline class="c{number}" points="{path}" stroke-width="{width}"{dash}/>')
        parts.append(
            f'<text class="t{number}" x="{WIDTH - RIGHT + 8}" y="{ends[design] + 4:.1f}">{design.value}</text>'
        )
    return "\n".join([*parts, *_crossings(options), "</svg>", ""])


def _head(options: Options) -> str:
    title = "Dollars per month"
    subtitle = f"{options.channel}, a tick of {options.tick_s} s, always connected; list prices, us-east-1"
    light, dark = (
        "".join(
            f".c{n}{{stroke:{colours[shade]}}}.t{n}{{fill:{colours[shade]}}}"
            for n, colours in enumerate(COLOURS.values())
        )
        for shade in (0, 1)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">
<style>
text{{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}}
.title{{font-size:17px;font-weight:600}}.sub,.tick{{fill:#59636e}}.back{{fill:#ffffff}}
.grid{{stroke:#d1d9e0;stroke-width:1}}.fine{{stroke:#eef1f4;stroke-width:1}}
polyline{{fill:none;stroke-linejoin:round}}.quota{{stroke:#59636e;stroke-width:1.5;stroke-dasharray:3 3}}
.ring{{fill:#ffffff;stroke:#1f2328;stroke-width:2}}.at{{font-weight:600;paint-order:stroke;stroke:#ffffff;stroke-width:4px}}{light}
@media (prefers-color-scheme:dark){{text{{fill:#f0f6fc}}.sub,.tick{{fill:#9198a1}}.back{{fill:#0d1117}}
.ring{{fill:#0d1117;stroke:#f0f6fc}}.at{{stroke:#0d1117}}
.quota{{stroke:#9198a1}}
.grid{{stroke:#3d444d}}.fine{{stroke:#1c2128}}{dark}}}
</style>
<rect class="back" width="{WIDTH}" height="{HEIGHT}" rx="8"/>
<text class="title" x="{LEFT}" y="26">{title}</text>
<text class="sub" x="{LEFT}" y="45">{escape(subtitle)}</text>"""


def _grid() -> list[str]:
    lines: list[str] = []
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for power in range(FIRST, LAST + 1):
        for times in range(1, 10 if power < LAST else 2):
            x = _x(times * 10**power)
            lines.append(f'<path class="{_weight(times)}" d="M{x:.1f} {TOP}V{bottom}"/>')
        lines.append(
            f'<text class="tick" x="{_x(10**power):.1f}" y="{bottom + 20}" text-anchor="middle">{10**power:,}</text>'
        )
    for power in range(CHEAPEST, DEAREST + 1):
        for times in range(1, 10 if power < DEAREST else 2):
            y = _y(Decimal(times * 10**power))
            lines.append(f'<path class="{_weight(times)}" d="M{LEFT} {y:.1f}H{right}"/>')
        y = _y(Decimal(10**power))
        lines.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_dollars(10**power)}</text>'
        )
    middle = (LEFT + right) / 2
    lines.append(
        f'<text class="sub" x="{middle:.0f}" y="{HEIGHT - 16}" text-anchor="middle">connections at the same time</text>'
    )
    # Fine lines first, so that the others cover them
    return sorted(lines, key=lambda line: 'class="fine"' not in line)


def _quota(options: Options) -> list[str]:
    """Draw a line where the account's quota ends this design, if the picture includes it."""
    most = most_connections(options)
    if not 10**FIRST < most < 10**LAST:
        return []
    x, above = _x(most), HEIGHT - BOTTOM - 10
    return [
        f'<path class="quota" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>',
        f'<text class="sub" x="{x - 6:.1f}" y="{above}" text-anchor="end">default quota: {most:,}</text>',
    ]


def _crossings(options: Options) -> list[str]:
    """Draw a ring where another design becomes cheaper, with the number of connections."""
    rings: list[str] = []
    begins = {each.first for ranges in crossovers(options).values() for each in ranges}
    for at in sorted(at for at in begins if 10**FIRST < at < 10**LAST):
        ((_, dollars),) = totals(Design.THIS, options, [at])
        x, y = _x(at), _y(dollars)
        rings += [
            f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"/>',
            f'<text class="at" x="{x + 6:.1f}" y="{y + 21:.1f}">{at:,}</text>',
        ]
    return rings


def _weight(times: int) -> str:
    return "grid" if times == 1 else "fine"


def _dollars(dollars: int) -> str:
    if dollars >= 10**6:
        return f"${dollars // 10**6}M"
    return f"${dollars // 1000}k" if dollars >= 1000 else f"${dollars}"


def _apart(wanted: dict[Design, float]) -> dict[Design, float]:
    """Return the labels' heights, moved down if two would overlap."""
    placed: dict[Design, float] = {}
    below = 0.0
    for design in sorted(wanted, key=lambda one: wanted[one]):
        placed[design] = below = max(wanted[design], below)
        below += LABEL_HEIGHT
    return placed


def _x(connections: int) -> float:
    return _on_scale(float(connections), FIRST, LAST, LEFT, WIDTH - RIGHT)


def _y(dollars: Decimal) -> float:
    return _on_scale(float(dollars), CHEAPEST, DEAREST, HEIGHT - BOTTOM, TOP)


def _on_scale(value: float, least: int, most: int, start: int, end: int) -> float:
    return start + (log10(value) - least) / (most - least) * (end - start)
