"""What a recipe may say under ``downstream`` of an extraction: the table, and nothing that imports scikit-learn.

Where an option is a list, each of its values is a candidate, and validation data choose (``downstream.choose``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Len

from basestone.core.registry import PositiveFloat, PositiveInt, Registry

Counts = Annotated[list[PositiveInt], Len(min_length=1)]
Amounts = Annotated[list[PositiveFloat], Len(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of estimator with its candidates.

    ``make``: one candidate's options to an unfitted scikit-learn estimator. ``standardise``: features are first brought
    to mean 0 and deviation 1 of the training split. ``clusters``: it groups features without seeing a label.
    """

    make: Callable[..., Any]
    candidates: tuple[dict[str, Any], ...]
    standardise: bool = True
    clusters: bool = False


def knn(
    seed: int,
    num_classes: int,
    *,
    neighbours: Counts = [1, 5, 15],  # noqa: B006  the schema copies it, and nothing here changes it
    metric: Literal["cosine", "euclidean"] = "cosine",
) -> Family:
    """The votes of the nearest training samples."""

    def make(neighbours: int) -> Any:
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(neighbours, metric=metric)

    return Family(make=make, candidates=_each("neighbours", neighbours), standardise=metric == "euclidean")


def logistic(seed: int, num_classes: int, *, strengths: Amounts = [0.01, 0.1, 1.0]) -> Family:  # noqa: B006  as above
    """Logistic regression, the linear probe; ``strengths``: scikit-learn's C, less is more regularised."""

    def make(strength: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=strength, max_iter=1_000)

    return Family(make=make, candidates=_each("strength", strengths))


def ridge(seed: int, num_classes: int, *, penalties: Amounts = [1.0, 100.0]) -> Family:  # noqa: B006  as above
    """Least squares on the classes with a quadratic penalty."""

    def make(penalty: float) -> Any:
        from sklearn.linear_model import RidgeClassifier

        return RidgeClassifier(penalty)

    return Family(make=make, candidates=_each("penalty", penalties))


def svm(
    seed: int,
    num_classes: int,
    *,
    kernel: Literal["rbf", "linear"] = "rbf",
    strengths: Amounts = [1.0, 10.0],  # noqa: B006  as above
) -> Family:
    """A support vector machine; its time grows with the square of the samples."""

    def make(strength: float) -> Any:
        from sklearn.svm import SVC

        return SVC(C=strength, kernel=kernel)

    return Family(make=make, candidates=_each("strength", strengths))


def random_forest(
    seed: int,
    num_classes: int,
    *,
    trees: PositiveInt = 200,
    leaves: Counts = [1, 5],  # noqa: B006  as above
) -> Family:
    """The mean of many trees on resampled data; ``leaves``: samples that a leaf must hold."""

    def make(leaf: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(trees, min_samples_leaf=leaf, random_state=seed)

    return Family(make=make, candidates=_each("leaf", leaves), standardise=False)


def gradient_boosting(
    seed: int,
    num_classes: int,
    *,
    rounds: PositiveInt = 100,
    rates: Amounts = [0.1],  # noqa: B006  as above
) -> Family:
    """Trees that each correct those before (on histograms of the features); ``rates``: how much of each counts."""

    def make(rate: float) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        options: dict[str, Any] = {"early_stopping": False, "random_state": seed}
        return HistGradientBoostingClassifier(learning_rate=rate, max_iter=rounds, **options)

    return Family(make=make, candidates=_each("rate", rates), standardise=False)


def mlp(
    seed: int,
    num_classes: int,
    *,
    widths: Counts = [128],  # noqa: B006  as above
    penalty: PositiveFloat = 1e-3,
    epochs: PositiveInt = 200,
) -> Family:
    """A network with one hidden layer; ``penalty``: quadratic, on its weights."""

    def make(width: int) -> Any:
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier((width,), alpha=penalty, max_iter=epochs, random_state=seed)

    return Family(make=make, candidates=_each("width", widths))


def kmeans(
    seed: int,
    num_classes: int,
    *,
    clusters: Annotated[int, Ge(2)] | None = None,
    starts: PositiveInt = 10,
) -> Family:
    """Groups of like features, found without labels; ``clusters``: how many, None: as many as there are classes."""

    def make(clusters: int) -> Any:
        from sklearn.cluster import KMeans

        options: dict[str, Any] = {"n_init": starts, "random_state": seed}
        return KMeans(clusters, **options)

    return Family(make=make, candidates=({"clusters": clusters or num_classes},), clusters=True)


def _each(name: str, values: list[Any]) -> tuple[dict[str, Any], ...]:
    return tuple({name: value} for value in dict.fromkeys(values))


ESTIMATORS: Registry[Family] = Registry(
    "estimator",
    {
        "knn": knn,
        "logistic": logistic,
        "ridge": ridge,
        "svm": svm,
        "random_forest": random_forest,
        "gradient_boosting": gradient_boosting,
        "mlp": mlp,
        "kmeans": kmeans,
    },
)
