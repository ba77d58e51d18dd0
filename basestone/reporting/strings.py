"""Every word of the report that is not the user's, in English and in Chinese.

A ``Text`` carries both languages, so that a page can switch between them without a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from basestone.reporting.chart_strings import CHARTS
from basestone.reporting.sample_strings import SAMPLES

Language = Literal["en", "zh"]
Text = Mapping[str, str]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

# key: (English, Chinese); {names} are filled in by ``say``
TEXTS: dict[str, tuple[str, str]] = (
    {
        # the verdict
        "outcome_met": ("The standard is met", "符合标准"),
        "outcome_not_met": ("The standard is not met", "不符合标准"),
        "reason_met": ("All {n} binding clauses passed.", "全部 {n} 项约束性条款均已通过。"),
        "reason_met_waived": (
            "{n} binding clauses passed; {waived} waived.",
            "{n} 项约束性条款已通过；{waived} 项已豁免。",
        ),
        "reason_not_met": (
            "{open} of {n} binding clauses did not pass ({which}).",
            "{n} 项约束性条款中有 {open} 项未通过（{which}）。",
        ),
        "reason_nothing": ("No clause was judged.", "没有任何条款得到判定。"),
        "verdict_pass": ("pass", "通过"),
        "verdict_fail": ("fail", "不通过"),
        "verdict_inconclusive": ("inconclusive", "未决"),
        "verdict_not_applicable": ("not applicable", "不适用"),
        "verdict_error": ("error", "出错"),
        "verdict_waived": ("waived", "豁免"),
        "standard": ("Standard", "标准"),
        "profile": ("Profile", "配置"),
        "subject": ("Model", "模型"),
        "digest": ("SHA-256", "SHA-256"),
        # frame
        "report": ("Report", "报告"),
        "title": ("{name}: report", "{name}：报告"),
        "skip": ("Skip to the clauses", "跳到条款"),
        "language": ("Language", "语言"),
        "summary": ("Verdict", "结论"),
        "made_by": ("Made by Basestone {version}", "由 Basestone {version} 生成"),
        # clauses
        "clauses": ("Clauses", "条款"),
        "clauses_lead": (
            "A clause passes only when its whole interval lies on the right side of the threshold, never on the "
            "point value.",
            "只有当整个置信区间都位于阈值的合格一侧时，条款才算通过；点估计值从不作为依据。",
        ),
        "clause": ("Clause", "条款"),
        "criterion": ("Criterion", "准则"),
        "verdict": ("Verdict", "判定"),
        "value": ("Value", "数值"),
        "interval": ("Interval", "区间"),
        "interval_of": ("{confidence} bounds, each side", "单侧 {confidence} 界限"),
        "threshold": ("Threshold", "阈值"),
        "at_least": ("≥ {t}", "≥ {t}"),
        "at_most": ("≤ {t}", "≤ {t}"),
        "more_than": ("> {t}", "> {t}"),
        "less_than": ("< {t}", "< {t}"),
        "n": ("n", "n"),
        "samples": ("Samples (n)", "样本数 (n)"),
        "basis": ("Basis", "依据"),
        "basis_normative": ("norm", "规范"),
        "basis_convention": ("convention", "惯例"),
        "basis_declared": ("declared", "声明"),
        "basis_unknown": ("not stated", "未说明"),
        "method": ("Method", "方法"),
        "measure": ("Measure", "度量"),
        "reason": ("Reason", "理由"),
        "details": ("Text, basis and evidence of {clause}", "{clause} 的条文、依据与证据"),
        "not_binding": ("not binding", "非约束性"),
        "references": ("References", "参考文献"),
        "evidence": ("Evidence", "证据"),
        "needed": ("What would decide", "何以决断"),
        "needed_n": ("about n = {n} samples, if the value stays {value}", "若数值保持 {value}，约需 n = {n} 个样本"),
        "waiver": ("Waived by {owner} until {expires}: {reason}", "由 {owner} 豁免至 {expires}：{reason}"),
        "not_measured": ("not measured", "未测得"),
        "bar_alt": (
            "value {value}, bounds {lower} to {upper}, threshold {threshold}",
            "数值 {value}，界限 {lower} 至 {upper}，阈值 {threshold}",
        ),
        # facts
        "dataset": ("Data", "数据"),
        "training": ("Model and training", "模型与训练"),
        "cost": ("Cost", "成本"),
        "environment": ("Environment", "环境"),
        "forecast": ("The plan's forecast, scored", "计划预测与实际对照"),
        "per_class": ("Samples per class", "各类别样本数"),
        "name": ("Name", "名称"),
        "source": ("Source", "来源"),
        "copies": ("Copies between splits", "划分间的重复样本"),
        "copies_found": (
            "{checked} test samples checked: {exact} exact and {near} near copies",
            "检查测试样本 {checked} 个：完全重复 {exact} 个，近似重复 {near} 个",
        ),
        "tokenizer": ("Tokenizer, vocabulary", "分词器与词表大小"),
        "max_length": ("Tokens at once", "单次词元数"),
        "tokens_bytes": ("Tokens / bytes", "词元数 / 字节数"),
        "image_size": ("Image size", "图像尺寸"),
        "sample_rate": ("Sample rate", "采样率"),
        "recorded": ("Recorded", "录音时长"),
        "recorded_of": ("{split} {length}, {cut} cut", "{split} {length}，截断 {cut} 条"),
        "num_classes": ("Classes", "类别数"),
        "content_digest": ("Content (SHA-256)", "内容 (SHA-256)"),
        "split_train": ("train", "训练"),
        "split_validation": ("validation", "验证"),
        "split_test": ("test", "测试"),
        "split_total": ("total", "合计"),
        "task": ("Task", "任务"),
        "model": ("Model", "模型"),
        "optimizer": ("Optimizer", "优化器"),
        "schedule": ("Schedule", "学习率计划"),
        "precision": ("Precision", "精度"),
        "batch_size": ("Batch size", "批大小"),
        "absent": ("Not applicable: {clauses}", "不适用：{clauses}"),
        "absent_count": (
            "{count} clauses do not apply to this model, its data or this audit",
            "{count} 个条款不适用于该模型、其数据或本次审计",
        ),
        "augment": ("Augmentation", "数据增强"),
        "vocoder": ("Vocoder", "声码器"),
        "seed": ("Seed", "随机种子"),
        "steps": ("Steps", "步数"),
        "samples_seen": ("Samples seen", "所见样本数"),
        "stopped_early": ("Stopped early", "提前停止"),
        "yes": ("yes", "是"),
        "no": ("no", "否"),
        "none": ("none", "无"),
        "train_flops": ("Training compute", "训练算力"),
        "train_time": ("Training time", "训练时长"),
        "train_energy": ("Training energy", "训练能耗"),
        "train_memory": ("Training peak memory", "训练峰值内存"),
        "infer_flops": ("Compute per sample", "单样本算力"),
        "infer_memory": ("Inference peak memory", "推理峰值内存"),
        "infer_energy": ("Energy per sample", "单样本能耗"),
        "software": ("Software", "软件"),
        "machine": ("Machine", "机器"),
        "libraries": ("Libraries", "程序库"),
        "memory": ("Memory", "内存"),
        "cores": ("Cores", "核心数"),
        "forecast_of": ("Quantity", "项目"),
        "forecast_said": ("Forecast", "预测"),
        "forecast_came": ("Came out", "实际"),
        "forecast_held": ("Held", "是否相符"),
        # verify
        "verify": ("Verify it yourself", "自行验证"),
        "verify_lead": (
            "This recomputes every verdict from the per-sample records, and checks each file against the signed "
            "attestation. It needs neither the model nor the data.",
            "该命令由逐样本记录重新计算每项判定，并将每个文件与签名的证明逐一核对；既不需要模型，也不需要数据。",
        ),
        "verify_key": (
            "Get the signer's public key from somewhere you trust, not from this folder.",
            "请从可信渠道获取签名者的公钥，而不要取自本文件夹。",
        ),
        "verify_files": ("Signed files of this report", "本报告的签名文件"),
        # model card
        "card_profile": ("Profile {profile} of the standard {standard}.", "依据标准 {standard} 的配置 {profile}。"),
        "card_use": ("Intended use", "预期用途"),
        "card_use_text": (
            "Not declared. Whoever ships this model must say here what it is for, and for whom.",
            "尚未声明。发布者须在此说明该模型的用途与适用对象。",
        ),
        "card_limits": ("Limits", "局限"),
        "card_limits_text": (
            "The figures hold for data like the test split and for the machine named below; nothing is shown "
            "beyond them. Not shown, or failed:",
            "上述数值仅适用于与测试集同分布的数据及所列机器，除此之外未作任何证明。未证明或未通过的项目：",
        ),
        # terminal
        "table_title": ("{standard} · profile {profile}", "{standard} · 配置 {profile}"),
    }
    | SAMPLES
    | CHARTS
)

# the 15 common corruptions (Hendrycks & Dietterich 2019) and the 12 of recordings; other names are shown as they are
CORRUPTIONS: dict[str, tuple[str, str]] = {
    "gaussian_noise": ("Gaussian noise", "高斯噪声"),
    "shot_noise": ("shot noise", "散粒噪声"),
    "impulse_noise": ("impulse noise", "脉冲噪声"),
    "defocus_blur": ("defocus blur", "失焦模糊"),
    "glass_blur": ("glass blur", "毛玻璃模糊"),
    "motion_blur": ("motion blur", "运动模糊"),
    "zoom_blur": ("zoom blur", "变焦模糊"),
    "snow": ("snow", "雪"),
    "frost": ("frost", "霜"),
    "fog": ("fog", "雾"),
    "brightness": ("brightness", "亮度"),
    "contrast": ("contrast", "对比度"),
    "elastic_transform": ("elastic transform", "弹性变形"),
    "pixelate": ("pixelation", "像素化"),
    "jpeg_compression": ("JPEG compression", "JPEG 压缩"),
    "white_noise": ("white noise", "白噪声"),
    "pink_noise": ("pink noise", "粉红噪声"),
    "speech_shaped_noise": ("speech-shaped noise", "语谱噪声"),
    "mains_hum": ("mains hum", "工频嗡声"),
    "low_pass": ("low pass", "低通"),
    "reverberation": ("reverberation", "混响"),
    "coarse_samples": ("coarse samples", "粗量化"),
    "quiet": ("quiet", "低音量"),
    "clipping": ("clipping", "削波"),
    "faster": ("faster", "加快"),
    "slower": ("slower", "放慢"),
    "lost_packets": ("lost packets", "丢包"),
}

FAMILIES: dict[str, tuple[str, str]] = {
    "noise": ("noise", "噪声"),
    "blur": ("blur", "模糊"),
    "weather": ("weather", "天气"),
    "digital": ("digital", "数字处理"),
    "channel": ("channel", "信道"),
    "level": ("level", "电平"),
    "time": ("time", "时间"),
}


def say(key: str, **values: Any) -> Text:
    """A text of the catalogue in both languages; a value that is itself a ``Text`` goes in by language."""
    return {
        language: TEXTS[key][place].format(**{name: _in(value, language) for name, value in values.items()})
        for place, language in enumerate(LANGUAGES)
    }


def both(value: Any) -> Text:
    """What another room or the user wrote: ``{en, zh}`` as it is, anything else the same in both languages."""
    if isinstance(value, Mapping) and set(LANGUAGES) <= set(value):
        return {language: str(value[language]) for language in LANGUAGES}
    return dict.fromkeys(LANGUAGES, "" if value is None else str(value))


def corruption_name(name: str, language: Language) -> str:
    """A corruption's name for readers."""
    known = CORRUPTIONS.get(name)
    return known[LANGUAGES.index(language)] if known else name.replace("_", " ")


def family_name(name: str, language: Language) -> str:
    """A family of corruptions, for readers."""
    known = FAMILIES.get(name)
    return known[LANGUAGES.index(language)] if known else name


def join(texts: list[Text], separator: tuple[str, str]) -> Text:
    """Several texts in one, with the separator of each language."""
    return {
        language: separator[place].join(text[language] for text in texts) for place, language in enumerate(LANGUAGES)
    }


def _in(value: Any, language: Language) -> Any:
    return value[language] if isinstance(value, Mapping) and language in value else value
