"""Turn pip's resolution report (stdin) into exact pins (stdout)."""

import json
import sys

print('# Exact versions, made by `make lock` from the .in file of the same name.')
for row in sorted(json.load(sys.stdin)['install'], key=lambda row: row['metadata']['name'].lower()):
    # a local label such as +cpu names a build that only some indexes have
    print(f"{row['metadata']['name']}=={row['metadata']['version'].split('+')[0]}")
