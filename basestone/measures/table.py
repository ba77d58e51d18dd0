"""Every measure by name, and the one way to take it: a failed measurement is never a number."""

from __future__ import annotations

import math
from collections.abc import Callable

from basestone.core.errors import UsageError, did_you_mean
from basestone.core.evidence import Measurement, NotAsked, NotMeasured, Records, RecordsMissing
from basestone.measures import (
    accuracy,
    bits,
    calibration,
    drills,
    efficiency,
    finding,
    groups,
    integrity,
    leakage,
    non_inferiority,
    quantities,
    reviews,
    seeds,
    selective,
    speaking,
    transcripts,
)
from basestone.measures.explanation import axioms, dependence, faithfulness, fidelity
from basestone.measures.fairness import swaps
from basestone.measures.privacy import canaries, exposure, membership, verbatim
from basestone.measures.privacy.personal import corpus, outputs
from basestone.measures.robustness import outliers, retention, shift
from basestone.measures.robustness.attacks import measured as attacks
from basestone.measures.safety import filtering
from basestone.measures.safety import measured as safety

MEASURES: dict[str, Callable[[Records], Measurement]] = {
    "accuracy": accuracy.accuracy,
    "accuracy_over_baseline": accuracy.accuracy_over_baseline,
    "accuracy_gap": accuracy.accuracy_gap,
    "group_accuracy_gap": groups.group_accuracy_gap,
    "group_tpr_gap": groups.group_tpr_gap,
    "group_fpr_gap": groups.group_fpr_gap,
    "group_selection_ratio": groups.group_selection_ratio,
    "identity_flip_rate": swaps.identity_flip_rate,
    "selective_risk_ratio": selective.selective_risk_ratio,
    "calibration_error": calibration.calibration_error,
    "word_error_rate": transcripts.word_error_rate,
    "character_error_rate": transcripts.character_error_rate,
    "recognised": speaking.recognised,
    "bits_per_byte": bits.bits_per_byte,
    "bits_under_baseline": bits.bits_under_baseline,
    "bits_gap": bits.bits_gap,
    "r_squared": quantities.r_squared,
    "r_squared_gap": quantities.r_squared_gap,
    "bits_per_sample": bits.bits_per_sample,
    "bits_under_histogram": bits.bits_under_histogram,
    "sample_bits_gap": bits.sample_bits_gap,
    "seed_range": seeds.seed_range,
    "quality_retention": non_inferiority.quality_retention,
    "map50_95": finding.map50_95,
    "map50": finding.map50,
    "map_gap": finding.map_gap,
    "map_retention_mean": finding.map_retention_mean,
    "map_retention_worst": finding.map_retention_worst,
    "leakage_rate": leakage.leakage_rate,
    "corruption_retention_mean": retention.corruption_retention_mean,
    "corruption_retention_worst": retention.corruption_retention_worst,
    "membership_tpr": membership.membership_tpr,
    "dp_epsilon": canaries.dp_epsilon,
    "dp_delta": canaries.dp_delta,
    "dp_canaries": canaries.dp_canaries,
    "verbatim_rate": verbatim.verbatim_rate,
    "refusal_rate": safety.refusal_rate,
    "over_refusal_rate": safety.over_refusal_rate,
    "qualified_rate": safety.qualified_rate,
    "unqualified_ratio": safety.unqualified_ratio,
    "filter_recall": filtering.filter_recall,
    "filter_parity": filtering.filter_parity,
    "judge_refusals_found": safety.judge_refusals_found,
    "judge_answers_spared": safety.judge_answers_spared,
    "judge_unqualified_found": safety.judge_unqualified_found,
    "judge_qualified_spared": safety.judge_qualified_spared,
    "canary_exposure": exposure.canary_exposure,
    "personal_outputs": outputs.personal_outputs,
    "corpus_fitness": corpus.corpus_fitness,
    "corpus_worst_source": corpus.corpus_worst_source,
    "reviewers": reviews.reviewers,
    "review_agreement": reviews.review_agreement,
    "adversarial_retention": attacks.adversarial_retention,
    "unseen_group_retention": shift.unseen_group_retention,
    "outlier_auroc": outliers.outlier_auroc,
    "attack_validity": attacks.attack_validity,
    "latency_p99": efficiency.latency_p99,
    "real_time_factor": efficiency.real_time_factor,
    "synthesis_real_time_factor": efficiency.synthesis_real_time_factor,
    "training_flops_error": efficiency.training_flops_error,
    "training_record_complete": efficiency.training_record_complete,
    "inference_flops": efficiency.inference_flops,
    "inference_memory": efficiency.inference_memory,
    "inference_energy": efficiency.inference_energy,
    "relevance_gain": faithfulness.relevance_gain,
    "interventional_effect": faithfulness.interventional_effect,
    "randomisation_similarity": dependence.randomisation_similarity,
    "rule_fidelity": fidelity.rule_fidelity,
    "shapley_residual": axioms.shapley_residual,
    "shapley_error": axioms.shapley_error,
    "safe_files": integrity.safe_files,
    "signed_files": integrity.signed_files,
    "replay_agreement": integrity.replay_agreement,
    "stop_share": drills.stop_share,
    "override_share": drills.override_share,
    "handover_share": drills.handover_share,
    "path_replay": drills.path_replay,
    "log_intact": drills.log_intact,
    "tampering_found": drills.tampering_found,
    "load_p99": drills.load_p99,
    "load_errors": drills.load_errors,
    "overload_share": drills.overload_share,
}


def measure(name: str, records: Records) -> Measurement | NotMeasured:
    """Takes one measure from the records of an audit.

    ``NotMeasured`` with the reason when records are missing or cannot be what they claim, and when the value or a bound
    is not finite. UsageError when there is no such measure.
    """
    if name not in MEASURES:
        raise UsageError(f"There is no measure '{name}'.{did_you_mean(name, MEASURES)}")
    try:
        found = MEASURES[name](records)
    except RecordsMissing as error:
        return NotMeasured(measure=name, reason=str(error), asked=not isinstance(error, NotAsked))
    except KeyError as error:
        return NotMeasured(measure=name, reason=f"the records must have the column or field {error} and have none")
    except (TypeError, ValueError) as error:
        return NotMeasured(measure=name, reason=f"the records cannot be measured: {error}")
    if not all(map(math.isfinite, (found.value, found.interval.lower, found.interval.upper))):
        return NotMeasured(
            measure=name,
            reason=f"the result must be finite; got {found.value} in {found.interval.lower} to {found.interval.upper}",
        )
    return found
