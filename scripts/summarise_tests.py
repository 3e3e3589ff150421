#!/usr/bin/env python3
"""Adds up the JUnit files of a folder and prints what passed, failed and did not run, with reasons.

Exits with 1 if a test failed or, where the environment has CI set, if one did not run.
"""

import os
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


SLOWEST = 12


def reason_of(case):
    text = " ".join(filter(None, [case.findtext("system-out"), *(s.get("message") for s in case.iter("skipped"))]))
    found = re.search(r"not run: ([^\n]+)", text)
    return found.group(1).strip() if found else "no reason given"


def print_slowest(times):
    print("slowest: " + ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(times, reverse=True)[:SLOWEST]))


def main(folder):
    passed, failed, not_run, times = 0, [], [], []
    for file in sorted(pathlib.Path(folder).glob("*.xml")):
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            name = f"{file.stem}/{case.get('name')}"
            times.append((float(case.get("time") or 0), name))
            if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                not_run.append((name, reason_of(case)))
            elif case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
            else:
                passed += 1
    print()
    if times:
        print_slowest(times)
    for name in failed:
        print(f"failed:  {name}")
    for name, reason in not_run:
        print(f"not run: {name}: {reason}")
    strict = bool(os.environ.get("CI"))
    if strict and not_run:
        print("with CI set, a test that did not run counts as failed")
        failed += [name for name, _ in not_run]
        not_run = []
    print(f"total: {passed} passed, {len(failed)} failed, {len(not_run)} skipped")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
