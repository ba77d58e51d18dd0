"""What needs no deep network: the classifier that a text model has to stand beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FOLDS = 3
STRENGTHS = (3.0, 30.0)  # inverse regularisation


def tfidf_logistic(
    train: Sequence[str], labels: NDArray[np.int64], test: Sequence[str], *, seed: int
) -> NDArray[np.int64]:
    """The classes of ``test`` by logistic regression on TF-IDF (Spärck Jones 1972) of words or of letters.

    Words one and two at a time, or one to three letters, for scripts that write no spaces; which of them and how much
    regularisation, cross-validation on the training texts says.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import Pipeline

    parts = [("tfidf", TfidfVectorizer(sublinear_tf=True)), ("logistic", LogisticRegression(max_iter=1_000))]
    grid = [
        {"tfidf__analyzer": ["word"], "tfidf__ngram_range": [(1, 2)], "logistic__C": STRENGTHS},
        {"tfidf__analyzer": ["char"], "tfidf__ngram_range": [(1, 3)], "logistic__C": STRENGTHS},
    ]
    folds = StratifiedKFold(min(FOLDS, int(np.bincount(labels).min())), shuffle=True, random_state=seed % 2**32)
    search = GridSearchCV(Pipeline(parts), grid, cv=folds)
    return np.asarray(search.fit(list(train), labels).predict(list(test)), np.int64)
