# Examples, not configuration: installing must never touch what an administrator wrote in sysconfdir.
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/relay.ini conf/relay-minimal.ini conf/relay-start.ini
nodist_examples_DATA = $(RECIPES)
kubernetesdir = $(examplesdir)/kubernetes
dist_kubernetes_DATA = conf/kubernetes/Dockerfile conf/kubernetes/README.md conf/kubernetes/weir.yaml
prometheusdir = $(examplesdir)/prometheus
dist_prometheus_DATA = conf/prometheus/prometheus.yml conf/prometheus/weir-alerts.yml \
	conf/prometheus/weir-alerts.test.yml
grafanadir = $(examplesdir)/grafana
dist_grafana_DATA = conf/grafana/weir.json
