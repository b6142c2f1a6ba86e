"""
dashboard.py FILE: whether a dashboard is what Grafana takes, as far as ours goes: the members that its panels may
have, and that what they refer to is there. Prints what is wrong, and fails then.
"""

import json
import re
import sys

COLUMNS = 24
NUMBER, TEXT, FLAG = (int, float), str, bool

FRAME = {
    "title": TEXT, "uid": TEXT, "description": TEXT, "tags": [TEXT], "editable": FLAG, "graphTooltip": {0, 1, 2},
    "schemaVersion": NUMBER, "version": NUMBER, "refresh": TEXT, "time": {"from": TEXT, "to": TEXT},
    "timezone": {"browser", "utc", ""}, "links": [dict], "annotations": dict, "templating": dict, "panels": [dict],
}
PLACE = {"x": NUMBER, "y": NUMBER, "w": NUMBER, "h": NUMBER}
PANEL = {"id": NUMBER, "type": TEXT, "title": TEXT, "gridPos": PLACE}
ROW = {**PANEL, "collapsed": FLAG, "panels": [dict]}
SOURCE = {"type": {"prometheus"}, "uid": TEXT}
TARGET = {"datasource": SOURCE, "expr": TEXT, "refId": TEXT}
TARGET_TOO = {"editorMode": {"code", "builder"}, "legendFormat": TEXT, "range": FLAG, "instant": FLAG,
              "format": {"time_series", "table", "heatmap"}}
CHART = {**PANEL, "description": TEXT, "datasource": SOURCE, "targets": [dict], "fieldConfig": dict, "options": dict}
CHART_TOO = {"transformations": [dict], "interval": TEXT, "maxDataPoints": NUMBER}
VARIABLE = {"name": TEXT, "type": {"query", "datasource", "custom", "interval"}}
TOOLTIP = {"mode": {"single", "multi", "none"}}
LEGEND = {"displayMode": {"list", "table", "hidden"}, "placement": {"bottom", "right"}}
OPTIONS = {
    "stat": {"colorMode": {"none", "value", "background", "background_solid"}, "graphMode": {"none", "line", "area"},
             "justifyMode": {"auto", "center"}, "orientation": {"auto", "horizontal", "vertical"},
             "textMode": {"auto", "value", "value_and_name", "name", "none"},
             "reduceOptions": {"calcs": [TEXT], "fields": TEXT, "values": FLAG}},
    "timeseries": {"tooltip": TOOLTIP, "legend": LEGEND},
    "state-timeline": {"tooltip": TOOLTIP, "legend": LEGEND},
}


def is_a(value, wanted):
    """A type, or a set of values. What is true is no number."""
    if isinstance(wanted, set):
        return value in wanted
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def check(where, value, wanted):
    """What is wrong with a value that has to be of a type, one of a set, a list, or an object with these members."""
    if isinstance(wanted, list):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for number, item in enumerate(value):
            yield from check(f"{where}[{number}]", item, wanted[0])
    elif isinstance(wanted, dict):
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        for name, inner in wanted.items():
            if name not in value:
                yield f"{where} lacks {name}"
            else:
                yield from check(f"{where}.{name}", value[name], inner)
    elif not is_a(value, wanted):
        yield f"{where} may not be {value!r}"


def only(where, value, known):
    """Members that nobody reads are misspelt."""
    for name in value.keys() - known.keys():
        yield f"{where} has {name}, which is unknown"


def doubles(where, names):
    """What is there more than once."""
    for name in {name for name in names if names.count(name) > 1}:
        yield f"{where} {name} is there more than once"


def overlaps(panels):
    """Panels that are outside, or upon one another."""
    taken = {}
    for panel in panels:
        at = panel["gridPos"]
        if at["w"] < 1 or at["h"] < 1 or at["x"] < 0 or at["x"] + at["w"] > COLUMNS:
            yield f"panel {panel['id']} is outside"
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if taken.setdefault(cell, panel["id"]) != panel["id"]:
                yield f"panel {panel['id']} is upon {taken[cell]}"
                break


def check_panel(where, panel):
    """Of a row, or of a chart."""
    if panel.get("type") == "row":
        yield from check(where, panel, ROW)
        yield from only(where, panel, ROW)
        return
    yield from check(where, panel, {**CHART, "type": set(OPTIONS), "options": OPTIONS.get(panel.get("type"), dict)})
    yield from only(where, panel, {**CHART, **CHART_TOO})
    for number, target in enumerate(panel.get("targets", [])):
        yield from check(f"{where}.targets[{number}]", target, TARGET)
        yield from only(f"{where}.targets[{number}]", target, {**TARGET, **TARGET_TOO})
    yield from doubles(f"{where}: refId", [target.get("refId") for target in panel.get("targets", [])])


def check_variables(dashboard):
    """Those that are used have to be there; Grafana has some of its own, whose names begin with two underscores."""
    variables = dashboard["templating"].get("list", [])
    for number, variable in enumerate(variables):
        yield from check(f"templating.list[{number}]", variable, VARIABLE)
    names = [variable.get("name") for variable in variables]
    yield from doubles("variable", names)
    for used in sorted(set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))):
        if used not in names and not used.startswith("__"):
            yield f"variable {used} is not there"


def failures(dashboard):
    """All that is wrong."""
    wrong = [*check("dashboard", dashboard, FRAME), *only("dashboard", dashboard, FRAME)]
    for number, panel in enumerate(dashboard.get("panels", [])):
        wrong += check_panel(f"panels[{number}]", panel)
    if wrong:
        return wrong
    panels = dashboard["panels"]
    return [*doubles("panel", [panel["id"] for panel in panels]), *overlaps(panels), *check_variables(dashboard)]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        wrong = failures(json.load(file))
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
