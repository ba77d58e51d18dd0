"""Every word of the report that is not the user's, in English and in Chinese.

A ``Text`` carries both languages, so that a page can switch between them without a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from basestone.reporting.chart_strings import CHARTS

Language = Literal["en", "zh"]
Text = Mapping[str, str]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

# key: (English, Chinese); {names} are filled in by ``say``
TEXTS: dict[str, tuple[str, str]] = {
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
    # samples
    "examples": ("Samples and predictions", "样本与预测"),
    "wrong": ("Wrong", "错误"),
    "correct": ("Correct", "正确"),
    "explanations": ("Why it answers so", "回答的理由"),
    "explanations_note": (
        "Orange speaks for the answer, blue against it, by the method that the recipe names. Beside it, if computed, "
        "Shapley values of patches (row, column) or of groups of words, as probability, with one standard error.",
        "橙色支持该回答，蓝色反对，方法由配方指定。旁为（如已计算）图像小块（行、列）或词组的 Shapley 值，"
        "以概率为单位，并附一个标准误。",
    ),
    "explained_alt": ("{row}: what speaks for {answer}", "{row}：支持 {answer} 的部分"),
    "shapley_alt": ("Shapley values of {row}", "{row} 的 Shapley 值"),
    "answer": ("answer", "回答"),
    "decision_path": ("Path through the rules", "规则路径"),
    "parts": ("Parts that decide alone", "单独决定结果的部分"),
    "parts_note": (
        "A part of a training image was exchanged for that of one of another class: how often the answer went with "
        "it. A shortcut if the lower bound, which holds for all parts at once, is above 25 %.",
        "将训练图像的某一部分换成另一类图像的相应部分，统计回答随之改变的频率。"
        "下界（对全部部分同时成立）高于 25% 即为捷径。",
    ),
    "part": ("Part", "部分"),
    "part_share": ("Answers that went with it", "随之改变的回答"),
    "is_shortcut": ("Shortcut", "捷径"),
    "rule_set": ("The model's decisions as rules", "以规则表示模型决策"),
    "rule_set_note": (
        "Fitted to the model's own answers on training samples; on {n} held-out samples they answer as it does in "
        "{share} (95 % lower bound {lower}).",
        "以模型自身对训练样本的回答拟合；在 {n} 个留出样本上，与模型回答一致的比例为 {share}（95% 下界 {lower}）。",
    ),
    "scenes": ("Photographs and what was found in them", "照片与检测结果"),
    "scenes_note": (
        "At an overlap of 0.5, with answers from the score on at which precision and recall balance best; most faults "
        "first, and some photographs without any.",
        "重叠度 0.5；仅计入得分不低于精确率与召回率最佳平衡点的结果。错误最多者在前，另附若干无误的照片。",
    ),
    "scene_counts": (
        "{n_right} right, {n_missed} missed, {n_false} false, {n_placed} badly placed, {n_class} of the wrong class",
        "正确 {n_right}，漏检 {n_missed}，误检 {n_false}，定位不准 {n_placed}，类别错误 {n_class}",
    ),
    "mark_right": ("right", "正确"),
    "mark_missed": ("missed object", "漏检的目标"),
    "mark_false": ("answer of nothing, or a second one", "误检或重复检出"),
    "mark_placed": ("badly placed answer", "定位不准"),
    "mark_class": ("wrong class", "类别错误"),
    "boxes_of_data": ("Boxes", "目标框"),
    "boxes_counted": (
        "{total}: {clipped} cut off at the border, {dropped} left out as empty, {ignored} ignored; {background} "
        "photographs without any",
        "{total}：{clipped} 个在边界处裁切，{dropped} 个因面积为零而略去，{ignored} 个忽略；{background} 张照片无目标",
    ),
    "utterances": ("What the model says", "模型合成的语音"),
    "utterances_note": (
        "Each text spoken freely, beside the recording of the same text in the same manner: mel bands upwards, time to "
        "the right. Attention: characters from the first at the top to the end, steps to the right; a falling line "
        "reads the text in order. What was heard is the recogniser's answer.",
        "逐条自由合成，并列给出同一文本、同一方式的真实录音：纵轴为梅尔频带，横轴为时间。注意力图自上而下为首字符至结束符，"
        "横轴为步；自左上至右下的线表示按顺序读出文本。“听到”为识别器的判断。",
    ),
    "utterance_said": ("synthesised", "合成"),
    "utterance_real": ("recorded", "录音"),
    "utterance_attention": ("attention", "注意力"),
    "heard_as": ("heard:", "听到："),
    "generated": ("What the model writes", "模型生成的文本"),
    "generated_note": (
        "Continuations of the beginning of the test text (grey), by the likeliest token and drawn.",
        "测试文本开头（灰色）的续写：取最可能的词元，以及随机抽样。",
    ),
    "sample_withheld": ("Not shown: the data are declared sensitive.", "未显示：数据被声明为敏感数据。"),
    "examples_wrong": ("Wrong, most confident first", "预测错误（按置信度降序）"),
    "examples_correct": ("Correct, most doubtful first", "预测正确（按置信度升序）"),
    "label": ("label", "标签"),
    "prediction": ("prediction", "预测"),
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
    "augment": ("Augmentation", "数据增强"),
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
} | CHARTS

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
