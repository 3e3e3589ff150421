"""Which machine this is: device, driver, processor, date."""

import datetime
import os
import pathlib
import platform
import shutil
import subprocess


def output(command):
    """What a command prints, or nothing if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def gpus():
    """One dictionary a GPU, as nvidia-smi tells; empty where there is none."""
    if not shutil.which("nvidia-smi"):
        return []
    fields = ["name", "uuid", "driver_version", "memory.total"]
    lines = output(["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]).splitlines()
    return [dict(zip(fields, (cell.strip() for cell in line.split(",")))) for line in lines if line.count(",") == 3]


def _processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()


def describe(device, commit):
    found = gpus()
    now = datetime.datetime.now(datetime.timezone.utc)
    names = ", ".join(f"{gpu['name']} ({gpu['memory.total']})" for gpu in found)
    return {
        "device": names if device == "cuda" and names else "host memory (no GPU)" if device == "host" else "a GPU",
        "gpus": len(found),
        "driver": found[0]["driver_version"] if found else "none",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        "time": now.timestamp(),
        "commit": commit,
    }
