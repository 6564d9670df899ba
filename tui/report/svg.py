"""SVG elements as text for an HTML page; attributes and text are escaped. Pure."""

from html import escape


def element(name: str, *content: str, **attributes: object) -> str:
    """Return an element; content is markup, attributes are escaped, ``class_`` is ``class``, ``None`` is omitted."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(content)
    return f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"


def rect(x: float, y: float, width: float, height: float, *content: str, **attributes: object) -> str:
    """Return a rectangle."""
    return element("rect", *content, x=x, y=y, width=max(0.0, width), height=max(0.0, height), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(commands: str, *content: str, **attributes: object) -> str:
    """Return a path."""
    return element("path", *content, d=commands, **attributes)


def text(x: float, y: float, content: str, **attributes: object) -> str:
    """Return a text at a position."""
    return element("text", escape(content), x=x, y=y, **attributes)


def tip(content: str) -> str:
    """Return the tooltip of an element, which screen readers read too."""
    return element("title", escape(content))


def picture(width: float, height: float, name: str, description: str, *content: str, is_stretched: bool = False) -> str:
    """Return a complete picture, with a name and a description for screen readers.

    Parameters
    ----------
    width, height
        The size of the coordinate system; the page decides on the drawn size.
    name, description
        Read by screen readers.
    content
        Markup.
    is_stretched
        Whether it is stretched to fill its box.
    """
    return element(
        "svg",
        tip(name),
        element("desc", escape(description)),
        *content,
        viewBox=f"0 0 {number(width)} {number(height)}",
        preserveAspectRatio="none" if is_stretched else None,
        role="img",
        aria_label=name,
    )


def hatching(x: float, y: float, width: float, height: float, spacing: float, *, rising: bool = True) -> str:
    """Return path commands that hatch a rectangle, rising to the right or falling.

    SVG patterns need ``url()``, and the page must contain nothing that looks like a fetch.
    """
    commands = []
    at = x + y + spacing / 2
    while at < x + width + y + height:
        x1, y1 = max(x, at - (y + height)), min(y + height, at - x)
        x2, y2 = min(x + width, at - y), max(y, at - (x + width))
        if not rising:
            x1, x2 = 2 * x + width - x1, 2 * x + width - x2
        commands.append(f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}")
        at += spacing
    return "".join(commands)


def number(value: float) -> str:
    """Return a coordinate, rounded to one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
