"""Ctrl-C in a process of its own; `tests/test_end_to_end.py` has it while Ray runs."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FRAME = """
import atexit, hashlib, os, signal, sys, time
from tuner import interrupts
from tuner.command import execute
from tuner.errors import TunerError

def in_c():
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10**9)  # minutes, in which no Python code of this thread runs

def ready(seconds=30):
    print("ready", flush=True)
    time.sleep(seconds)

def main(arguments):
{body}

sys.exit(execute("demo", main, ["-n", "a b"]))
"""
LINE = "interrupted: go on with: python -m tuner.demo -n 'a b'"


def pressed(body: str, times: int = 1, frame: str = FRAME) -> tuple[int | None, str, str, float]:
    """Exit code, output, errors, and seconds until the end, of a process in which Ctrl-C is pressed when it is ready.

    Each time it says so; a process that has ended is left alone.
    """
    code = frame.format(body="\n".join(f"    {line}" for line in body.strip().splitlines()))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for _ in range(times):
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.1)
            begun = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
        try:
            out, error = process.communicate(timeout=20)
        finally:
            process.kill()
        return process.returncode, out, error, time.monotonic() - begun


@pytest.mark.parametrize("waiting", ["ready()", "print('ready', flush=True)\nin_c()"], ids=["python", "c"])
def test_a_command_with_nothing_to_put_in_order_ends_at_once(waiting: str) -> None:
    code, out, error, seconds = pressed(waiting)
    assert (code, out, error) == (130, "", f"{LINE}\n")
    assert seconds < 2


def test_the_first_of_two_puts_things_in_order() -> None:
    body = """
with interrupts.in_order("--resume"):
    try:
        ready()
    finally:
        print("in order", flush=True)
"""
    code, out, error, seconds = pressed(body)
    assert (code, out, error) == (130, "in order\n", f"{LINE}\n")
    assert seconds < 2


@pytest.mark.parametrize("waiting", ["ready()", "print('ready', flush=True)\n        in_c()"], ids=["python", "c"])
def test_the_second_ends_the_process_at_once(waiting: str) -> None:
    body = f"""
with interrupts.in_order("--resume"):
    try:
        ready()
    finally:
        {waiting}
        print("in order", flush=True)
"""
    code, out, error, seconds = pressed(body, times=2)
    assert (code, out, error) == (130, "", f"{LINE} --resume\n")
    assert seconds < 2


HANDLED = """
with interrupts.in_order("--resume"):
    mine = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, mine))  # as Ray Tune does
    ready(1.0)
"""


def test_one_that_somebody_else_has_handled_is_heeded_later() -> None:
    code, out, error, _ = pressed(
        f"{HANDLED}\n    print('handled', flush=True)\n    interrupts.heed()\n    print('went on')"
    )
    assert (code, out, error) == (130, "handled\n", f"{LINE}\n")


def test_one_that_somebody_else_has_handled_is_the_first_of_two() -> None:
    code, out, error, seconds = pressed(f"{HANDLED}\n    ready()\nprint('went on')", times=2)
    assert (code, out, error) == (130, "", f"{LINE} --resume\n")
    assert seconds < 2


def test_without_ctrl_c_nothing_is_heeded() -> None:
    code, out, error, _ = pressed(
        "with interrupts.in_order():\n    interrupts.heed()\nprint('ready', flush=True)", times=1
    )
    assert (code, out, error) == (0, "", "")


@pytest.mark.parametrize(("ending", "code", "said"), [("pass", 0, ""), ("raise TunerError('x')", 1, "failed: x\n")])
def test_what_a_command_has_said_stays_the_last_word(ending: str, code: int, said: str) -> None:
    begun = time.monotonic()
    assert pressed(f"atexit.register(ready)\n{ending}")[:3] == (code, "", said)
    assert time.monotonic() - begun < 10


def test_one_after_the_first_was_put_in_order_ends_the_rest_at_once() -> None:
    code, out, error, seconds = pressed("atexit.register(ready)\nwith interrupts.in_order():\n    ready()", times=2)
    assert (code, out, error) == (130, "", f"{LINE}\n")
    assert seconds < 2


def test_a_process_that_still_imports_its_modules_ends_at_once() -> None:
    frame = "import time\nfrom tuner import interrupts\ninterrupts.own_process()\n{body}"
    code, out, error, _ = pressed("", frame=frame.replace("{body}", "print('ready', flush=True)\ntime.sleep(30){body}"))
    assert (code, out, error) == (130, "", "interrupted: go on with the same command\n")


@pytest.mark.parametrize("name", ["run", "train", "retrain", "__main__"])
def test_a_command_watches_before_its_other_imports(name: str) -> None:
    text = (Path(__file__).parents[1] / "tuner" / f"{name}.py").read_text()
    first = re.search(r"^ *(?:import|from) .*$", text, re.MULTILINE)
    assert first is not None
    assert first[0].strip() == "from tuner import interrupts"


def test_a_process_of_its_own_ends_with_the_commands_code_and_all_that_was_written() -> None:
    code = FRAME.replace("def main", "interrupts.own_process()\n\ndef main").format(body="    raise TunerError('x')")
    code = code.replace("sys.exit(execute", "print('written')\nsys.exit(execute")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "written\n", "failed: x\n")


def test_a_command_that_has_put_things_in_order_ends_at_once_again() -> None:
    code, out, error, seconds = pressed("with interrupts.in_order('--resume'):\n    pass\nready()")
    assert (code, out, error) == (130, "", f"{LINE} --resume\n")
    assert seconds < 2
