"""How far quality survives a change of the input. Here: the common corruptions, and how much accuracy they leave.

``FAMILIES`` names the fifteen in their four families, without torch, for tables and reports; the images are changed in
``corruptions`` (with one module a family) and judged in ``retention``. Attacks and domain shift will live beside them.
"""

FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
SEVERITIES = (1, 2, 3, 4, 5)
