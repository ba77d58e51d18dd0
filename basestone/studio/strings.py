"""Every word of the pages that is not the user's, in English and in Chinese; verdicts are worded as in the report."""

from __future__ import annotations

from typing import Any

from basestone.reporting.strings import LANGUAGES, TEXTS, Language
from basestone.studio.service_strings import WORDS as SERVICE_WORDS

# key: (English, Chinese); {names} are filled in by ``say``
WORDS: dict[str, tuple[str, str]] = {
    # frame
    "studio": ("Studio", "工作台"),
    "skip": ("Skip to the content", "跳到正文"),
    "on_this_page": ("On this page", "本页内容"),
    "pages": ("Pages", "页面"),
    "runs": ("Runs", "运行"),
    "new_run": ("New run", "新建运行"),
    "compare": ("Compare", "比较"),
    "language_switch": ("Language", "语言"),
    "no_such_run": ("There is no run '{name}' in {root}.", "{root} 中没有名为“{name}”的运行。"),
    "back_to_runs": ("All runs", "全部运行"),
    # the list
    "runs_lead": ("{count} in {root}, the latest first.", "{root} 中共 {count} 个，最近的在前。"),
    "no_runs": ("Nothing has been run here yet.", "此处尚无运行。"),
    "no_runs_lead": (
        "A run takes data through training and audit to a signed report. The shipped recipe 'digits' takes about a "
        "minute.",
        "一次运行将数据依次送过训练与审计，直至签名的报告。自带配方 digits 约需一分钟。",
    ),
    "name": ("Name", "名称"),
    "task": ("Task", "任务"),
    "state": ("State", "状态"),
    "outcome": ("Outcome", "结论"),
    "stages": ("Stages", "阶段"),
    "took": ("Took", "用时"),
    "changed": ("Last change", "最近更新"),
    "state_running": ("running", "运行中"),
    "state_interrupted": ("interrupted", "已中断"),
    "state_finished": ("finished", "已完成"),
    "state_failed": ("failed", "失败"),
    "state_waiting": ("waiting", "等待"),
    "met": ("met", "符合"),
    "not_met": ("not met", "不符合"),
    "image_classification": ("image classification", "图像分类"),
    "detection": ("detection", "目标检测"),
    "text_classification": ("text classification", "文本分类"),
    "text_regression": ("text regression", "文本回归"),
    "language_modelling": ("language modelling", "语言建模"),
    "speech_classification": ("speech classification", "语音分类"),
    "speech_recognition": ("speech recognition", "语音识别"),
    "speech_synthesis": ("speech synthesis", "语音合成"),
    "audio_modelling": ("audio modelling", "声音建模"),
    # one run
    "stage_graph": ("Stages of {name}", "{name} 的各阶段"),
    "stop": ("Stop", "停止"),
    "stop_hint": ("It finishes the step under way and saves, as on Ctrl-C.", "完成当前步并保存，等同于 Ctrl-C。"),
    "stopping": ("Stopping after the step under way …", "当前步完成后停止……"),
    "resume": ("Resume", "继续"),
    "run_again": ("Try again", "重试"),
    "elsewhere": ("Started in a terminal; stop it there.", "由终端启动，请在终端停止。"),
    "play": ("Try the model", "试用模型"),
    "curves": ("Curves", "曲线"),
    "no_curves": ("No training step has been recorded yet.", "尚无训练步的记录。"),
    "curves_of": ("Stage", "阶段"),
    "loss": ("Loss", "损失"),
    "scores": ("Validation", "验证"),
    "lr": ("Learning rate", "学习率"),
    "images_per_s": ("Samples a second", "每秒样本数"),
    "train": ("training", "训练"),
    "validation": ("validation", "验证"),
    "step": ("step", "步"),
    "step_of": ("step {done} of {total}", "第 {done} 步，共 {total} 步"),
    "latest": ("Latest", "最新"),
    "accuracy": ("accuracy", "准确率"),
    "verdicts": ("Verdicts", "判定"),
    "no_verdicts": ("There is no verdict before the audit is finished.", "审计完成之前没有判定。"),
    "verdicts_why": ("Judged by {standard}, profile {profile}.", "依据标准 {standard}，配置 {profile}。"),
    "details": ("Evidence of {clause}", "{clause} 的证据"),
    "report": ("Report", "报告"),
    "report_open": ("Open the report by itself", "单独打开报告"),
    "report_missing": ("There is no report yet.", "尚无报告。"),
    "report_frame": ("The report of {name}", "{name} 的报告"),
    "log": ("What the process said", "进程输出"),
    "no_log": (
        "This run was not started from this page; its words went to the terminal that started it.",
        "该运行并非由本页启动，其输出在启动它的终端中。",
    ),
    "log_region": ("Output of the run", "运行输出"),
    "ended_with": ("It ended with exit code {code}.", "已结束，退出码 {code}。"),
    "warnings": ("Warnings", "警告"),
    # comparison
    "compare_lead": (
        "Verdicts side by side, what was measured on the same samples as differences with bounds, and the curves over "
        "one another.",
        "并列显示判定，以同一批样本上的差值及其界限比较测量结果，并叠放曲线。",
    ),
    "first": ("First", "第一个"),
    "second": ("Second", "第二个"),
    "comparing": ("Comparing …", "正在比较……"),
    "compare_do": ("Compare", "比较"),
    "too_few": ("Two finished audits are needed, and there are {count}.", "需要两个已完成的审计，目前有 {count} 个。"),
    "clause": ("Clause", "条款"),
    "verdict_none": ("not judged", "未判定"),
    "paired": ("On the same samples", "同一批样本"),
    "paired_n": (
        "{n} test samples, second minus first, one-sided 95 % bounds.",
        "{n} 个测试样本，第二个减第一个，单侧 95% 界限。",
    ),
    "difference": ("Difference", "差值"),
    "bounds": ("Bounds", "界限"),
    "measure_accuracy": ("accuracy", "准确率"),
    "measure_loss": ("loss (nats)", "损失（奈特）"),
    "measure_brier": ("Brier score", "Brier 分数"),
    "measure_calibration_error": ("calibration error", "校准误差"),
    "mcnemar": (
        "Right in one only: {first} in the first, {second} in the second; McNemar's exact p = {p}.",
        "仅一方正确：第一个 {first}，第二个 {second}；McNemar 精确检验 p = {p}。",
    ),
    # new run
    "new_lead": (
        "A shipped recipe, changed where you like. Every answer is checked as you go; the command below does the same "
        "in a terminal.",
        "选择一个自带配方，并按需修改。每项回答即时检查；下方命令在终端中效果相同。",
    ),
    "recipe": ("Recipe", "配方"),
    "folder": ("Folder of the run", "运行文件夹"),
    "general": ("The run", "运行"),
    "data": ("Data", "数据"),
    "stage": ("Stage {name}", "阶段 {name}"),
    "more_options": ("{count} more options at their defaults", "另有 {count} 个选项取默认值"),
    "start": ("Start the run", "启动运行"),
    "starting": ("Starting …", "正在启动……"),
    "no_fault": ("No fault: this can be run.", "没有错误，可以运行。"),
    "faults": ("{count} to mend before it can be run:", "运行前需修正 {count} 处："),
    "command": ("The same in a terminal", "终端中的等效命令"),
    "changes": ("{count} changed from the recipe", "较配方改动 {count} 处"),
    "reset": ("Back to the recipe", "恢复配方原值"),
    "bad_folder": (
        "A folder's name must be lower-case letters, digits, '.', '_' or '-', beginning with a letter or digit.",
        "文件夹名须由小写字母、数字、“.”、“_”、“-”组成，并以字母或数字开头。",
    ),
    "folder_taken": ("There is a run of this name already. Choose another.", "已有同名运行，请另取名称。"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    # playground
    "play_title": ("Try the model of {name}", "试用 {name} 的模型"),
    "play_lead": (
        "The model as it was audited answers here. This is a try, not a proof: what it can be relied on for, the "
        "verdicts say.",
        "此处由经过审计的模型作答。试用不是证明：它在何处可靠，以判定为准。",
    ),
    "sample": ("A test sample", "测试样本"),
    "sample_number": ("Number, from 0 to {last}", "编号，0 至 {last}"),
    "sample_ask": ("Ask about the sample", "用该样本提问"),
    "upload_image": ("An image of yours", "您的图像"),
    "upload_sound": ("A recording of yours (WAV, FLAC, OGG)", "您的录音（WAV、FLAC、OGG）"),
    "upload_ask": ("Ask about the file", "用该文件提问"),
    "draw": ("Draw", "手绘"),
    "draw_area": ("Drawing area, for a pointer or a finger", "绘图区，使用指针或手指"),
    "draw_ask": ("Ask about the drawing", "用该手绘提问"),
    "draw_clear": ("Clear", "清除"),
    "write": ("A text", "文本"),
    "text_ask": ("Ask", "提问"),
    "continue_ask": ("Let it go on", "让它续写"),
    "answer": ("Answer", "回答"),
    "no_answer": ("Nothing has been asked yet.", "尚未提问。"),
    "probability": ("Probability", "概率"),
    "label_was": ("The label of this sample is {label}.", "该样本的标签是 {label}。"),
    "seen_as": ("What the model sees", "模型所见"),
    "written_down": ("What it hears", "听写结果"),
    "went_on": ("It goes on", "续写"),
    "boxes_found": ("{count} found", "检出 {count} 个"),
    "asked_in": ("{seconds} on this machine, loading not counted", "本机用时 {seconds}，不含加载"),
    "too_large": ("A file must be at most {limit}; this one is {size}.", "文件不得超过 {limit}；该文件为 {size}。"),
    "withheld": ("Not shown: the data are declared sensitive.", "未显示：数据被声明为敏感数据。"),
} | SERVICE_WORDS


def say(key: str, language: Language, **values: Any) -> str:
    """A text of the pages, else of the report, in one language."""
    return (WORDS.get(key) or TEXTS[key])[LANGUAGES.index(language)].format(**values)


def known(key: str, language: Language) -> str:
    """The word for something that a recipe or a file names; itself where there is none."""
    return say(key, language) if key in WORDS else key.replace("_", " ")
