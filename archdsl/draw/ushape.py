"""A picture in the form of a U.

Where the maps shrink and grow again, and tensors skip from the one half to the other at about equal resolution, the way
up stands beside the way down. It is found in the graph, by sizes, not by names.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, takewhile
from math import prod

from archdsl.draw.model import Direction, Edge, Kind, Picture, Role


def as_u(picture: Picture) -> Picture:
    """The picture with its second half rising beside the first, if it is a U."""
    if picture.direction is not Direction.TB:
        return picture
    place = {node.id: index for index, node in enumerate(picture.nodes)}
    area = _areas(picture)
    skips = [edge for edge in picture.edges if edge.role is Role.SKIP and edge.bends]
    skips.sort(key=lambda edge: place[edge.source])
    nested = all(place[a.source] < place[b.source] and place[b.target] < place[a.target] for a, b in pairwise(skips))
    if not skips or not nested:
        return picture
    inner = skips[-1]
    between = [node for node in picture.nodes[place[inner.source] + 1 : place[inner.target] + 1] if node.spine]
    lowest = min((area[node.id] for node in between), default=0)
    if not 0 < 2 * lowest <= area[inner.source] or not _shrinks(skips, area):
        return picture
    bottom = max(index for index, node in enumerate(between) if area[node.id] == lowest)
    if bottom + 1 >= len(between):
        return picture
    # inputs stand first: the next one begins a network beside this
    after = picture.nodes[place[between[bottom + 1].id] :]
    rising = frozenset(node.id for node in takewhile(lambda node: node.kind is not Kind.INPUT, after))
    # whatever comes from below must go up all the way, and nothing but skips may lead across
    crossing = {
        edge.source for edge in picture.edges if edge.source not in rising and edge.target in rising and not edge.gone
    }
    if crossing != {edge.source for edge in skips} | {between[bottom].id}:
        return picture
    nodes = tuple(
        replace(node, spine=f"{node.spine}:up") if node.id in rising and node.spine else node for node in picture.nodes
    )
    level = tuple((edge.source, edge.target, *_reached(picture, edge)) for edge in skips)
    edges = tuple(replace(edge, bends=False) if edge in skips else edge for edge in picture.edges)
    return replace(picture, nodes=nodes, edges=edges, rising=rising, level=level)


def _reached(picture: Picture, skip: Edge) -> tuple[str, ...]:
    """What a skip passes until it meets the path, such as a crop, and where it does."""
    spine = {node.id: node.spine for node in picture.nodes}
    passed: list[str] = []
    while not spine[(passed or [skip.target])[-1]]:
        here = (passed or [skip.target])[-1]
        further = [edge.target for edge in picture.edges if edge.source == here and not edge.gone]
        if len(further) != 1:
            break
        passed += further
    return tuple(passed)


def _shrinks(skips: list[Edge], area: dict[str, int]) -> bool:
    """Whether each skip starts from a smaller map than the one around it, and ends at one of about its own size."""
    return all(area[a.source] > area[b.source] for a, b in pairwise(skips)) and all(
        4 * area[edge.target] > area[edge.source] and area[edge.target] < 4 * area[edge.source] for edge in skips
    )


def _areas(picture: Picture) -> dict[str, int]:
    """How many positions the map has that comes out of each node; a dot hands on what comes in."""
    before: dict[str, str] = {}
    for edge in picture.edges:
        before.setdefault(edge.target, edge.source)
    areas: dict[str, int] = {}
    for node in picture.nodes:
        if node.facts and node.kind is not Kind.OUTPUT:
            shape = node.facts[-1].output
            areas[node.id] = int(prod(shape[1:])) if len(shape) > 2 else 1
        else:
            areas[node.id] = areas.get(before.get(node.id, ""), 0)
    return areas
