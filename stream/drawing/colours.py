"""One colour a class, wherever road users are shown: pictures, strips, plots, pages."""

from __future__ import annotations

# Six hues that are told apart on grey asphalt, also by most colour-blind people, in the order of LABELS.
CLASS_RGB: tuple[tuple[int, int, int], ...] = (
    (255, 120, 180),  # person: pink
    (120, 230, 90),  # bicycle: green
    (70, 190, 255),  # car: sky
    (255, 235, 80),  # motorcycle: yellow
    (190, 140, 255),  # bus: violet
    (255, 160, 50),  # truck: orange
)
