"""The few SVG elements that a picture of a timeline is made of, as text."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"


def document(width: float, height: float, title: str, elements: list[str]) -> str:
    """A whole picture, on a white ground: readers' pages may be dark."""
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    body = "\n".join(elements)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"'
        f' font-family="{FONT}" font-size="12">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width:g}" height="{height:g}" rx="6" fill="#ffffff"/>\n'
        f"{body}\n</svg>\n"
    )


def rectangle(
    x: float, y: float, width: float, height: float, fill: str, hint: str = "", **more: str
) -> str:
    """A filled rectangle; `hint` is shown to who rests the mouse on it."""
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    head = f'<rect {place} fill="{fill}"{_attributes(more)}'
    return f"{head}><title>{escape(hint)}</title></rect>" if hint else f"{head}/>"


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, **more: str) -> str:
    """A straight line. `more`: stroke_width, stroke_dasharray ..."""
    place = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
    return f'<line {place} stroke="{stroke}"{_attributes(more)}/>'


def text(x: float, y: float, words: str, fill: str = "#1f2328", **more: str) -> str:
    """Words with their baseline at `y`. `more`: text_anchor, font_weight ..."""
    return f'<text x="{_n(x)}" y="{_n(y)}" fill="{fill}"{_attributes(more)}>{escape(words)}</text>'


def _attributes(more: dict[str, str]) -> str:
    return "".join(f" {name.replace('_', '-')}={quoteattr(value)}" for name, value in more.items())


def _n(value: float) -> str:
    """Tenths of a pixel are enough, and keep the file small."""
    return f"{round(value, 1):g}"
