"""Parse each style sheet, and inspect each method, once a process instead of once a screen under test."""

from collections.abc import Callable

from textual import _callback
from textual.css import stylesheet
from textual.css.model import RuleSet
from textual.css.tokenize import Token
from textual.css.types import CSSLocation

Tokens = dict[str, list[Token]]


def parse_styles_once() -> None:
    """Cache the parsed style sheets of Textual for the whole process.

    A `Stylesheet` caches its parsed rules itself, so it does not change them.
    """
    tokenize_values, parse = stylesheet.tokenize_values, stylesheet.parse
    tokens: dict[tuple[tuple[str, str], ...], Tokens] = {}
    rules: dict[tuple[object, ...], tuple[RuleSet, ...]] = {}

    def tokenize_values_once(values: dict[str, str]) -> Tokens:
        key = tuple(values.items())
        if key not in tokens:
            tokens[key] = tokenize_values(values)
        return tokens[key]

    def parse_once(
        scope: str,
        css: str,
        read_from: CSSLocation,
        *,
        variable_tokens: Tokens,
        is_default_rules: bool,
        tie_breaker: int,
    ) -> tuple[RuleSet, ...]:
        # Equal variables have the same dict, which is never freed: see above.
        key = (scope, css, read_from, id(variable_tokens), is_default_rules, tie_breaker)
        if key not in rules:
            parsed = parse(
                scope,
                css,
                read_from,
                variable_tokens=variable_tokens,
                is_default_rules=is_default_rules,
                tie_breaker=tie_breaker,
            )
            rules[key] = tuple(parsed)
        return rules[key]

    stylesheet.tokenize_values = tokenize_values_once
    stylesheet.parse = parse_once


def count_parameters_once() -> None:
    """Cache the number of parameters of methods; Textual forgets it of those that `functools.partial` wraps."""
    count = _callback._count_parameters
    counts: dict[Callable[..., object], int] = {}

    def count_once(function: Callable[..., object]) -> int:
        method = getattr(function, "__func__", None)
        if method is None:
            return count(function)
        if method not in counts:
            counts[method] = count(function)
        return counts[method]

    _callback._count_parameters = count_once
