"""Every word in and beside the charts of the report, in English and in Chinese; a part of ``strings.TEXTS``."""

from __future__ import annotations

# key: (English, Chinese); {names} are filled in by ``say``
CHARTS: dict[str, tuple[str, str]] = {
    "charts": ("Measurements", "测量结果"),
    "chart_intervals": ("Every criterion against its threshold", "各准则与其阈值"),
    "chart_intervals_note": (
        "Each row has its own scale, turned so that right of the line is better. The bar runs from the lower "
        "to the upper bound.",
        "每行各有标尺，并统一为“线右侧更优”；横条自下界延伸至上界。",
    ),
    "worse": ("worse", "更差"),
    "better": ("better", "更优"),
    "chart_learning": ("Learning curves", "学习曲线"),
    "chart_learning_note": (
        "Each point of the training loss is the mean over the steps since the point before it.",
        "训练损失的每个点为自上一点以来各步的平均值。",
    ),
    "step": ("Step", "训练步"),
    "loss": ("Loss (nats)", "损失 (nat)"),
    "accuracy": ("Accuracy", "准确率"),
    "map50_95": ("Average precision (mAP50–95)", "平均精度均值（mAP50–95）"),
    "r_squared": ("Variance explained (R²)", "解释的方差份额（R²）"),
    "series_train": ("training", "训练"),
    "series_validation": ("validation", "验证"),
    "chart_methods": ("Methods of adaptation", "适配方法"),
    "chart_methods_note": (
        "On the test split: a tick for each of {seeds} seeds, the mean as a point; ★ is shipped, chosen on validation "
        "data. Beside it the trained parameters, the time of one training, and the difference to {first} with its "
        "one-sided 95 % bounds over samples and seeds. Grey is beaten in that and in trained parameters at once.",
        "测试集上：短线为 {seeds} 个种子各自的结果，圆点为均值；★ 为交付版本，依据验证集选定。"
        "旁注训练参数量、单次训练时间，以及与 {first} 的差值及其对样本与种子的单侧 95% 置信界。"
        "灰色表示在该指标与训练参数量上同时被超过。",
    ),
    "beside": ("Beside others", "与其他模型对照"),
    "beside_lead": (
        "The same test samples, answered by others; differences are to the audited model, sample by sample, with "
        "one-sided 95 % bounds.",
        "在同一批测试样本上与其他模型对照；差值相对于被审计模型，逐样本配对，附单侧 95% 置信界。",
    ),
    "beside_difference": ("Difference", "差值"),
    "bits_per_byte": ("Bits per byte", "比特/字节"),
    "parameters": ("Parameters", "参数量"),
    "group_thresholds": ("own threshold for each group", "每个群体各自的阈值"),
    "tfidf": ("TF-IDF and logistic regression", "TF-IDF 与逻辑回归"),
    "chart_transfer": ("A chain of tasks", "任务链"),
    "chart_transfer_note": (
        "Test accuracy of every task after every stage that came later: its own head, unchanged, on the body as that "
        "stage left it. Along the diagonal, each task just after it was trained.",
        "各任务在其后每一阶段之后的测试准确率：任务自身的头保持不变，主干取该阶段结束时的状态。对角线为任务刚训练完时。",
    ),
    "after_stage": ("after stage", "阶段之后"),
    "task_of": ("task of", "任务"),
    "before_of": (
        "{stage}: its parent on the same {n} test samples, and the gain",
        "{stage}：母模型在相同 {n} 个测试样本上的得分及增益",
    ),
    "loss_of": (
        "{stage}: loss on {n} test samples, the parent's and after",
        "{stage}：{n} 个测试样本上的损失，母模型与适配之后",
    ),
    "transfer": ("Transfer and forgetting", "迁移与遗忘"),
    "gain_of": ("{stage}, against training from scratch", "{stage}：相对从零训练"),
    "kept_of": ("{task} after {stage}", "{stage} 之后的 {task}"),
    "trained": ("trained", "个训练参数"),
    "features": ("Features", "特征"),
    "features_lead": (
        "What the model makes of each sample, kept in the stage's store, and what simple estimators make of that: "
        "fitted to the training split, judged on the test split with one-sided 95 % Clopper–Pearson bounds.",
        "模型对每个样本给出的表示，保存于该阶段的特征库；并给出简单估计器在其上的表现：在训练集上拟合，"
        "在测试集上评估，附单侧 95% Clopper–Pearson 置信界。",
    ),
    "features_picture": ("The features in two dimensions", "特征的二维视图"),
    "picture_pca": (
        "Samples of the split {split} in the two directions in which the training features vary most, with the share "
        "of the variance that each holds.",
        "{split}集样本在训练特征方差最大的两个方向上的位置，并注明各方向所占方差比例。",
    ),
    "picture_umap": (
        "Samples of the split {split} by UMAP, fitted to the training features: near samples are near one another; "
        "distances between groups mean nothing.",
        "{split}集样本的 UMAP 视图（在训练特征上拟合）：邻近的样本彼此靠近；组间距离没有意义。",
    ),
    "component": ("Component", "主成分"),
    "layer": ("Layer", "层"),
    "layer_input": ("what '{layer}' reads", "“{layer}” 的输入"),
    "layer_output": ("what '{layer}' gives", "“{layer}” 的输出"),
    "features_dim": ("Dimensions, pooling", "维数与汇聚方式"),
    "runtime_cosine": ("Least cosine to PyTorch's", "与 PyTorch 结果的最小余弦"),
    "estimator": ("Estimator", "估计器"),
    "estimator_options": ("Chosen options", "所选参数"),
    "chosen_on": ("Chosen on", "选择依据"),
    "by_validation": ("validation", "验证集"),
    "by_folds": ("5 folds of training", "训练集 5 折"),
    "bounds": ("Bounds", "置信界"),
    "majority_class": ("most frequent class", "最频繁类别"),
    "not_converged": ("iterations did not end", "迭代未收敛"),
    "clustering": ("Clustering", "聚类"),
    "purity": ("Purity", "纯度"),
    "clustering_note": (
        "Purity: the share of test samples whose cluster has their class as its most frequent one in training. "
        "NMI and ARI: agreement of clusters and classes, 1 where they are the same.",
        "纯度：测试样本所在簇在训练集中的最频繁类别与其自身类别一致的比例。"
        "NMI 与 ARI：簇与类别的一致程度，完全一致时为 1。",
    ),
    "chart_candidates": ("Ways to run the model", "模型的运行方式"),
    "chart_candidates_note": (
        "Latency, beside it accuracy and the size of the files; ★ is shipped: the fastest shown, on {n} samples, "
        "to keep its parent's accuracy. Diamonds are beaten in latency, size and accuracy at once.",
        "延迟，旁注准确率与文件大小；★ 为交付版本：在 {n} 个样本上证明保持原模型准确率的方式中最快者。"
        "菱形表示在延迟、体积与准确率上同时被超过。",
    ),
    "on_front": ("not beaten", "未被超过"),
    "beaten": ("beaten", "被超过"),
    "batch_of": ("batch {n}", "批量 {n}"),
    "unavailable": ("not tried", "未尝试"),
    "failed": ("failed", "失败"),
    "keeps_of_parent": ("keeps {value} of the parent (≥ {lower})", "保持原模型的 {value}（≥ {lower}）"),
    "compression": ("Compression", "压缩"),
    "parent": ("Made from", "来源模型"),
    "prune": ("Pruning", "剪枝"),
    "distil": ("Distillation", "蒸馏"),
    "quantize": ("Quantization", "量化"),
    "removed": ("Taken out", "已移除"),
    "operators_of": ("Operators, {name}", "算子（{name}）"),
    "chart_membership": ("Membership inference", "成员推断"),
    "chart_membership_note": (
        "Share of training samples that each attack finds, by the share of held-out samples that it wrongly accuses; "
        "both axes are logarithmic. {shadows} shadow models. Grey: chance. Dashed: the 1 % that is judged.",
        "各攻击找出的训练样本比例，随其误指的留出样本比例而变；两轴均为对数。影子模型 {shadows} 个。"
        "灰线为随机猜测，虚线为判定所用的 1%。",
    ),
    "false_positive_rate": ("Wrongly accused", "误报率"),
    "true_positive_rate": ("Members found", "找出的成员比例"),
    "chart_relevance": ("Covering what is relevant", "遮去相关部分"),
    "chart_relevance_note": (
        "Mean probability of the explained class on {n} test samples as their parts are covered one after another: a "
        "faithful explanation keeps it high when the least relevant go first, and drops it at once when the most "
        "relevant do.",
        "在 {n} 个测试样本上逐步遮去各部分时，所解释类别的平均概率：若解释忠实，先遮去最不相关者概率应保持较高，"
        "先遮去最相关者则应骤降。",
    ),
    "covered": ("Share covered", "遮去的比例"),
    "class_probability": ("Probability of the class", "类别概率"),
    "order_explanation_least": ("least relevant first", "先遮最不相关者"),
    "order_explanation_most": ("most relevant first", "先遮最相关者"),
    "order_random_least": ("random order", "随机次序"),
    "chart_groups": ("Accuracy by group", "各群体准确率"),
    "chart_groups_note": (
        "Test accuracy of every value of the groups that the recipe names, lowest first, with two-sided 90 % bounds; "
        "the dashed line is the accuracy of all.",
        "配方所列各群体取值的测试准确率（由低到高）及双侧 90% 界限；虚线为全体准确率。",
    ),
    "chart_fair_front": ("What equal treatment costs", "公平的代价"),
    "chart_fair_front_note": (
        "Test accuracy against the largest gap in accuracy between two groups (FAI-1), of the audited model and those "
        "beside it, with one-sided 95 % bounds; up and to the left is better, and grey is beaten in both.",
        "被审计模型与对照模型的测试准确率与群体间最大准确率差距（FAI-1），附单侧 95% 界限；"
        "越靠左上越好，灰色表示两项均被超过。",
    ),
    "largest_gap": (
        "largest gap between two groups, in accuracy or of a class",
        "群体间最大差距（总体或某一类别的准确率）",
    ),
    "chart_confusion": ("Confusion matrix", "混淆矩阵"),
    "chart_confusion_note": (
        "Test samples by true class (rows) and predicted class (columns); the shade is the share of the row.",
        "测试样本按真实类别（行）与预测类别（列）计数；深浅表示占该行的比例。",
    ),
    "chart_confusion_part": (
        "Only the {shown} of {all} classes with most errors are shown.",
        "仅显示 {all} 个类别中错误最多的 {shown} 个。",
    ),
    "true_class": ("True class", "真实类别"),
    "predicted_class": ("Predicted class", "预测类别"),
    "share": ("Share of row", "占行比例"),
    "chart_reliability": ("Reliability diagram", "可靠性图"),
    "chart_reliability_note": (
        "Equally filled bins of {per_bin} or more samples with 95 % Wilson intervals; on the dashed line, "
        "confidence equals accuracy.",
        "等频分箱，每箱至少 {per_bin} 个样本，附 95 % Wilson 区间；虚线处置信度等于准确率。",
    ),
    "confidence": ("Confidence", "置信度"),
    "observed": ("Observed accuracy", "实测准确率"),
    "count": ("Samples", "样本数"),
    "chart_robustness": ("Robustness to corruptions", "抗扰动能力"),
    "chart_robustness_note": (
        "Accuracy by severity, 1 (slight) to 5 (strong), on {n} samples; the dashed line is clean accuracy on "
        "the same samples.",
        "{n} 个样本在强度 1（轻）至 5（重）下的准确率；虚线为同一批样本未受扰动时的准确率。",
    ),
    "chart_classes": ("Average precision by class", "各类别的平均精度"),
    "chart_classes_note": (
        "On the test split: of an answer that overlaps its object by at least one half, and the mean over ten "
        "overlaps from 0.5 to 0.95.",
        "测试集上：重叠度不低于 0.5 时的平均精度，以及 0.5 至 0.95 十个重叠度下的均值。",
    ),
    "average_precision": ("Average precision", "平均精度"),
    "chart_kept_precision": ("Robustness to corruptions", "抗扰动能力"),
    "chart_kept_precision_note": (
        "Mean average precision at an overlap of 0.5 by severity, 1 (slight) to 5 (strong), on {n} photographs; the "
        "dashed line is that of the same photographs as they are.",
        "{n} 张照片在强度 1（轻）至 5（重）下、重叠度 0.5 的平均精度均值；虚线为同一批照片未受扰动时的数值。",
    ),
    "severity": ("Severity", "强度"),
    "chart_sounds": ("What the model says", "模型生成的声音"),
    "chart_sounds_note": (
        "Drawn sample by sample from silence on: waveform above spectrogram (70 dB), under what the model was told.",
        "自静音起逐采样点抽样生成；波形在上，频谱图（70 dB）在下；各图之上为给予模型的条件。",
    ),
    "amplitude": ("Amplitude", "幅度"),
    "kilohertz": ("kHz", "kHz"),
    "chart_unseen": ("Groups that training never saw", "训练未见过的群体"),
    "chart_unseen_note": (
        "Test accuracy on every value of {column}, by the audited model and by one trained without that group, with "
        "two-sided 90 % bounds; the least kept first.",
        "{column} 各取值的测试准确率：被审模型与训练时去除该群体的模型，附双侧 90% 界限；保持最少者在前。",
    ),
    "model_seen": ("trained with the group", "训练含该群体"),
    "model_unseen": ("trained without it", "训练不含该群体"),
    "chart_attacked": ("What attacks leave standing", "攻击之后的留存"),
    "chart_attacked_linf": (
        "Of {n} test samples, those still right after each attack in turn, within {radius} of every pixel, or of every "
        "moment of a recording.",
        "{n} 个测试样本依次经受各攻击之后仍识别正确者，每个像素（录音则为每个采样点）的改动不超过 {radius}。",
    ),
    "chart_attacked_l2": (
        "Of {n} test images, those still right after each attack in turn, within a Euclidean distance of {radius}.",
        "{n} 张测试图像依次经受各攻击之后仍识别正确者，欧氏距离不超过 {radius}。",
    ),
    "chart_attacked_words": (
        "Of {n} test documents, those still right after each search in turn, with at most {radius} words written "
        "another way.",
        "{n} 篇测试文档依次经受各搜索之后仍判断正确者，至多改写 {radius} 个词。",
    ),
    "still_right": ("Still right", "仍然正确"),
    "after_clean": ("as they are", "未受攻击"),
    "after_apgd_ce": ("APGD, cross-entropy", "APGD（交叉熵）"),
    "after_apgd_t": ("APGD, other classes", "APGD（其他类别）"),
    "after_fab_t": ("FAB, other classes", "FAB（其他类别）"),
    "after_square": ("Square, no gradients", "Square（无梯度）"),
    "after_single": ("any one word", "任一单词"),
    "after_greedy": ("one word after another", "逐词累加"),
    "after_random": ("words by lot", "随机选词"),
    "chart_outliers": ("Foreign images beside its own", "外来图像与自身图像"),
    "chart_outliers_note": (
        "Share of each kind's images by the score that is judged; {n} are the model's own. The further apart the kinds "
        "lie, the better foreign images are told from its own.",
        "各类图像按判定所用评分的分布；其中自身图像 {n} 张。各类相距越远，外来图像越易与自身图像区分。",
    ),
    "familiarity": ("Score: how familiar an image looks", "评分：图像的熟悉程度"),
    "share_of_images": ("Share of images", "图像比例"),
    "kind_test": ("its own", "自身"),
    "kind_noise": ("noise", "噪声"),
    "kind_textures": ("textures", "纹理"),
    "kind_source": ("another data set", "另一数据集"),
    "chart_latency": ("Latency of single predictions", "单次预测延迟"),
    "chart_latency_note": (
        "Share of {n} runs that were at least this fast; p99 is drawn at its upper bound, the value that is judged.",
        "{n} 次运行中不慢于该时长者所占比例；p99 按其上界绘制，判定即以此为准。",
    ),
    "latency_ms": ("Latency (ms)", "延迟 (ms)"),
    "share_of_runs": ("Share of runs", "运行占比"),
    "p99_bound": ("p99 bound", "p99 上界"),
    "deadline": ("deadline {t}", "时限 {t}"),
    "chart_stages": ("Wall time of each stage", "各阶段耗时"),
    "chart_stages_note": ("{total} in all.", "共 {total}。"),
    "seconds": ("Seconds", "秒"),
}
