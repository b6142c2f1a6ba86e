"""
Judges conf/kubernetes/weir.yaml where no schema looks: whether its parts fit each other. Writes relay.ini and
objects.json beside it into the working directory, and prints what a shell has to know.
"""
import json
import sys

import yaml

with open(sys.argv[1]) as manifest:
    objects = list(yaml.safe_load_all(manifest))
kinds = {thing["kind"]: thing for thing in objects}
assert sorted(kinds) == ["ConfigMap", "Deployment", "Service"] and len(objects) == 3

deployment = kinds["Deployment"]["spec"]
labels = deployment["template"]["metadata"]["labels"]
pod = deployment["template"]["spec"]
(weir,) = pod["containers"]
ports = {port["name"]: port["containerPort"] for port in weir["ports"]}
(mount,) = weir["volumeMounts"]
(volume,) = pod["volumes"]

assert deployment["selector"]["matchLabels"] == labels == kinds["Service"]["spec"]["selector"]
assert mount["name"] == volume["name"] and "subPath" not in mount
assert volume["configMap"]["name"] == kinds["ConfigMap"]["metadata"]["name"]
for port in kinds["Service"]["spec"]["ports"]:
    assert port["targetPort"] in ports
assert pod["securityContext"]["runAsNonRoot"] and min(ports.values()) >= 1024

memory = weir["resources"]["limits"]["memory"]
pre_stop, seconds = weir["lifecycle"]["preStop"]["exec"]["command"]
assert memory.endswith("Mi") and pre_stop == "sleep"

with open("relay.ini", "w") as out:
    out.write(kinds["ConfigMap"]["data"]["relay.ini"])
with open("objects.json", "w") as out:
    json.dump(objects, out)
print("FOLDER=" + mount["mountPath"])
print("MEMORY_MIB=" + memory[:-2])
print("CPUS=" + weir["resources"]["limits"]["cpu"])
print("GRACE_S=%d" % pod["terminationGracePeriodSeconds"])
print("PRE_STOP_S=" + seconds)
print("PROBE_PORT=%d" % ports[weir["readinessProbe"]["tcpSocket"]["port"]])
print("PORTS='%s'" % " ".join(str(port) for port in sorted(ports.values())))
