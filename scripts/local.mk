# TEST_LOG_DRIVER is only for names that end in .test; programs and scripts without an ending go by this one.
LOG_DRIVER = $(TEST_LOG_DRIVER)

EXTRA_DIST += scripts/check-format scripts/lib.sh scripts/quickstart scripts/test
