"""Runs scim2-tester against an endpoint: one line for each check, its status, name and reason."""

import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

url, token = sys.argv[1:3]
http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
for result in check_server(SyncSCIMClient(http)):
    words = " ".join(str(result.reason or "").split())
    status = "fail" if result.status.name in ("ERROR", "CRITICAL", "DEVIATION") else "pass"
    if result.status.name == "SKIPPED":
        status = "skip"
    print(f"{status}\t{result.title}\t{result.status.name}: {words}")
