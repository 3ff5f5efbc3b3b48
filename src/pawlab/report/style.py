"""One look for the plots and the pages, in light and in dark: readable for the colour-blind, and on paper.

Blue stands for validation and for right, orange for training and for wrong, as in Okabe and Ito's palette (Color
Universal Design, 2008); its darker shades are used on white, so that thin lines and small print keep their contrast.
No meaning hangs on colour alone: lines differ in their dashes and carry their names, marks differ in shape.
"""

LIGHT = {
    "paper": "#fdfcfb",
    "wash": "#f4f2ee",  # behind code and table stripes
    "line": "#dcd8d1",
    "grid": "#e9e6e0",
    "muted": "#635f58",
    "ink": "#1e1d1b",
    "blue": "#0069a6",
    "orange": "#b64700",
    "green": "#00755a",
    "purple": "#9c4380",
    "gold": "#806000",
    "cell": "#63aede",  # behind dark print in tables
}
DARK = {
    "paper": "#17181a",
    "wash": "#212326",
    "line": "#3a3c40",
    "grid": "#2a2c2f",
    "muted": "#aaa69f",
    "ink": "#eeebe6",
    "blue": "#62b8ec",
    "orange": "#f5914b",
    "green": "#3ec79f",
    "purple": "#dc96c2",
    "gold": "#dcb63a",
    "cell": "#145f8e",
}

SERIES = ("blue", "orange", "green", "purple", "gold", "ink")  # the order in which curves take their colours
DASHES = ((1, 0), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))  # on, off, ...: for when colours repeat


def css_variables() -> str:
    """Return the colours as CSS custom properties; a page follows the reader's system, and print is always light."""
    return (
        f":root{{color-scheme:light dark;{_declared(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_declared(DARK)}}}}}"
    )


def with_variables(drawing: str) -> str:
    """Return a drawing made with the colours of LIGHT in which they follow the page's."""
    for name, colour in LIGHT.items():
        drawing = drawing.replace(colour, f"var(--{name})")
    return drawing


def _declared(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
