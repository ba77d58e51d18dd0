"""What a recipe may say under ``explain.method``: the table, and nothing that imports torch.

A method is given the model's differentiable twin (``Subject``), the inputs, the classes to explain and the inputs that
stand for "nothing there"; it answers one number a pixel (N×H×W) or a token (N×T), greater where more speaks for the
class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from basestone.core.registry import PositiveInt, Registry

if TYPE_CHECKING:
    from basestone.measures.explanation.attribution import Explainer


def integrated_gradients(*, steps: PositiveInt = 20) -> Explainer:
    """Gradients along the way from nothing to the input, times the difference (Sundararajan et al. 2017).

    Of images from the data's mean colour, of text from the embedding of padding. ``steps``: points on the way.
    """
    from basestone.measures.explanation.attribution import IntegratedGradients

    return IntegratedGradients(steps)


def grad_cam(*, layer: str | None = None) -> Explainer:
    """Feature maps weighted by their mean gradients (Selvaraju et al. 2017), for images.

    ``layer``: whose maps; None: the last one that still has places.
    """
    from basestone.measures.explanation.attribution import GradCam

    return GradCam(layer)


def occlusion(*, window: PositiveInt | None = None) -> Explainer:
    """What the class loses when a window of the image or sound, or a token, is covered (Zeiler & Fergus 2014).

    ``window``: side in pixels, or samples; None: a quarter of the image's shorter side, a sixteenth of a recording.
    """
    from basestone.measures.explanation.attribution import Occlusion

    return Occlusion(window)


def edges() -> Explainer:
    """The null method: an edge detector (Sobel), which never looks at the model (Adebayo et al. 2018).

    For comparison and for the standard's self-test: a check of explanations that it passes is worth nothing.
    """
    from basestone.measures.explanation.attribution import Edges

    return Edges()


EXPLAINERS: Registry[Explainer] = Registry(
    "explainer",
    {
        "integrated_gradients": integrated_gradients,
        "grad_cam": grad_cam,
        "occlusion": occlusion,
        "edges": edges,
    },
)
