"""Features in two dimensions, to be looked at."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import MissingExtra

Projection = Literal["pca", "umap"]


def project(
    kind: Projection, train: NDArray[np.float32], shown: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """``shown`` as N×2 places by what ``train`` says, and facts about the projection.

    ``pca``: the two directions in which ``train`` varies most, with the share of its variance that each holds; the
    sign makes each direction's largest entry positive. ``umap`` (McInnes et al. 2018, arXiv:1802.03426): near samples
    near one another, distances between groups meaningless; needs the extra ``umap``.
    """
    return _pca(train, shown) if kind == "pca" else _umap(train, shown, seed)


def _pca(train: NDArray[np.float32], shown: NDArray[np.float32]) -> tuple[NDArray[np.float64], dict[str, Any]]:
    from sklearn.decomposition import PCA

    wanted = min(2, *train.shape)
    fitted = PCA(wanted, svd_solver="covariance_eigh" if train.shape[1] <= 2_000 else "auto", random_state=0).fit(train)
    rows = np.asarray(fitted.components_)
    signs = np.sign(rows[np.arange(wanted), np.abs(rows).argmax(1)])
    places = np.zeros((len(shown), 2))
    places[:, :wanted] = fitted.transform(shown) * signs
    return places, {"explained": fitted.explained_variance_ratio_.astype(float).tolist()}


def _umap(
    train: NDArray[np.float32], shown: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses TensorFlow, and says that a seed costs it its threads
        try:
            from umap import UMAP  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise MissingExtra("umap-learn", "umap") from error
        fitted = UMAP(n_components=2, random_state=seed % 2**32, n_jobs=1).fit(train)
        return np.asarray(fitted.transform(shown), np.float64), {}
