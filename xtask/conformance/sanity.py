"""Runs scim-sanity against an endpoint: one line for each test, its status, name and reason."""

import json
import subprocess
import sys

program, url, token = sys.argv[1:4]
ran = subprocess.run(
    [program, "probe", url, "--token", token, "--i-accept-side-effects", "--json-output"],
    capture_output=True,
    text=True,
)
report = json.loads(ran.stdout)
for result in report["results"]:
    words = " ".join(str(result.get("message") or "").split())
    status = {"pass": "pass", "skip": "skip"}.get(result["status"], "fail")
    print(f"{status}\t{result['phase']}: {result['name']}\t{words}")
