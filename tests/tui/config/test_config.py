"""The configuration file: valid values, errors, and where each value comes from."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.config import file
from dasktop.tui.config.config import Config, document
from dasktop.tui.config.settings import (
    COLUMNS_SHOWN,
    DRAIN,
    FILTER,
    FLAT,
    INTERVAL,
    KEY_SETTINGS,
    READ_ONLY,
    SECTIONS,
    SETTINGS,
    SLURM_INTERVAL,
    SORT,
    THEME,
    THRESHOLD_SETTINGS,
)
from dasktop.tui.draw.palettes import PALETTES
from dasktop.tui.view.columns import COLUMNS, DEFAULT_COLUMNS
from dasktop.tui.view.keys import KEYS, keys_of
from tests.support.configs import PATH, config
from tests.support.free_keys import free_letters


def fault(text: str) -> str:
    """Return the only error, without the file's name."""
    [words] = config(text).faults
    assert words.startswith(f"{PATH}: ")
    assert words.isprintable()
    return words.removeprefix(f"{PATH}: ")


class TestDefaults:
    def test_an_empty_file_changes_nothing(self) -> None:
        empty = config("")
        assert all(empty[setting] == setting.default for setting in SETTINGS)
        assert empty.thresholds == Thresholds()
        assert empty.keymap == {}
        assert empty.faults == ()

    def test_they_equal_the_defaults_of_options(self) -> None:
        options = Options()
        assert INTERVAL.default == options.interval_seconds
        assert SLURM_INTERVAL.default == options.slurm_interval_seconds
        assert (READ_ONLY.default, DRAIN.default) == (options.read_only, options.drain_seconds)
        assert COLUMNS_SHOWN.default == DEFAULT_COLUMNS

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.title)
    def test_each_reader_accepts_its_default(self, setting) -> None:
        assert setting.read(setting.default) == setting.default
        assert setting.meaning
        assert setting.meaning.isprintable()

    def test_each_key_and_each_threshold_can_be_set(self) -> None:
        assert set(KEY_SETTINGS) == set(KEYS)
        assert [setting.name for setting in THRESHOLD_SETTINGS] == list(Thresholds.__struct_fields__)

    def test_section_and_name_are_unique(self) -> None:
        assert sum(map(len, SECTIONS.values())) == len(SETTINGS)


class TestValues:
    def test_values_of_all_types_are_read(self) -> None:
        read = config("""
            interval = 5
            read_only = true
            theme = "colour-blind"
            [view]
            columns = ["cpu", "stored", "state"]
            sort = "name"
            filter = "state:pend"
            [keys]
            filter = "f7, /"
            [thresholds]
            idle_seconds = 60
            worker_restarts = 5
        """)
        assert (read[INTERVAL], read[READ_ONLY], read[THEME]) == (5.0, True, "colour-blind")
        assert (read[COLUMNS_SHOWN], read[SORT], read[FILTER]) == (("cpu", "stored", "state"), "name", "state:pend")
        assert read.keymap == {"filter": "f7,slash"}
        assert read.thresholds == Thresholds(idle_seconds=60.0, worker_restarts=5)
        assert read.faults == ()

    def test_each_value_has_its_origin(self) -> None:
        read = config("interval = 5\nslurm_interval = 20").with_options(
            {"slurm_interval": 30.0, "read_only": None, "drain": None, "address": "tcp://a:1"}
        )
        origins = [read.origin(setting) for setting in (INTERVAL, SLURM_INTERVAL, READ_ONLY)]
        assert origins == ["config.toml", "--slurm-interval", "default"]
        assert (read[INTERVAL], read[SLURM_INTERVAL]) == (5.0, 30.0)

    def test_an_empty_column_list_is_valid(self) -> None:
        assert config("[view]\ncolumns = []")[COLUMNS_SHOWN] == ()
        assert config('[view]\ncolumns = ["queued", "cpu"]')[COLUMNS_SHOWN] == ("processing", "cpu")

    def test_a_filter_is_cleaned(self) -> None:
        assert config('[view]\nfilter = "a\\u001b[2Jb"')[FILTER] == "a [2Jb"

    @pytest.mark.parametrize("section", ["view", "keys", "thresholds"])
    def test_sections_may_be_written_in_any_way(self, section: str) -> None:
        name, value = {"view": ("flat", "true"), "keys": ("quit", '"f13"'), "thresholds": ("idle_seconds", "7")}[
            section
        ]
        setting = SECTIONS[section][name]
        ways = [f"[{section}]\n{name} = {value}", f"{section}.{name} = {value}", f"{section} = {{ {name} = {value} }}"]
        assert len({config(text)[setting] for text in ways} - {setting.default}) == 1


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("intervall = 3", "intervall: unknown key; did you mean interval?"),
            ("[view]\nsrot = 1", "[view] srot: unknown key; did you mean [view] sort?"),
            ('sort = "cpu"', "sort: unknown key; did you mean [view] sort?"),
            ("[view]\ninterval = 3", "[view] interval: unknown key; did you mean interval?"),
            ("colour = 1", "colour: unknown key; dasktop config lists all keys"),
            ("[veiw]\nsort = 1", "[veiw]: unknown section; did you mean [view]?"),
            ("[x]", "[x]: unknown section; known sections: [view], [keys], [thresholds]"),
            ("view = 3", "view: must be a section, [view], not 3"),
            ("[[keys]]\nquit = 'Q'", "keys: must be a section, [keys], not a list"),
            ("[theme]", "theme: must be one of terminal, colour-blind, dark, light, in quotes, not a section"),
            ('theme = "drak"', 'theme: unknown theme "drak"; must be one of terminal, colour-blind, dark, light'),
            ("interval = 0.1", "interval: must be a number from 0.5 to 86400, not 0.1"),
            ("interval = true", "interval: must be a number from 0.5 to 86400, not true"),
            ("interval = nan", "interval: must be a number from 0.5 to 86400, not nan"),
            ("interval = inf", "interval: must be a number from 0.5 to 86400, not inf"),
            ("interval = 2024-01-01", "interval: must be a number from 0.5 to 86400, not 2024-01-01"),
            ("slurm_interval = 1", "slurm_interval: must be a number from 5 to 86400, not 1"),
            ("read_only = 1", "read_only: must be true or false, not 1"),
            ("[view]\nfilter = 4711", "[view] filter: must be a string in quotes, not 4711"),
            ('[view]\ncolumns = "cpu"', '[view] columns: must be a list such as ["state"], not "cpu"'),
            ('[view]\ncolumns = ["cpu", "cpu"]', '[view] columns: "cpu" is listed twice'),
            (
                "[thresholds]\nidle_seconds = -1",
                "[thresholds] idle_seconds: must be a number from 0 to 1000000000, not -1",
            ),
            (
                "[thresholds]\nworker_restarts = 2.0",
                "[thresholds] worker_restarts: must be a whole number from 1 to 1000000, not 2.0",
            ),
            (
                "[thresholds]\nworker_restart_window_seconds = 7200",  # longer than the history
                "[thresholds] worker_restart_window_seconds: must be a number from 0 to 1800, not 7200",
            ),
        ],
    )
    def test_one_line_names_the_key(self, text: str, words: str) -> None:
        assert fault(text) == words

    def test_a_number_with_too_many_digits_is_reported(self) -> None:
        words = "must be a number from 0.5 to 86400, not a number of many digits"
        assert fault(f"interval = 0x{'f' * 5000}") == f"interval: {words}"

    def test_an_unknown_column_is_reported(self) -> None:
        assert fault('[view]\nsort = "cpuu"').startswith(
            '[view] sort: unknown column "cpuu"; must be one of none, name, state'
        )
        assert fault('[view]\ncolumns = ["name"]').startswith(
            '[view] columns: unknown column "name"; must be one of state,'
        )

    def test_a_wrong_value_has_its_default_others_apply(self) -> None:
        read = config('interval = "fast"\n[view]\nflat = true\n[thresholds]\nidle = 1')
        assert (read[INTERVAL], read[FLAT], len(read.faults)) == (2.0, True, 2)

    @pytest.mark.parametrize("hostile", ["\\u001b[31mred", "[/]", "a\\nb", "\\u202Eevil", "x" * 500])
    def test_errors_escape_hostile_names_and_values(self, hostile: str) -> None:
        for text in (f'"{hostile}" = 1', f'["{hostile}"]', f'theme = "{hostile}"', f'[keys]\nquit = "{hostile}"'):
            assert len(fault(text)) < 300


class TestKeys:
    @pytest.mark.parametrize(
        ("words", "keys"),
        [
            ("/", "slash"),
            ("slash", "slash"),
            ("+, =", "plus,equals_sign"),
            ("comma", "comma"),
            (",", "comma"),
            ("PgUp,ctrl+U", "pageup,ctrl+u"),
            (" F5 ", "f5"),
            ("Esc", "escape"),
            ("Return", "enter"),
            ("é", "é"),
            ("shift+x", "X"),
            ("Shift+Tab,Shift+Up", None),
            ("ctrl+shift+up", "ctrl+shift+up"),
            ("shift+ctrl+up", "ctrl+shift+up"),
            ("alt+X", "alt+shift+x"),
            ("ctrl++", "ctrl+plus"),
            ("↑", "up"),
            ("@", "at"),
        ],
    )
    def test_common_spellings_are_accepted(self, words: str, keys: str | None) -> None:
        read = config(f'[keys]\nreplay_faster = "{words}"\n' + free_of(keys or ""))
        if keys is None:
            assert read.faults
        else:
            assert (read.keymap["replay_faster"], read.faults) == (keys, ())

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("", 'a key is missing; write "comma" for the comma key'),
            ("a,", 'a key is missing; write "comma" for the comma key'),
            ("pgupp", 'unknown key "pgupp"; examples: a, A, /, f5, ctrl+r, PgUp'),
            ("hyper+a", 'unknown key "hyper+a"; examples: a, A, /, f5, ctrl+r, PgUp'),
            ("ctrl+", 'unknown key "ctrl+"; examples: a, A, /, f5, ctrl+r, PgUp'),
            ("ctrl+c", "ctrl+c cannot be rebound"),
            ("ctrl+i", "tab cannot be rebound"),
        ],
    )
    def test_invalid_keys_are_reported(self, words: str, message: str) -> None:
        assert fault(f'[keys]\nquit = "{words}"') == f"[keys] quit: {message}"

    @pytest.mark.parametrize("key_id", ["leave", "keep_filter", "search_typed", "next_field", "palette"])
    @pytest.mark.parametrize("key", ["7", "x", "space", "/", "ж", "plus"])
    def test_keys_that_leave_a_field_are_not_characters(self, key_id: str, key: str) -> None:
        assert "is a character, needed in text fields" in fault(f'[keys]\n{key_id} = "f12, {key}"')

    def test_keys_without_a_character_can_leave_a_field(self) -> None:
        keys = "leave = 'ctrl+g'\nkeep_filter = 'f2, down'\nsearch_typed = 'alt+enter'\nprevious_field = 'up, f11'"
        assert config(f"[keys]\n{keys}").faults == ()

    def test_an_unknown_key_id_is_reported(self) -> None:
        assert fault('[keys]\nrefesh = "u"') == "[keys] refesh: unknown key; did you mean [keys] refresh?"

    def test_a_conflict_names_both_actions(self) -> None:
        assert fault('[keys]\nrefresh = "ctrl+u"') == '[keys] "ctrl+u" is bound to both page_up and refresh'
        assert fault('[keys]\nquit = "f5"\nrefresh = "F5"') == '[keys] "f5" is bound to both refresh and quit'
        assert fault('[keys]\nfilter = "."') == '[keys] "." is bound to both filter and replay_step'

    def test_a_conflict_restores_all_default_keys(self) -> None:
        read = config('[keys]\nquit = "f5"\nrefresh = "F5"\ncopy = "Y"\n[view]\nsort = "cpu"')
        assert read.keymap == {}
        assert read[SORT] == "cpu", "a setting with the name of a key id"

    def test_two_keys_can_be_swapped(self) -> None:
        assert config('[keys]\nsort = "O"\nreverse = "o"').keymap == {"sort": "O", "reverse": "o"}

    def test_a_default_key_in_the_file_changes_nothing(self) -> None:
        assert config('[keys]\nup = "up,k"\nfilter = "slash"').keymap == {}

    def test_the_replay_pause_key_can_stay_default(self) -> None:
        assert config(f'[keys]\npause = "{free_letters()[0]}"').faults == ()


def is_free(keys: str) -> bool:
    """Return whether ``quit`` can have these keys without a conflict, if the comma is free."""
    taken = {key for key_id in KEYS if key_id != "replay_step_back" for key in keys_of(key_id, {})}
    return not taken & set(keys_of("quit", {"quit": keys}))


def free_of(keys: str) -> str:
    """Return lines that move the default users of these keys to function keys."""
    taken = [key_id for key_id in KEYS if key_id != "replay_faster" and set(keys_of(key_id, {})) & set(keys.split(","))]
    return "".join(f'{key_id} = "f{number}"\n' for number, key_id in enumerate(taken, start=12))


class TestDocument:
    def test_it_lists_all_settings_with_their_origin(self) -> None:
        lines = document(config('[view]\nsort = "cpu"').with_options({"interval": 3.0})).splitlines()
        assert lines[0] == f"# {PATH}"
        assert "interval = 3.0  # --interval" in lines
        assert 'sort = "cpu"  # config.toml' in lines
        assert "idle_seconds = 600.0  # default" in lines
        assert sum(" = " in line and not line.startswith("#") for line in lines) == len(SETTINGS)

    def test_missing_file_is_reported(self) -> None:
        assert document(Config(PATH)).splitlines()[0] == f"# {PATH} (this file does not exist)"

    def test_a_hostile_path_is_escaped(self) -> None:
        assert document(Config("/a\x1b[2J\nb")).splitlines()[0] == "# /a [2J b (this file does not exist)"

    def test_the_default_output_is_a_neutral_config_file(self) -> None:
        read = config(document(Config(PATH)))
        assert read.faults == ()
        assert (read.keymap, read.thresholds) == ({}, Thresholds())

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                INTERVAL: st.floats(0.5, 1000),
                THEME: st.sampled_from(list(PALETTES)),
                READ_ONLY: st.booleans(),
                COLUMNS_SHOWN: st.lists(st.sampled_from(list(COLUMNS)), unique=True),
                SORT: st.sampled_from(["none", "name", *COLUMNS]),
                FILTER: st.text(max_size=20),
                KEY_SETTINGS["quit"]: st.sampled_from(["f13", "@, f9", "comma", '"', "'", "\\", "#", "é"]).filter(
                    is_free
                ),
                **{setting: st.integers(1, 1800) for setting in THRESHOLD_SETTINGS},
            },
        )
    )
    def test_the_output_is_a_valid_config_file(self, values: dict) -> None:
        values = {setting: setting.read(value) for setting, value in values.items()}
        free = {KEY_SETTINGS["replay_step_back"]: "f12"}  # so that the comma is free
        printed = config(document(Config(PATH, in_file=values | free)))
        assert printed.faults == ()
        assert all(printed[setting] == value for setting, value in values.items())


def test_the_example_in_the_readme_is_valid() -> None:
    readme = Path(__file__).parents[3] / "README.md"
    [example] = re.findall(r"```toml\n(.*?)```", readme.read_text(), re.DOTALL)
    read = config(example)
    assert read.faults == ()
    assert len(read.in_file) == example.count(" = ")


class TestFile:
    def test_missing_file_gives_defaults(self, tmp_path: Path) -> None:
        read = file.load(tmp_path / "config.toml")
        assert (read.exists, read.faults, read[INTERVAL]) == (False, (), 2.0)

    def test_file_in_place_of_folder_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "dasktop").write_text("")
        assert file.load(tmp_path / "dasktop" / "config.toml").faults == ()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"interval = ", " is not valid TOML: Invalid value (at end of document)"),
            (b"interval = 2\ninterval = 3", " is not valid TOML: Cannot overwrite a value (at end of document)"),
            (b"\xff\xfe", " is not UTF-8"),
            (b"a = " + b"[" * 100_000, " is not valid TOML: "),
            (b"a = " + b"9" * 5000, " is not valid TOML: "),
            (b"a = \x1b[2J", " is not valid TOML: "),
        ],
    )
    def test_invalid_toml_is_reported(self, tmp_path: Path, content: bytes, words: str) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes(content)
        [message] = file.load(path).faults
        assert message.startswith(f"{path}{words}")
        assert message.isprintable()

    def test_a_folder_as_file_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").mkdir()
        assert file.load(tmp_path / "config.toml").faults == (f"{tmp_path}/config.toml cannot be read: Is a directory",)

    def test_path_follows_the_environment(self) -> None:
        assert file.path({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/dasktop/config.toml")
        assert file.path({"XDG_CONFIG_HOME": "x", "HOME": "/h"}) == Path("/h/.config/dasktop/config.toml")
        assert file.path({"HOME": "/h"}) == Path("/h/.config/dasktop/config.toml")
