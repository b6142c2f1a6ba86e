# Examples, not configuration: installing must never touch what an administrator wrote in sysconfdir.
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/relay.ini conf/relay-minimal.ini conf/relay-start.ini
nodist_examples_DATA = $(RECIPES)
kubernetesdir = $(examplesdir)/kubernetes
dist_kubernetes_DATA = conf/kubernetes/Dockerfile conf/kubernetes/README.md conf/kubernetes/weir.yaml
