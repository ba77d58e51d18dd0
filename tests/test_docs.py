"""The documentation says what is true: its links, its recipe and its commands exist, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from basestone.recipe.check import check

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
TRANSLATED = [page for page in PAGES if page.with_suffix(".zh-CN.md").exists()]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def code(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def first_column(page: Path, heading: str) -> list[str]:
    """The words in backticks that begin the rows of the table under a heading."""
    section = page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))


def commands() -> set[str]:
    import typer.main

    from basestone.cli import app

    group = typer.main.get_command(app)
    assert hasattr(group, "commands")
    nested = {word for command in group.commands.values() for word in getattr(command, "commands", {})}
    return {*group.commands, *nested}


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether there is such a file, and in it the heading that is named behind a #, as GitHub writes it."""
    file, _, heading = link.partition("#")
    target = page.parent / file if file else page
    if not heading:
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if target.is_file() else []
    return heading in {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}


def test_there_are_pages_to_look_at() -> None:
    assert [name(page) for page in TRANSLATED] == [
        "README.md",
        "docs/adaptation.md",
        "docs/compression.md",
        "docs/detection.md",
        "docs/explanation.md",
        "docs/fairness.md",
        "docs/features.md",
        "docs/privacy.md",
        "docs/recipe.md",
        "docs/robustness.md",
        "docs/run-directory.md",
        "docs/safety.md",
        "docs/serving.md",
        "docs/speech.md",
        "docs/speed.md",
        "docs/studio.md",
        "docs/text.md",
        "docs/verdicts.md",
    ]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not leads_somewhere(page, link)] == []


@pytest.mark.parametrize("page", TRANSLATED, ids=name)
def test_both_languages_show_the_same_tables_and_code(page: Path) -> None:
    other = page.with_suffix(".zh-CN.md")
    shape = re.compile(r"^(#{1,3} |\| `?[A-Z]+-\d|```)", re.MULTILINE)
    assert shape.findall(page.read_text()) == shape.findall(other.read_text())


@pytest.mark.parametrize("page", ["docs/recipe.md", "docs/recipe.zh-CN.md"])
def test_the_recipe_that_is_shown_is_sound(page: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(code(ROOT / page, "yaml")[0])
    assert check(path) == []


@pytest.mark.parametrize(("page", "heading"), [("README.md", "Commands"), ("README.zh-CN.md", "命令")])
def test_the_readme_lists_every_command_and_no_other(page: str, heading: str) -> None:
    listed = [word.split() for word in first_column(ROOT / page, heading)]
    named = {word for words in listed for word in words if word.islower() and not word.startswith(("-", "["))}
    assert named == commands()


def test_the_clauses_that_are_listed_exist() -> None:
    listed = set(re.findall(r"^\| ([A-Z]+-\d)", (ROOT / "docs/verdicts.md").read_text(), re.MULTILINE))
    assert listed == {path.stem for path in ROOT.glob("basestone/standard/clauses/*.yaml")}
