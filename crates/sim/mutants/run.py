#!/usr/bin/env python3
"""Plants each bug of planted.toml into a copy of the sources and runs the test that must catch it.

usage: crates/sim/mutants/run.py [WORD]...     only the bugs whose name contains one of the words

Builds in target/mutants, or where MUTANTS_TARGET_DIR says. Exit status: 0 every bug was caught, 1 one was not, or could
not be planted because the text it replaces is not there any more, or did not compile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = Path(os.environ.get("MUTANTS_TARGET_DIR", ROOT / "target" / "mutants"))
# A planted bug may make a test run for ever: that is caught too.
LIMIT_SECONDS = 300


def copy_sources(to):
    # With the time of now: by their own time, older than what a planted bug of the last run was built from, they would not be built.
    for name in ("Cargo.toml", "Cargo.lock", "clippy.toml"):
        shutil.copy(ROOT / name, to / name)
    for name in ("crates", "docs", "fuzz", "packaging"):
        shutil.copytree(ROOT / name, to / name, copy_function=shutil.copy, ignore=shutil.ignore_patterns("target", "node_modules"))


def test_command(bug):
    package, test = bug["test"]
    chosen = [test] if test.startswith("--") else ["--test", test]
    return ["cargo", "test", "--quiet", "--locked", "-p", package, *chosen]


def run(command, where, limit=None):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET))
    environment.pop("SIM_SEED", None)
    process = subprocess.Popen(
        command, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        # The session is this process's own, so its group holds nothing else.
        os.killpg(process.pid, 9)
        process.communicate()
        return None, "it ran for ever"


def plant(bug, where):
    path = where / bug["file"]
    sound = path.read_text()
    count = sound.count(bug["old"])
    if count != 1:
        return None, f"its text stands {count} times in {bug['file']}"
    path.write_text(sound.replace(bug["old"], bug["new"]))
    return sound, None


def verdict(bug, where):
    """None where the bug was caught, else what went wrong; and how it was caught."""
    sound, problem = plant(bug, where)
    if problem:
        return problem, ""
    try:
        code, output = run([*test_command(bug), "--no-run"], where)
        if code != 0:
            return "it does not compile:\n" + output[-2000:], ""
        code, output = run(test_command(bug), where, LIMIT_SECONDS)
    finally:
        (where / bug["file"]).write_text(sound)
    if code == 0:
        return "NOT CAUGHT", ""
    signs = ("Error:", "panicked at", "assertion", "ran for ever")
    lines = [line.strip() for line in output.splitlines() if any(sign in line for sign in signs)]
    return None, (lines or ["it failed"])[0][:120]


def main():
    bugs = tomllib.loads((HERE / "planted.toml").read_text())["bug"]
    words = sys.argv[1:]
    bugs = [bug for bug in bugs if not words or any(word in bug["name"] for word in words)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        where = Path(folder)
        copy_sources(where)
        for command in sorted({tuple(test_command(bug)) for bug in bugs}):
            code, output = run(list(command), where)
            if code != 0:
                print(f"without any bug, {' '.join(command)} fails already:\n{output[-2000:]}")
                return 1
        for bug in bugs:
            start = time.monotonic()
            problem, how = verdict(bug, where)
            failed += problem is not None
            print(f"{'FAILED' if problem else 'caught'}  {time.monotonic() - start:5.1f} s  {bug['name']}")
            print(f"        {bug['test'][1]}: {problem or how}", flush=True)
    print(f"{len(bugs) - failed} of {len(bugs)} planted bugs were caught")
    return 1 if failed or not bugs else 0


if __name__ == "__main__":
    sys.exit(main())
