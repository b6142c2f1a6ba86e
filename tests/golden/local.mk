# What weir has handed over, in each format that must stay readable.
TESTS += tests/golden/golden.sh
EXTRA_DIST += \
	tests/golden/golden.sh \
	tests/golden/record \
	tests/golden/rehearse \
	tests/golden/state-1
