r"""LOLWUT's picture: a tourmaline, cut differently each time.

A crown of facets over a pavilion that ends in a point:

       /+ =\
     /+ = * %\
      \+ = */
        \+/
"""

from __future__ import annotations

from collections.abc import Callable

#: How a facet looks, from dark to light.
_SHADES = " .:-=+*#%"


def draw(below: Callable[[int], int]) -> str:
    """A cut stone; `below(n)` is a random number from 0 to below n."""
    half_width = 8 + below(9)
    crown = 2 + below(3)
    facets = 3 + below(4)
    light = below(facets)
    halves = [(half_width - 2 * row, "/", "\\") for row in reversed(range(crown))]
    halves += [(half_width - row - 1, "\\", "/") for row in range(half_width)]
    lines = []
    for row, (half, opening, closing) in enumerate(halves):
        inside = _facets(2 * half, facets, (light + (row >= crown)) % facets, row // 4)
        lines.append(" " * (half_width - half) + opening + inside + closing)
    return "\n".join(lines) + "\n"


def _facets(width: int, facets: int, light: int, depth: int) -> str:
    """The inside of one line."""
    shades = []
    for column in range(width):
        # Facets turned away from the light are darker; each has a rim a little lighter.
        distance = abs(column * facets // width - light) + depth
        is_rim = column * facets % width < facets
        shades.append(_SHADES[max(0, len(_SHADES) - 1 - 2 * distance - is_rim)])
    return "".join(shades)
