"""Report: put the run into words and pictures, then sign all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from basestone.core.artifact import Manifest, file_digest, read_json, write_json, write_text
from basestone.core.contracts import View
from basestone.core.document import read
from basestone.core.evidence import RecordsMissing
from basestone.core.run import RunFolder
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.origins import is_sensitive, prepared_for
from basestone.lifecycle.stage import Corridor, perform
from basestone.lifecycle.telling import deciding_parts, telling_explanations
from basestone.recipe.schema import Report
from basestone.reporting.evidence import REPORT_FILES

if TYPE_CHECKING:
    from basestone.reporting.view import ClauseView

OUTPUTS = (*REPORT_FILES, "attestation.dsse.json")

EXCERPT = 280  # characters of a document that the report shows


def report(corridor: Corridor, stage: str, section: Report, made: dict[str, Manifest]) -> Manifest:
    """Makes ``report/``: the page, the ML-BOM, the model card and, last, the signed attestation over everything."""
    audit = section.audit or [stage for stage, manifest in made.items() if manifest.kind == "audit"][-1]
    extractions = [stage for stage, manifest in made.items() if manifest.kind == "extract"]

    def work(_: Path) -> dict[str, Any]:
        write_report(corridor, audit, section.language, extractions)
        return {"audit": audit, "language": section.language, "files": [f"../../report/{name}" for name in OUTPUTS]}

    depends = {
        "section": section.model_dump(mode="json"),
        "recipe": file_digest(corridor.folder.recipe),
        "key": signing_key(corridor.keys).public_key().public_bytes_raw().hex(),
    }
    return perform(corridor, stage, section.kind, depends=depends, parents=made, work=work)


def write_report(
    corridor: Corridor, audit: str, language: Literal["en", "zh"], extractions: Sequence[str] = ()
) -> None:
    """Renders the parts of the report in the order in which they refer to one another."""
    from basestone.reporting.attest import build_attestation
    from basestone.reporting.bom import build_bom
    from basestone.reporting.html import render
    from basestone.reporting.junit import build_junit
    from basestone.reporting.model_card import build_card
    from basestone.reporting.sarif import build_sarif
    from basestone.reporting.view import read_view

    run = corridor.folder
    samples, forecast = telling(corridor, audit), scored_forecast(run, audit)
    beside, scenes = judged_beside(run, audit), telling_photographs(corridor, audit)
    view = read_view(
        run,
        audit,
        samples=samples,
        scenes=scenes,
        language=language,
        forecast=forecast,
        beside=beside,
        extractions=extractions,
        explanations=telling_explanations(corridor, audit),
        parts=deciding_parts(corridor, audit),
    )
    write_text(run.report / "index.html", render(view))
    write_json(run.report / "bom.cdx.json", build_bom(view))
    write_text(run.report / "MODEL_CARD.md", build_card(view))
    write_json(run.report / "verdicts.sarif", build_sarif(view, clause_places(corridor, audit, view.clauses)))
    write_text(run.report / "verdicts.junit.xml", build_junit(view))
    attestation = build_attestation(run, audit, signing_key(corridor.keys), extractions)
    write_json(run.report / "attestation.dsse.json", attestation)


def clause_places(corridor: Corridor, audit: str, clauses: Iterable[ClauseView]) -> dict[str, tuple[str, int]]:
    """Clause → file and line of what the recipe says of it, else of its audit.

    Files are relative to the working folder; for a recipe from elsewhere (a shipped example) the run's resolved one.
    """
    here, resolved = Path.cwd().resolve(), corridor.folder.recipe
    written = {
        path: (Path(file).resolve().relative_to(here).as_posix(), line)
        for path, (file, line) in corridor.places.items()
        if line is not None and Path(file).resolve().is_relative_to(here)
    }
    spelt_out = {path: (resolved.name, item.line or 1) for path, item in read(resolved).walk()}
    stage, found = f"stages.{audit}", {}
    for clause in clauses:
        paths = (f"{stage}.declare.{clause.id}", f"{stage}.profile", stage)
        known = [places[path] for places in (written, spelt_out) for path in paths if path in places]
        found[clause.id] = known[0]
    return found


def telling(corridor: Corridor, audit: str, count: int = 12) -> list[dict[str, Any]]:
    """Test samples with their predictions: the most confident mistakes first; none where none were recorded."""
    from basestone.data.dataset import ImageSplit, Recordings, open_split
    from basestone.data.export import png_bytes
    from basestone.measures.accuracy import telling_samples
    from basestone.measures.privacy.personal.rules import without_personal
    from basestone.measures.quantities import telling_quantities
    from basestone.measures.transcripts import telling_transcripts

    written = corridor.recipe.task == "speech_recognition"
    tell = {"speech_recognition": telling_transcripts, "text_regression": telling_quantities}
    try:
        rows = tell.get(corridor.recipe.task, telling_samples)(corridor.folder.records(audit), count)
    except RecordsMissing:
        return []
    prepared, view = prepared_for(corridor.recipe, audit), View(kind="characters" if written else "labels")
    split: Any = open_split(corridor.folder.stage(prepared), corridor.cache, "test", view=view)
    chosen = [row["index"] for row in rows]
    if isinstance(split, ImageSplit):
        shown = [{"png": png_bytes(image)} for image in split.raw(chosen)]
    elif isinstance(split, Recordings):
        from basestone.data.speech.picture import SHAPE, picture

        rate = split.spec.sample_rate
        shown = [{"png": png_bytes(picture(split.samples(place), rate)), "shape": SHAPE} for place in chosen]
    elif is_sensitive(corridor.recipe, prepared):
        shown = [{} for _ in rows]
    else:
        shown = [{"text": without_personal(excerpt(text))} for text in split.texts(chosen)]
    return [row | one | {"row": split.row_names[row["index"]]} for row, one in zip(rows, shown, strict=True)]


def telling_photographs(corridor: Corridor, audit: str, count: int = 8) -> list[dict[str, Any]]:
    """Test photographs with what a detector found, missed and invented in them; none where none were recorded."""
    from basestone.data.dataset import open_split
    from basestone.data.export import jpeg_bytes
    from basestone.measures.placing import telling_scenes

    try:
        rows = telling_scenes(corridor.folder.records(audit), count)
    except RecordsMissing:
        return []
    prepared = corridor.folder.stage(prepared_for(corridor.recipe, audit))
    split: Any = open_split(prepared, corridor.cache, "test", view=View(kind="boxes"))
    pixels = split.raw([row["index"] for row in rows])
    return [
        row | {"jpeg": jpeg_bytes(image), "size": list(image.shape[2:0:-1]), "row": split.row_names[row["index"]]}
        for row, image in zip(rows, pixels, strict=True)
    ]


def excerpt(text: str) -> str:
    """The beginning of a document on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]} …"


def scored_forecast(run: RunFolder, audit: str) -> list[dict[str, Any]]:
    """The audit's plan beside what came of it; nothing when the plan could not be made."""
    from basestone.reporting.scored import scored_rows
    from basestone.standard.plan import score_forecast

    facts = read_json(run.stage(audit) / "facts.json")
    if "plan" not in facts:
        return []
    return scored_rows(facts["plan"], score_forecast(facts["plan"], run.verdicts(audit), facts["timing"]))


def judged_beside(run: RunFolder, audit: str) -> list[dict[str, Any]]:
    """The audited model and those beside it, from their records; nothing where none were asked for."""
    from basestone.measures.beside import beside_rows

    sizes = read_json(run.stage(audit) / "facts.json").get("beside_sizes", {})
    try:
        rows = beside_rows(run.records(audit))
    except RecordsMissing:
        return []
    return [row | {"parameters": sizes.get(row["name"])} for row in rows]
