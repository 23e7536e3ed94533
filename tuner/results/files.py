"""Names of what lies in an experiment's folder."""

MANIFEST, CONFIG, BUNDLE = "manifest.yaml", "config.yaml", "best"
LEADERBOARD, VERDICT, REPORT = "leaderboard.csv", "verdict.json", "report.html"
MODEL, ONNX, METRICS, BUNDLE_README = "model.pt2", "model.onnx", "metrics.json", "README.md"
BUNDLE_FILES = (MODEL, ONNX, METRICS, BUNDLE_README)
MEASURED = "measured.txt"
"""Search and finals have ended; a verdict alone does not tell, since `tuner.report` writes one of any experiment."""
FAILED_MARK, STOPPED_MARK = "failed.txt", "stopped.txt"
"""In a variant's folder, if the last row does not tell."""
TIME_UP = "time_up.txt"
"""Beside the variants' folders: from then on none of their trials goes on."""
FINALS, LOCK, LOG = "finals", "lock.json", "run.log"
CHECKPOINT = "checkpoint_"
"""What the folders of a trial's checkpoints begin with."""


def checkpoint_name(number: int) -> str:
    """Of a checkpoint's folder, as Ray names it."""
    return f"{CHECKPOINT}{number:06d}"
