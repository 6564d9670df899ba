"""Saving changed view settings: only these change, and the file is never incomplete."""

import os
import stat
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.tui.config import file
from dasktop.tui.config.config import document
from dasktop.tui.config.file import remember
from dasktop.tui.config.settings import COLUMNS_SHOWN, DETAILS, FILTER, REVERSE, SORT, THEME
from dasktop.tui.config.view_settings import DEFAULT, ViewSettings, changes, view_settings_from
from dasktop.tui.draw.palettes import PALETTES
from dasktop.tui.view.columns import COLUMNS
from dasktop.tui.view.filtering import View
from dasktop.tui.view.panels import PANELS

VALUES = {THEME: "dark", SORT: "cpu", COLUMNS_SHOWN: ("cpu", "node"), FILTER: 'a"\\d#'}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "dasktop" / "config.toml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def names_beside(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir()]


class TestContent:
    def test_a_new_file_mentions_dasktop_config(self, path: Path) -> None:
        assert remember(path, VALUES) is None
        assert path.read_text().startswith("# Configuration of dasktop; `dasktop config` lists")
        assert {setting: file.load(path)[setting] for setting in VALUES} == VALUES

    def test_comments_order_and_spaces_stay(self, path: Path) -> None:
        before = (
            "# mine\ninterval = 3  # slow line\n\n[keys]\nquit   =   'Q'\n\n"
            '[view]\n# by use\nsort = "memory"  # was: cpu\nflat = true\n\n[thresholds]\nidle_seconds = 60 # s\n'
        )
        assert remember(written(path, before), {SORT: "left"}) is None
        assert path.read_text() == before.replace('"memory"', '"left"')

    @pytest.mark.parametrize(
        "before",
        [
            "",
            "# nothing but this",
            "interval = 3",
            'theme = "light"   # bright here\n[view] # how it looks',
            'view.sort = "node" # why\nview.flat = true',
            'view = { sort = "node", flat = true } # in a line',
            '["view"]\n"sort" = "node"\n',
            "[view]\ncolumns = [\n  'cpu', # one\n  'state',\n]\n",
            '[thresholds]\nidle_seconds = 5\n[view]\nsort = "node"\n[keys]\nquit = "Q"\n',
            '\r\n# from elsewhere\r\n[view]\r\nsort = "node"\r\n',
        ],
    )
    def test_any_toml_style_is_updated(self, path: Path, before: str) -> None:
        wanted = tomllib.loads(before)
        wanted["theme"] = "dark"
        wanted.setdefault("view", {}).update(sort="cpu", columns=["cpu", "node"], filter='a"\\d#')
        assert remember(written(path, before), VALUES) is None
        assert tomllib.loads(path.read_bytes().decode()) == wanted
        comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line and "# one" not in line]
        assert all(comment in path.read_text() for comment in comments)

    @given(
        st.builds(
            ViewSettings,
            st.builds(
                View,
                columns=st.lists(st.sampled_from(list(COLUMNS)), unique=True).map(tuple),
                sort=st.sampled_from([None, "name", *COLUMNS]),
                is_reversed=st.booleans(),
                pattern=st.text(max_size=30),
                is_flat=st.booleans(),
            ),
            st.sampled_from(list(PALETTES)),
            st.booleans(),
            st.lists(st.sampled_from(list(PANELS)), unique=True).map(tuple),
        )
    )
    def test_saved_settings_are_read_back(self, looks: ViewSettings) -> None:
        path = file.path(os.environ)
        path.unlink(missing_ok=True)
        assert remember(path, changes(DEFAULT, looks)) is None
        read = file.load(path)
        assert read.faults == ()
        assert changes(view_settings_from(read), looks) == {}

    def test_the_output_of_dasktop_config_can_be_updated(self, path: Path) -> None:
        written(path, document(file.load(path)))
        lines = path.read_text().splitlines()
        assert remember(path, {SORT: "cpu"}) is None
        assert path.read_text().splitlines() == [line.replace('"none"', '"cpu"') for line in lines]


class TestChanges:
    def test_no_change_writes_no_file(self, path: Path) -> None:
        assert remember(path, changes(DEFAULT, DEFAULT)) is None
        assert not path.parent.exists()

    def test_unchanged_values_do_not_rewrite_the_file(self, path: Path) -> None:
        before = written(path, '[view]\nsort = "cpu"\n').stat()
        assert remember(path, {SORT: "cpu"}) is None
        assert path.stat().st_ino == before.st_ino

    def test_only_changed_settings_are_returned(self) -> None:
        before = ViewSettings(View(columns=("cpu",), pattern="x"), "dark", shows_details=True)
        after = before._replace(view=before.view._replace(columns=("cpu", "node")), shows_details=False)
        assert changes(before, after) == {COLUMNS_SHOWN: ("cpu", "node"), DETAILS: False}

    def test_two_screens_keep_each_others_changes(self, path: Path) -> None:
        assert remember(path, {SORT: "cpu"}) is None
        assert remember(path, {REVERSE: True}) is None
        read = file.load(path)
        assert (read[SORT], read[REVERSE]) == ("cpu", True)

    def test_filter_order_and_flat_list_are_not_saved(self) -> None:
        after = View(pattern="x", sort="cpu", is_reversed=True, is_flat=True)
        assert changes(ViewSettings(View(pattern="4711")), ViewSettings(after)) == {}


class TestFile:
    def test_a_symbolic_link_is_followed(self, path: Path, tmp_path: Path) -> None:
        real = written(tmp_path / "dotfiles" / "dasktop.toml", 'theme = "light"\n')
        path.parent.mkdir(parents=True)
        path.symlink_to(Path("../../dotfiles/dasktop.toml"))
        assert remember(path, {THEME: "dark"}) is None
        assert path.is_symlink()
        assert real.read_text() == 'theme = "dark"\n'

    def test_a_dangling_link_gets_its_target(self, path: Path, tmp_path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.symlink_to(tmp_path / "later" / "dasktop.toml")
        assert remember(path, {THEME: "dark"}) is None
        assert file.load(tmp_path / "later" / "dasktop.toml")[THEME] == "dark"

    @pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
    def test_its_mode_is_kept(self, path: Path, mode: int) -> None:
        written(path, "").chmod(mode)
        assert remember(path, {THEME: "dark"}) is None
        assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_no_temporary_file_is_left(self, path: Path) -> None:
        assert remember(path, VALUES) is None
        assert names_beside(path) == ["config.toml"]

    def test_uncreatable_folder_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "dasktop" / "config.toml"
        assert remember(path, VALUES) == (f"view settings not saved: {path} cannot be written: Not a directory")

    def test_an_unwritable_folder_is_reported(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(path, "# mine\n")

        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(13, "Permission denied")

        for name in ("tempfile.mkstemp", "os.replace"):
            with monkeypatch.context() as patch:
                patch.setattr(name, refuse)
                message = remember(path, VALUES)
            assert message is not None
            assert message.endswith(f"{path} cannot be written: Permission denied")
            assert path.read_text() == "# mine\n"
            assert names_beside(path) == ["config.toml"]

    @pytest.mark.parametrize("meanwhile", ["[view", "view = 5", "\ud800"])
    def test_a_file_that_became_invalid_is_not_changed(self, path: Path, meanwhile: str) -> None:
        content = meanwhile.encode(errors="surrogatepass")
        written(path, "").write_bytes(content)
        message = remember(path, {SORT: "cpu"})
        assert message is not None
        assert f"{path} was changed by another program" in message
        assert message.isprintable()
        assert path.read_bytes() == content

    def test_concurrent_writes_corrupt_nothing(self, path: Path) -> None:
        results = [remember(path, {SORT: "cpu"})]  # each write starts from what was read, so one of two may be lost

        def keep_writing(values: list[dict[Any, Any]]) -> None:
            results.extend(remember(path, one) for one in values)

        many = [[{SORT: sort} for sort in COLUMNS] * 3, [{THEME: theme} for theme in PALETTES] * 9]
        threads = [threading.Thread(target=keep_writing, args=(values,)) for values in many]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert file.load(path).faults == ()
        assert results == [None] * (1 + sum(map(len, many)))
        assert file.load(path)[SORT] in COLUMNS
        assert names_beside(path) == ["config.toml"]
