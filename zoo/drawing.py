"""Draws a network's structure as an SVG picture, from its genotype and its clips.

What there is to draw comes from `zoo.sketch`; one layered layout, from the top or from
the left, draws all families.
Layers are squares in the colours of EvaNet (https://arxiv.org/abs/1811.10636, figures
1 and 6), with the frames of their kernels inside.
"""

import html
import os
import pathlib

from zoo.files import write_text
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check
from zoo.lookup import find
from zoo.sketch import sketch
from zoo.sketches import columns, rows
from zoo.sketches.partners import Partners, pair
from zoo.sketches.parts import Box, Edge, Sketch
from zoo.sketches.rows import PADDING, Place, ranked, texts
from zoo.sketches.squares import (
    LINE,
    MARK,
    WAY,
    Layout,
    extent,
    legend,
    square,
    text,
)

MARGIN = 4  # Pixels around the whole.
STYLES = {
    "": 'fill="#f6f7f9" stroke="#9aa5b1"',
    "changed": 'fill="#fff6e0" stroke="#c77700" stroke-width="2"',
    "new": 'fill="#ffe9c7" stroke="#c77700" stroke-width="2.5"',
}


def draw(
    network: object,
    path: str | os.PathLike | None = None,
    other: object = None,
    clip_spec: ClipSpec | None = None,
) -> str:
    """Draws a network as SVG.

    Args:
        network: A genotype, a model's name, or what else `zoo.lookup.find` takes: the
            folder of a run or of a search, its `best.json`, a model that `zoo` built.
        path: An .svg file to write the picture to.
        other: A network, such as the parent; what it has not is highlighted.
        clip_spec: Clips whose way through the network the shapes tell; None is those
            that it was trained on or searched with, or else what its genotype says.

    Raises:
        ValueError: There is no such network, or no sketch of its family; it can not
            read such clips; or the path is no .svg file in a folder that exists.
    """
    if path is not None:
        path = pathlib.Path(path)
        check(path.suffix == ".svg", "path", "the name of an .svg file", str(path))
        check(path.parent.is_dir(), "path", "in a folder that exists", str(path))
    genotype, clip = find(network)
    drawn, partners = sketch(genotype, clip_spec or clip), Partners()
    if other is not None:
        against, clip = find(other, "other")
        partners = pair(drawn, sketch(against, clip_spec or clip))
    svg = picture(drawn, partners, f"A network of the family {genotype.family}")
    if path is not None:
        write_text(path, svg)
    return svg


def picture(drawn: Sketch, partners: Partners, name: str = "A network") -> str:
    """The SVG of a sketch, with what differs from its partners highlighted."""
    layout = columns if drawn.levels else rows
    ranks, routes = ranked(drawn)
    places, width, bottom = layout.placed(ranks, drawn)
    ways = layout.ways([[places[name] for name in route] for route in routes])
    edges = sorted(  # The darkest last, above the others.
        zip(drawn.edges, ways, strict=True),
        key=lambda pair: drawn.weights.get(pair[0], 1.0),
    )
    parts = [
        _edge(way, partners.knows(edge), _weight(drawn, edge)) for edge, way in edges
    ]
    for source, target in drawn.edges:
        places[source].leads = places[target].follows = not drawn.levels
    parts += [_box(box, places[box.name], partners) for box in drawn.boxes]
    differs = any(partners.style(box) for box in drawn.boxes)
    explained, bottom = legend(drawn, bottom + PADDING, width, differs)
    size = [round(side + 2 * MARGIN) for side in (width, bottom)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" '
        f'height="{size[1]}" viewBox="{-MARGIN} {-MARGIN} {size[0]} {size[1]}" '
        f'font-family="system-ui,sans-serif" font-size="12" '
        f'role="graphics-document" aria-label="{html.escape(name)}">'
        f'<rect class="ground" x="{-MARGIN}" y="{-MARGIN}" width="{size[0]}" '
        f'height="{size[1]}" fill="#fff"/>{"".join(parts)}{explained}</svg>\n'
    )


def _weight(drawn: Sketch, edge: Edge) -> float | None:
    """What an edge has learned; one that has no weight counts as 1 among others."""
    return drawn.weights.get(edge, 1.0) if drawn.weights else None


def _edge(way: tuple[str, str], known: bool, weight: float | None) -> str:
    """The SVG of an edge: as dark as it weighs."""
    color, width = ("#7b8794", 1.5) if known else ("#c77700", 2.5)
    opacity, end = "", "/>"
    if weight is not None:
        color, width = ("#1f2933" if known else color), 2.5
        opacity = f' opacity="{weight:.3f}"'
        end = f"><title>weight {weight:.3f}</title></path>"
    line, head = way
    return (
        f'<path d="{line}" fill="none" stroke="{color}" stroke-width="{width}"'
        f'{opacity}{end}<path d="{head}" fill="{color}"{opacity}/>'
    )


def _box(box: Box, place: Place, partners: Partners) -> str:
    style, known = partners.style(box), partners.known_lines(box)
    parts = [
        f'<rect x="{place.left:.1f}" y="{place.top:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="5" {STYLES[style]}/>'
    ]
    marks = ['font-weight="600" fill="#1f2933"']
    marks += ['fill="#323f4b"' if line in known else MARK for line in box.lines]
    marks.append('fill="#6b7783"')
    for number, (words, mark) in enumerate(zip(texts(box), marks, strict=False), 1):
        parts.append(text(place.left + PADDING, place.top + number * LINE, words, mark))
    partner = partners.boxes.get(box.name, box)
    was = "; ".join(partner.content) if partner else "not there"
    title = f"<title>was: {html.escape(was)}</title>" if style else ""
    layers = _layers(box, place, partners.known_layers(box))
    return f'<g class="{style or "same"}">{title}{"".join(parts)}{layers}</g>'


def _layers(box: Box, place: Place, known: list[bool]) -> str:
    if not box.layers:
        return ""
    layout = Layout()
    free = place.height - extent(box.layers).height
    bottom = layout.add(box.layers, place.x, place.top + free / 2)
    if place.follows:
        layout.way(place.x, place.top, place.top + free / 2)
    if place.leads:
        layout.way(place.x, bottom, place.top + place.height)
    squares = [
        square(cell, corner, same)
        for (cell, *corner), same in zip(layout.squares, known, strict=True)
    ]
    return f'<path d="{"".join(layout.ways)}" {WAY}/>{"".join(squares)}'
