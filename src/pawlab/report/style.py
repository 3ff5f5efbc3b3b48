"""One look for the plots and the pages, in light and in dark: readable for the colour-blind, and on paper.

Blue stands for validation and for right, orange for training and for wrong, as in Okabe and Ito's palette (Color
Universal Design, 2008); its darker shades are used on white, so that thin lines and small print keep their contrast.
No meaning hangs on colour alone: lines differ in their dashes and carry their names, marks differ in shape.
"""

_COLOURS = {  # in light and in dark
    "paper": ("#fdfcfb", "#17181a"),
    "wash": ("#f4f2ee", "#212326"),  # behind code and table stripes
    "line": ("#dcd8d1", "#3a3c40"),
    "grid": ("#e9e6e0", "#2a2c2f"),
    "muted": ("#635f58", "#aaa69f"),
    "ink": ("#1e1d1b", "#eeebe6"),
    "blue": ("#0069a6", "#62b8ec"),
    "orange": ("#b64700", "#f5914b"),
    "green": ("#00755a", "#3ec79f"),
    "purple": ("#9c4380", "#dc96c2"),
    "gold": ("#806000", "#dcb63a"),
    "cell": ("#63aede", "#145f8e"),  # behind dark print in plots
}
LIGHT, DARK = ({name: pair[mode] for name, pair in _COLOURS.items()} for mode in (0, 1))

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
