"""Layers as coloured squares: where each is in its box, its SVG, and the legend."""

import html
import textwrap
from dataclasses import dataclass, field

from zoo.sketches.parts import Cell, Series, Sketch, Split, walk

SIDE, FLAT, STEP, FORK = 28, 17, 6, 9  # Pixels: a square, a flat one, and ways.
GAPS = (18, 8)  # Between the outermost branches, and between those inside them.
LETTER, LINE = 7.2, 17  # Pixels: a letter, rather wide, and a line of text.
WAY = 'fill="none" stroke="#7b8794" stroke-width="1.5"'
OUTLINE = 'stroke="#323f4b" stroke-opacity="0.5"'
MARKED = 'stroke="#c77700" stroke-width="3.5"'
MARK = 'font-weight="700" fill="#9a5b00"'
NOTE = "In a square: frames of the kernel."
SPATIAL_NOTE = "In a square: frames of the kernel, or its pixels as 3x3."


@dataclass(frozen=True)
class Kind:
    """How a kind of layer is shown, and what the legend calls it."""

    words: str
    fill: str
    ink: str = "#fff"
    flat: bool = False


# The first six have the colours of EvaNet's figures (arXiv 1811.10636, section 5.4).
KINDS = {
    "conv3d": Kind("3D convolution", "#2f6db5"),
    "conv2plus1d": Kind("(2+1)D convolution", "#c53a32"),
    "itgm": Kind("iTGM convolution", "#2e8540"),
    "pool": Kind("pool", "#6e7781"),
    "point": Kind("1x1x1 convolution", "#f5a9c4", "#1f2933", flat=True),
    "mean": Kind("average", "#7a4fa8", flat=True),
    "concat": Kind("concatenation", "#f0cf65", "#1f2933", flat=True),
    "sum": Kind("sum", "#d3c5ea", "#1f2933", flat=True),
    "spatial": Kind("convolution over space", "#9ecbee", "#1f2933"),
    "temporal": Kind("convolution over time", "#f3957f", "#1f2933"),
    "gate": Kind("gate", "#17767a"),
    "attention": Kind("non-local layer", "#3e4c59"),
    "dense": Kind("dense layer", "#ffffff", "#1f2933"),
}


@dataclass(frozen=True)
class Extent:
    """How far squares reach from their axis, and with their labels to the right."""

    left: float = 0.0
    right: float = 0.0
    reach: float = 0.0
    height: float = 0.0


@dataclass
class Layout:
    """Where the squares of a box are: corner, width and height of each, and ways."""

    squares: list[tuple[Cell, float, float, float, float]] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)

    def way(self, x: float, top: float, bottom: float) -> None:
        """A line straight down."""
        if bottom > top:
            self.ways.append(f"M{x:.1f} {top:.1f}V{bottom:.1f}")

    def add(self, series: Series, x: float, top: float, depth: int = 0) -> float:
        """Puts layers one below the other around an axis, and gives the bottom."""
        for index, part in enumerate(series):
            if index:
                self.way(x, top, top + STEP)
                top += STEP
            if isinstance(part, Split):
                top = self._add_split(part, x, top, depth)
                continue
            height = _height(part)
            self.squares.append((part, x - SIDE / 2, top, SIDE, height))
            top += height
        return top

    def _add_split(self, split: Split, x: float, top: float, depth: int) -> float:
        axes, whole = _branches(split, depth)
        axes = [x - whole.left + axis for axis in axes]
        joined = top + whole.height - _height(split.join)
        self.way(x, top, top + FORK / 2)
        self.ways.append(f"M{axes[0]:.1f} {top + FORK / 2:.1f}H{axes[-1]:.1f}")
        for axis, branch in zip(axes, split.branches, strict=True):
            self.way(axis, top + FORK / 2, top + FORK)
            bottom = self.add(branch, axis, top + FORK, depth + 1)
            self.way(axis, bottom, joined)
        size = (whole.left + whole.right, _height(split.join))
        self.squares.append((split.join, x - whole.left, joined, *size))
        return joined + size[1]


def extent(series: Series, depth: int = 0) -> Extent:
    """Room that layers one below the other need."""
    if not series:
        return Extent(SIDE / 4, SIDE / 4, SIDE / 4)
    parts = [
        _branches(part, depth)[1] if isinstance(part, Split) else _cell_extent(part)
        for part in series
    ]
    return Extent(
        max(part.left for part in parts),
        max(part.right for part in parts),
        max(part.reach for part in parts),
        sum(part.height for part in parts) + STEP * (len(parts) - 1),
    )


def _cell_extent(cell: Cell) -> Extent:
    half, label = SIDE / 2, len(cell.label)
    reach = half + (STEP + LETTER * label if label else 0)
    return Extent(half, half, reach, _height(cell))


def _branches(split: Split, depth: int) -> tuple[list[float], Extent]:
    """The axis of each branch, from the left end on, and the room of all."""
    left, axes, inner = 0.0, [], [extent(b, depth + 1) for b in split.branches]
    for room in inner:
        axes.append(left + room.left)
        left += room.left + room.reach + GAPS[min(depth, len(GAPS) - 1)]
    half = (axes[-1] + inner[-1].right) / 2
    reach = axes[-1] + inner[-1].reach - half
    height = FORK + max(room.height for room in inner) + STEP + _height(split.join)
    return axes, Extent(half, half, reach, height)


def _height(cell: Cell) -> float:
    return FLAT if KINDS[cell.kind].flat else SIDE


def square(cell: Cell, corner: tuple[float, ...], known: bool) -> str:
    """The SVG of a layer at its left, top, width and height."""
    left, top, width, height = corner
    middle = top + height / 2 + 4
    title = html.escape(cell.title if known else f"{cell.title} (differs)")
    parts = [f"<title>{title}</title>", _rectangle(cell.kind, *corner, known)]
    if cell.text:
        ink = f'text-anchor="middle" font-size="11" fill="{KINDS[cell.kind].ink}"'
        parts.append(text(left + width / 2, middle, cell.text, ink))
    if cell.label:
        mark = 'fill="#323f4b"' if known else MARK
        parts.append(text(left + width + STEP, middle, cell.label, mark))
    changed = "" if known else " differs"
    return f'<g class="layer {cell.kind}{changed}">{"".join(parts)}</g>'


def _rectangle(
    kind: str, left: float, top: float, width: float, height: float, known: bool
) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="3" fill="{KINDS[kind].fill}" '
        f"{OUTLINE if known else MARKED}/>"
    )


def text(x: float, y: float, words: str, attributes: str) -> str:
    """The SVG of a line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{html.escape(words)}</text>'


def legend(drawn: Sketch, top: float, width: float, differs: bool) -> tuple[str, float]:
    """The SVG that says what the colours mean, in `width`, and its bottom.

    Args:
        drawn: Whose kinds of layers are explained, and whose note is told.
        top: Where it begins.
        width: What it must not pass.
        differs: Whether something is marked that another network has not.
    """
    used = {cell.kind for box in drawn.boxes for cell in walk(box.layers)}
    entries = [(kind, KINDS[kind].words, True) for kind in KINDS if kind in used]
    entries += [("dense", "not in the other network", False)] if differs else []
    parts, x = [], 0.0
    for kind, words, known in entries:
        room = SIDE + LETTER * len(words) + GAPS[0]
        if x and x + room > width:
            x, top = 0.0, top + LINE + 4
        parts.append(_rectangle(kind, x + 2, top + 2, 13, 13, known))
        parts.append(text(x + 22, top + 13, words, 'fill="#323f4b"'))
        x += room
    top += LINE + 4 if entries else 0
    notes = [SPATIAL_NOTE if "spatial" in used else NOTE] if used else []
    for words in textwrap.wrap(" ".join([*notes, drawn.note]), int(width / LETTER)):
        parts.append(text(2, top + 13, words, 'fill="#6b7783"'))
        top += LINE
    return (f'<g class="legend">{"".join(parts)}</g>' if parts else ""), top
