# Real programs through the daemon. Where one is missing, its cases are skipped.
REAL = \
	tests/real/iperf3.sh \
	tests/real/kubernetes.sh \
	tests/real/metrics.sh \
	tests/real/nginx.sh \
	tests/real/page.sh \
	tests/real/postgres.sh \
	tests/real/proxy.sh \
	tests/real/recipes.sh \
	tests/real/redis.sh \
	tests/real/ssh.sh \
	tests/real/top.sh \
	tests/real/unit.sh \
	tests/real/service.sh \
	tests/real/package.sh
TESTS += $(REAL)
EXTRA_DIST += $(REAL) tests/real/lib.sh tests/real/browse.py tests/real/dashboard.js \
	tests/real/dashboard.py tests/real/kubernetes.py tests/real/machine.sh \
	tests/real/metrics.py tests/real/page_rows.js tests/real/programs.sh tests/real/scene.sh

clean-local:
	rm -rf tests/real/machines
