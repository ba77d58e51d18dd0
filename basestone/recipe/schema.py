"""The recipe, as types. Each room says what may be said of it; this module only puts the rooms together.

Torch-free, as ``check`` and ``schema`` must answer at once and on machines that cannot train.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, Tag

from basestone.adaptation.methods import METHODS
from basestone.compression.options import PRUNERS, QUANTIZERS, Deploy, Measured
from basestone.core.document import as_mapping
from basestone.core.registry import Fraction, NaturalInt, PositiveFloat, PositiveInt, Section, Strict
from basestone.data.detection.options import BoxData
from basestone.data.detection.sources import BOX_SOURCES
from basestone.data.options import DataOptions, SourceSection
from basestone.data.speech.options import SpeechData, SpokenAudit
from basestone.data.text.options import TextData
from basestone.data.transforms import TRANSFORMS
from basestone.features.estimators import ESTIMATORS
from basestone.measures.explanation.options import Explain
from basestone.measures.fairness.options import FairnessOptions
from basestone.measures.privacy.options import PrivacyOptions
from basestone.measures.robustness.attacks.options import Attack
from basestone.measures.robustness.outlier_options import OutlierOptions
from basestone.measures.robustness.rewording.options import Reword
from basestone.measures.robustness.shift_options import Shift
from basestone.measures.safety.options import SafetyOptions
from basestone.models.catalogue import INITS, MODELS
from basestone.objectives.catalogue import OBJECTIVES
from basestone.objectives.distillation import DISTILLERS
from basestone.tracking import TRACKERS
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    InitSection = ModelSection = ObjectiveSection = TrackerSection = TransformSection = Section
    DistillerSection = EstimatorSection = MethodSection = QuantizerSection = Section

    class PrunerSection(Section):
        """What every pruner has."""

        steps: int
        samples: int
else:
    DistillerSection = DISTILLERS.union()
    EstimatorSection = ESTIMATORS.union()
    InitSection = INITS.union()
    MethodSection = METHODS.union()
    ModelSection = MODELS.union()
    ObjectiveSection = OBJECTIVES.union()
    PrunerSection = PRUNERS.union()
    QuantizerSection = QUANTIZERS.union()
    TrackerSection = TRACKERS.union()
    TransformSection = TRANSFORMS.union()

Data = DataOptions | BoxData | TextData | SpeechData
PARTIAL = "Partial"
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
Name = Annotated[
    str, Field(pattern=NAME_PATTERN, max_length=64, description="lower-case letters, digits, '.', '_', '-'")
]


def data_kind(value: Any) -> Literal["images", "boxes", "text", "speech"]:
    """Text has a tokenizer, speech a sample rate, boxes a source that gives them, as written or as it was read."""
    made = {TextData: "text", SpeechData: "speech", BoxData: "boxes", DataOptions: "images"}
    for kind, name in made.items():
        if isinstance(value, kind):
            return cast("Any", name)
    written = as_mapping(value)
    if "tokenizer" in written:
        return "text"
    if "sample_rate" in written:
        return "speech"
    return "boxes" if as_mapping(written.get("source")).get("kind") in [*BOX_SOURCES] else "images"


BRANCHES = {"images": "DataOptions", "boxes": "BoxData", "text": "TextData", "speech": "SpeechData"}  # data_kind → $def
DataSection = Annotated[
    Annotated[DataOptions, Tag("images")]
    | Annotated[BoxData, Tag("boxes")]
    | Annotated[TextData, Tag("text")]
    | Annotated[SpeechData, Tag("speech")],
    Discriminator(data_kind),
    Field(json_schema_extra={"branches": {name: f"#/$defs/{kind}" for name, kind in BRANCHES.items()}}),
]


class Pretrain(Strict):
    """Train a model from its initialisation, or take one that brings its weights."""

    kind: Literal["pretrain"] = "pretrain"
    data: DataSection | None = Field(default=None, description="Data of this stage's own; None: the recipe's.")
    model: ModelSection
    init: InitSection = Field(default={"kind": "default"}, validate_default=True)  # of the union's own class
    objective: ObjectiveSection = Field(default={"kind": "cross_entropy"}, validate_default=True)
    augment: list[TransformSection] = Field(default=[])
    fit: FitOptions | None = Field(description="Null takes the model as it is, with the weights that it brings.")


class Adapt(Strict):
    """Train a finished model for the data's labels (or text), by one method or by several that are compared.

    Every method starts from the same checkpoint with the same new head, sees the same samples in the same order for
    as many steps, and may try the same learning rates. The best by validation is what the stage leaves.
    """

    kind: Literal["adapt"] = "adapt"
    parent: str | None = Field(default=None, description="The stage whose model is adapted; None: the last model.")
    data: DataSection | None = Field(default=None, description="Data of this stage's own; None: the recipe's.")
    methods: Annotated[list[MethodSection], Field(min_length=1)] = Field(
        default=[{"kind": "full"}], validate_default=True
    )
    seeds: list[NaturalInt] = Field(default=[], description="One training of each method a seed; empty: the recipe's.")
    rates: list[PositiveFloat] = Field(
        default=[], description="Learning rates that every method tries with the first seed; empty: that of 'fit'."
    )
    trial: Fraction = Field(default=0.3, description="Share of the steps for which a learning rate is tried.")
    objective: ObjectiveSection = Field(default={"kind": "cross_entropy"}, validate_default=True)
    augment: list[TransformSection] = Field(default=[])
    learns_from: Literal["train", "validation"] = Field(
        default="train", description="'validation': samples that no earlier stage was trained on; none validate then."
    )
    fit: FitOptions


class Compress(Strict):
    """Make a finished model smaller and faster, and prove that it still is the same model.

    In this order, each part where it is asked for: prune (or build the student ``model``), train what is left,
    distilling from a teacher, quantize, export, and choose how to run it.
    """

    kind: Literal["compress"] = "compress"
    parent: str | None = Field(default=None, description="The stage whose model is compressed; None: the last model.")
    teacher: str | None = Field(default=None, description="The stage that is distilled from; None: the parent.")
    model: ModelSection | None = Field(default=None, description="A student of its own; None: the parent's network.")
    init: InitSection = Field(default={"kind": "default"}, validate_default=True)
    prune: PrunerSection | None = None
    measured: Measured = Measured()
    distil: DistillerSection | None = None
    objective: ObjectiveSection = Field(default={"kind": "cross_entropy"}, validate_default=True)
    augment: list[TransformSection] = Field(default=[])
    fit: FitOptions | None = Field(default=None, description="Training after pruning, or of the student.")
    recover: Fraction = Field(default=0.25, description="Share of 'fit' after each pruning step but the last.")
    quantize: QuantizerSection | None = None
    deploy: Deploy | None = None
    export: list[Literal["onnx", "openvino", "pt2", "litert"]] = Field(default=[])


class Voice(Strict):
    """Give a model that speaks a vocoder that an earlier stage trained, and prove that it still says the same."""

    kind: Literal["voice"] = "voice"
    parent: str | None = Field(default=None, description="The stage whose model speaks; None: the last model.")
    vocoder: str = Field(description="The stage that trained a WaveNet on mel frames of recordings of one level.")
    temperature: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Below 1, the likely samples are drawn more often than the vocoder expects them."
    )


class Extract(Strict):
    """Keep what a finished model makes of the data, one vector a sample, and fit classical estimators to it.

    The store is found again by the content of model and data: an equal extraction, of any recipe, is not done twice.
    """

    kind: Literal["extract"] = "extract"
    parent: str | None = Field(default=None, description="The stage whose model is read; None: the last model.")
    layer: str | None = Field(default=None, description="The layer whose output is read; None: what the head reads.")
    pool: Literal["first", "last", "mean", "flat"] | None = Field(
        default=None,
        description="One vector of many tokens or places; None: as the model's head does it, else the mean.",
    )
    splits: list[Literal["train", "validation", "test"]] | None = Field(
        default=None, description="Which are read; None: all that the data have."
    )
    batch_tokens: PositiveInt = Field(
        default=16_384, description="Tokens of a batch of text, or samples of one of sound, padding too."
    )
    batch_size: PositiveInt = Field(default=250, description="Images of one batch.")
    precision: Literal["fp32", "bf16"] = "fp32"
    runtime: Literal["eager", "openvino"] = Field(
        default="eager", description="What runs the model; any but 'eager' is proven on samples first."
    )
    downstream: list[EstimatorSection] = Field(
        default=[{"kind": "knn"}, {"kind": "logistic"}, {"kind": "kmeans"}], validate_default=True
    )
    picture: Literal["pca", "umap", "none"] = "pca"


class Waiver(Strict):
    """A clause that is set aside: by whom, why and until when. It never counts as passed."""

    clause: str
    owner: Annotated[str, Field(min_length=3)]
    reason: Annotated[str, Field(min_length=10)]
    expires: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="ISO date, YYYY-MM-DD")]


class SampleSizes(Strict):
    """How much is measured; None takes every sample. ``plan`` says what each choice can decide."""

    test: PositiveInt | None = None
    train: PositiveInt | None = Field(default=5_000, description="Training samples for the generalisation gap.")
    corruptions: PositiveInt | None = Field(default=1_000, description="Test images, each seen 75 times (15 × 5).")
    replay: PositiveInt = Field(default=256, description="Fixed inputs replayed through a freshly restored model.")
    spoken_s: PositiveFloat = Field(default=1.0, description="Seconds of each sound that a model of sound makes.")
    latency_runs: Annotated[int, Field(ge=299)] = Field(default=1_000, description="p99 at 95 % needs at least 299.")


class Outliers(OutlierOptions):
    """As ``OutlierOptions``, with images of another data set."""

    source: SourceSection | None = Field(default=None, description="Images of another data set, resized to the data's.")


class Audit(Strict):
    """Measure a finished model against a profile of the standard."""

    kind: Literal["audit"] = "audit"
    subject: str | None = Field(default=None, description="The stage whose model is audited; None: the last model.")
    profile: str = Field(default="demo", description="A shipped profile or a YAML file of the same schema.")
    declare: dict[str, float | dict[str, float]] = Field(
        default={}, description="Thresholds by clause, e.g. {GEN-1: 0.9}; by criterion where a clause has several."
    )
    waive: list[Waiver] = Field(default=[])
    beside: list[str] = Field(
        default=[],
        description="Who answers the same test samples and stands beside it in the report: earlier stages, 'tfidf', or "
        "'group_thresholds', the same model with a threshold of each group's own.",
    )
    samples: SampleSizes = SampleSizes()
    fairness: FairnessOptions = FairnessOptions()
    privacy: PrivacyOptions = PrivacyOptions()
    safety: SafetyOptions | None = Field(default=None, description="Requests to a language model (SAF-1 to SAF-5).")
    harmful: str | None = Field(
        default=None, description="The class of texts that the model is to keep back; it is judged as a filter (SAF-4)."
    )
    attack: Attack | None = Field(default=None, description="An attack within a declared radius (ROB-3, ROB-4).")
    reword: Reword | None = Field(default=None, description="As 'attack', of words of a text (ROB-3, ROB-4).")
    shift: Shift | None = Field(default=None, description="Groups that the model is trained again without (ROB-2).")
    ood: Outliers | None = Field(default=None, description="Foreign images, to be told from the data's own (ROB-5).")
    sequential: bool = Field(
        default=False,
        description="Samples in random order, until the clause is decided (ROB-1, ROB-3); bounds are wider.",
    )
    batch_size: PositiveInt = 250
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="The arithmetic in which it is judged.")
    beam: PositiveInt = Field(default=1, description="Texts that are kept while speech is written down; 1: greedy.")
    spoken: SpokenAudit = Field(default=SpokenAudit(), description="How a model that speaks is judged.")
    channels_last: bool = False
    explain: Explain | None = Field(
        default=None, description="Explain test samples; None: INT-1 to INT-5 are not shown."
    )


class Report(Strict):
    """Write the report and sign the evidence."""

    kind: Literal["report"] = "report"
    audit: str | None = Field(default=None, description="The audit stage that is reported; None: the last one.")
    language: Literal["en", "zh"] = Field(default="en", description="The language in which the page opens.")


LEAVES_MODEL = ("pretrain", "adapt", "compress", "voice")  # kinds of stages
StageSection = Annotated[Pretrain | Adapt | Compress | Voice | Extract | Audit | Report, Field(discriminator="kind")]


class Recipe(Strict):
    """A whole run: data, then the stages in their order, each starting from what an earlier one made."""

    schema_version: Literal[1]
    name: Name
    task: Literal[
        "image_classification",
        "detection",
        "text_classification",
        "text_regression",
        "language_modelling",
        "speech_classification",
        "speech_recognition",
        "audio_modelling",
        "speech_synthesis",
    ]
    seed: NaturalInt = 0
    data: DataSection
    stages: dict[Name, StageSection]
    tracking: list[TrackerSection] = Field(default=[])
