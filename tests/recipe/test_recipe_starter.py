"""The starter recipe is sound as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from basestone.core.errors import UsageError
from basestone.recipe.check import load_and_check
from basestone.recipe.starter import starter


@pytest.mark.parametrize("place", ["cats", "my cats: #1, 'odd' \"{猫}\""])
@pytest.mark.parametrize("is_folder", [True, False])
def test_it_passes_check(is_folder: bool, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(place).mkdir()
    images = Path(place) if is_folder else Path(place) / "train.parquet"
    if not is_folder:
        images.touch()
    Path("recipe.yaml").write_text(starter(images))
    loaded, faults = load_and_check("recipe.yaml")
    assert faults == []
    assert loaded is not None
    source = loaded.raw["data"]["source"]
    assert (source["root"] if is_folder else source["files"]["train"]) == str(images)


def test_the_standard_asks_nothing_more_of_it(tmp_path: Path) -> None:
    from basestone.lifecycle.check import load_checked

    (tmp_path / "recipe.yaml").write_text(starter(tmp_path))
    assert load_checked(tmp_path / "recipe.yaml").recipe.data.source.kind == "folder"


@pytest.mark.parametrize(
    ("path", "name"),
    [("My Cats", "my-cats"), ("data/train.parquet", "train"), ("猫", "my-images"), ("x" * 90, "x" * 64)],
)
def test_its_name_is_made_from_the_path(path: str, name: str) -> None:
    assert f"\nname: {name}\n" in starter(path, "folder")


def test_its_name_can_be_given() -> None:
    assert "\nname: cats\n" in starter("a.parquet", name="cats")


def test_what_is_neither_a_folder_nor_parquet_is_refused(tmp_path: Path) -> None:
    expected = r"Images must lie in a folder of class folders or in a .parquet file; 'cats.zip' is neither."
    with pytest.raises(UsageError, match=expected):
        starter("cats.zip")
