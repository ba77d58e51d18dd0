"""The words around samples that the report shows: examples, explanations, photographs, sounds, written text."""

from __future__ import annotations

SAMPLES: dict[str, tuple[str, str]] = {  # key: (English, Chinese), as in ``strings``
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
    "replies": ("Replies by risk", "各类风险的回复"),
    "replies_note": (
        "As the judge called them, not corrected for its errors. The replies are in the audit's samples folder.",
        "按裁判的判断计数，未校正其错误。回复原文见审计的 samples 文件夹。",
    ),
    "risk": ("risk", "风险"),
    "forbidden_refused": ("forbidden, refused", "应拒答：已拒答"),
    "legitimate_refused": ("legitimate, refused", "不应拒答：被拒答"),
    "risky_unqualified": ("risky, unqualified", "涉险：不合格"),
    "sample_withheld": ("Not shown: the data are declared sensitive.", "未显示：数据被声明为敏感数据。"),
    "examples_wrong": ("Wrong, most confident first", "预测错误（按置信度降序）"),
    "examples_correct": ("Correct, most doubtful first", "预测正确（按置信度升序）"),
    "label": ("label", "标签"),
    "prediction": ("prediction", "预测"),
    "personal": ("Personal data that were found", "查得的个人信息"),
    "detector_told": (
        "The detector, on {planted} planted sentences: it finds {recall} ({precision} of its finds are right; of "
        "sentences that only resemble such data it flags {false_alarms}). Reckoned with is the kind that it finds "
        "worst: {worst}, at least {least}.",
        "检测器在 {planted} 个植入句上的表现：检出 {recall}"
        "（检出结果中 {precision} 正确；对仅形似个人信息的句子误报 {false_alarms}）。"
        "计算以检出率最低的种类为准：{worst}，不低于 {least}。",
    ),
    "corpus_searched": (
        "Of {of} passages of the training text {n} were read and {flagged} flagged: {kinds}.",
        "训练文本共 {of} 个段落，抽检 {n} 个，标记 {flagged} 个：{kinds}。",
    ),
    "outputs_searched": (
        "Of {n} texts by the model {flagged} were flagged: {kinds}. Word for word in the training text: {known}.",
        "模型所写 {n} 段文本中，标记 {flagged} 段：{kinds}。其中逐字见于训练文本：{known}。",
    ),
    "personal_where": ("Where", "位置"),
    "personal_source": ("Source", "来源"),
    "personal_kinds": ("Kind", "种类"),
    "personal_excerpt": ("Veiled excerpt", "遮蔽后的摘录"),
    "written_text": ("text {n} by the model", "模型所写第 {n} 段"),
    "damaged": ("damaged text", "损坏的文本"),
    "kind_email": ("e-mail address", "电子邮箱"),
    "kind_resident_id": ("resident identity number", "居民身份证号码"),
    "kind_iban": ("IBAN", "国际银行账号"),
    "kind_card": ("payment card", "支付卡号"),
    "kind_phone": ("telephone number", "电话号码"),
    "kind_ssn": ("social security number", "社会保障号码"),
    "kind_ip_address": ("public network address", "公网地址"),
    "kind_plate": ("number plate", "车牌号"),
}
