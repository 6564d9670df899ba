"""Parse configurations from text."""

import tomllib

from dasktop.tui.config.config import Config, config_from


def config(text: str) -> Config:
    return config_from(tomllib.loads(text), PATH)


PATH = "/home/ann/.config/dasktop/config.toml"
