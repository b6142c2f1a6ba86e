#!/usr/bin/python3
"""metrics.py METRICS RULES DASHBOARD MANUAL: writes all PromQL that these have as a file of rules, for promtool.

Fails if one asks for a metric that is not in METRICS, or for a label that no series of it has. instance and job are
made by Prometheus.
"""
import json
import re
import sys

import yaml

metrics, rules, dashboard, manual = sys.argv[1:]
labels = {}
for line in open(metrics, encoding="utf-8"):
    if line.startswith("# TYPE"):
        labels[line.split()[2]] = {"instance", "job"}
    elif not line.startswith("#"):
        labels[re.match(r"\w+", line)[0]].update(re.findall(r'(\w+)="', line))

asked = []
for group in yaml.safe_load(open(rules, encoding="utf-8"))["groups"]:
    asked += [(rule["alert"], rule["expr"]) for rule in group["rules"]]
for panel in json.load(open(dashboard, encoding="utf-8"))["panels"]:
    asked += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
part = open(manual, encoding="utf-8").read().split(".Sh QUESTIONS AND ANSWERS")[1].split(".Sh SEE ALSO")[0]
for answer in part.split("\n.It ")[1:]:
    text = [re.sub(r"^\.Dl ", "", line) for line in answer.split("\n")[1:] if not re.match(r"\.(?!Dl)", line)]
    asked.append((answer.split("\n")[0], " ".join(text).replace(r"\(dq", '"').strip()))

wrong = False
for where, expression in asked:
    for name, matchers in re.findall(r"\b(weir_\w+)(?:\{([^}]*)\})?", expression):
        unknown = set(re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', '""', matchers))) - labels.get(name, set())
        if name not in labels or unknown:
            print(f"{where}: {name} {' '.join(unknown)}", file=sys.stderr)
            wrong = True

variables = {"$__rate_interval": "5m", "$instance": ".*", "$relay": ".*"}
for name, value in variables.items():
    asked = [(where, expression.replace(name, value)) for where, expression in asked]
asked = [{"record": f"asked:{i}", "expr": expression} for i, (_, expression) in enumerate(asked)]
yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}, sys.stdout)
sys.exit(wrong)
