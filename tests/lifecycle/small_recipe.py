"""The digits recipe, cut down so that a whole run takes seconds."""

SMALL = (
    "stages.pretrain.fit.epochs=6",
    "stages.pretrain.fit.ema_decay=null",
    "stages.audit.samples.corruptions=40",
    "stages.audit.samples.latency_runs=299",
)
