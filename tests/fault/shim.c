/*
 * Preloaded into the daemon: makes calls of the C library fail, or move less than they were asked to.
 *
 *   FAULT_RULES=FILE  the rules, one a line; the file may come, change (by rename) and go while the daemon
 *                     runs: without it nothing fails
 *   FAULT_CARRIED=yes a program that takes over is not spared the rules that are there when it begins; with
 *                     "only", no other is touched, and neither are its further attempts
 *   FAULT_LOG=FILE    gets a line for each injection: the call, and the errno or "short"
 *
 * A rule is "CALL WHAT FIRST EVERY":
 *
 *   CALL   a function below
 *   WHAT   the name of an errno, or of an error of getaddrinfo(3); a number N: 1 to N bytes are moved;
 *          "hang": the call is made once the rules have changed; "late": some milliseconds later
 *   FIRST  the first call that it is for, counted from when the rule was read
 *   EVERY  0: that call alone; K: and every K-th after it
 *
 * Some calls go by other names: "splice-in" and "splice-out" of a pipe, "alloc" for every allocation, "log"
 * for a writev(2) to standard error, "discard" for a recv(2) with MSG_TRUNC, "create" for an open(2) with
 * O_CREAT, "open" for any other, "room" for an mmap(2) without a file, "seal" for an fcntl(2) that seals a
 * memory file. That and "_exit" can only hang or be late.
 *
 * Only failures that the kernel can really cause are injected. A comment at the call says what is left out.
 */
#include "build_config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 8, RULES_BYTES = 1024, PARTS = 128 };

struct rule {
	char call[32], what[32];
	int error;          /* 0: move less */
	unsigned long most; /* bytes; 0: do neither */
	bool hangs, late;
	unsigned long first, every;
	unsigned long seen; /* calls since the rule was read */
};

static const char *rules_file;
static bool carried_only; /* the rules that are there in the beginning are all */
static const char *log_file;
static int log_fd = -1;

static _Thread_local int exempt; /* this thread is in a call that the daemon did not ask for */

/* Guarded by lock. No signal handler takes it: their write(2) is let through before. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES];
static size_t rule_count;
static struct stat rules_status; /* of the file as it was read */
static unsigned long changes;    /* of the rules */
static unsigned long dice;

/* What getaddrinfo(3) returns is negative; in a rule it is a number that no errno has. */
enum { EAI_BASE = 1000 };
static const struct {
	const char *name;
	int error;
} lookup_errors[] = {
        {"EAI_AGAIN", EAI_AGAIN},
        {"EAI_FAIL", EAI_FAIL},
        {"EAI_MEMORY", EAI_MEMORY},
        {"EAI_NONAME", EAI_NONAME},
};

static int error_number(const char *name)
{
	for (size_t i = 0; i < sizeof(lookup_errors) / sizeof(lookup_errors[0]); i++)
		if (strcmp(lookup_errors[i].name, name) == 0)
			return EAI_BASE - lookup_errors[i].error;
	for (int error = 1; error < 134; error++) {
		const char *known = strerrorname_np(error);

		if (known && strcmp(known, name) == 0)
			return error;
	}
	return 0;
}

static bool parse_rule(const char *line, struct rule *rule)
{
	*rule = (struct rule){.error = 0};
	if (sscanf(line, "%31s %31s %lu %lu", rule->call, rule->what, &rule->first, &rule->every) != 4)
		return false;
	rule->error = error_number(rule->what);
	rule->most = strtoul(rule->what, NULL, 10);
	rule->hangs = strcmp(rule->what, "hang") == 0;
	rule->late = strcmp(rule->what, "late") == 0;
	return rule->error > 0 || rule->most > 0 || rule->hangs || rule->late;
}

static void parse_rules(char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL && *line && rule_count < RULES)
		if (parse_rule(line, &rules[rule_count]))
			rule_count++;
		else
			abort(); /* a test that injects something other than it says must not go on */
}

/* Defines next_NAME(), which finds the function that ours replaces. */
#define NEXT(name)                                                                                           \
	static __typeof__(&(name)) next_##name(void)                                                         \
	{                                                                                                    \
		static void *_Atomic found;                                                                  \
		void *symbol = found;                                                                        \
		__typeof__(&(name)) function;                                                                \
                                                                                                             \
		if (!symbol)                                                                                 \
			found = symbol = dlsym(RTLD_NEXT, #name);                                            \
		memcpy(&function, &symbol, sizeof(function));                                                \
		return function;                                                                             \
	}

/* The rules and the log need these without ours in between. */
NEXT(close)
NEXT(write)

static void load_rules(void)
{
	char text[RULES_BYTES] = "";
	int fd = open(rules_file, O_RDONLY | O_CLOEXEC);

	rule_count = 0;
	if (fd < 0)
		return;
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		parse_rules(text);
	next_close()(fd);
}

static void refresh_rules(void)
{
	struct stat now = {.st_ino = 0};

	(void)stat(rules_file, &now);
	if (now.st_ino == rules_status.st_ino && now.st_mtim.tv_sec == rules_status.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == rules_status.st_mtim.tv_nsec)
		return;
	load_rules(); /* none if the file is gone */
	if (carried_only && changes > 0)
		rule_count = 0;
	rules_status = now;
	changes++;
}

static bool hits(struct rule *rule)
{
	unsigned long seen = ++rule->seen;

	if (seen < rule->first)
		return false;
	return seen == rule->first || (rule->every > 0 && (seen - rule->first) % rule->every == 0);
}

/* Not by open(2), which is one of the calls that may fail. */
static void open_log(void)
{
	log_fd =
	        (int)syscall(SYS_openat, AT_FDCWD, log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* The child of a rehearsal has closed all descriptors but those that it knows. */
static void note(const struct rule *rule)
{
	char line[80];
	int length = snprintf(line, sizeof(line), "%s %s\n", rule->call, rule->most ? "short" : rule->what);

	if (log_fd < 0 || next_write()(log_fd, line, (size_t)length) == length)
		return;
	open_log();
	if (log_fd < 0 || next_write()(log_fd, line, (size_t)length) < 0)
		abort();
}

/* Called with the lock held. Other calls get it meanwhile. */
static void hang(void)
{
	const struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};

	for (unsigned long before = changes; changes == before; refresh_rules()) {
		pthread_mutex_unlock(&lock);
		nanosleep(&nap, NULL);
		pthread_mutex_lock(&lock);
	}
}

/*
 * 0: leave it alone; negative: fail with that errno; positive: move at most this many bytes. Sets late too.
 */
static long judge(const char *call, bool *late)
{
	for (size_t i = 0; i < rule_count; i++) {
		struct rule *rule = &rules[i];

		if (strcmp(rule->call, call) != 0 || !hits(rule))
			continue;
		note(rule);
		*late |= rule->late;
		if (rule->late)
			continue;
		if (rule->hangs) {
			hang();
			return 0;
		}
		dice = dice * 6364136223846793005UL + 1442695040888963407UL;
		return rule->error ? -rule->error : (long)(1 + (dice >> 33) % rule->most);
	}
	return 0;
}

static long verdict(const char *call)
{
	const struct timespec while_late = {.tv_nsec = 20000000};
	int saved = errno;
	bool late = false;
	long result;

	if (!rules_file || exempt > 0)
		return 0;
	exempt++;
	pthread_mutex_lock(&lock);
	refresh_rules();
	result = judge(call, &late);
	pthread_mutex_unlock(&lock);
	if (late)
		nanosleep(&while_late, NULL);
	exempt--;
	errno = saved;
	return result;
}

static bool fails(const char *call)
{
	long result = verdict(call);

	if (result < 0)
		errno = (int)-result;
	return result < 0;
}

NEXT(connect)

static bool is_fatal(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ETIMEDOUT ||
	       error == EHOSTUNREACH;
}

/* A connection that has failed is gone for every later call too, and its peer sees a reset. */
static void abort_connection(int fd)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	(void)next_connect()(fd, (__CONST_SOCKADDR_ARG){.__sockaddr__ = &nobody}, sizeof(nobody));
}

static bool socket_fails(const char *call, int fd)
{
	bool failed = fails(call);
	int error = errno;

	if (failed && is_fatal(error))
		abort_connection(fd);
	errno = error;
	return failed;
}

/* How much of length is moved by a call on a socket; false if it fails. */
static bool moves(const char *call, int fd, size_t *length)
{
	long result = verdict(call);

	if (result < 0 && is_fatal((int)-result))
		abort_connection(fd);
	if (result < 0)
		errno = (int)-result;
	else if (result > 0 && (size_t)result < *length)
		*length = (size_t)result;
	return result >= 0;
}

/* A function that fails with -1, and moves no bytes. */
#define FAILING(name, parameters, ...)                                                                       \
	NEXT(name)                                                                                           \
	int name parameters                                                                                  \
	{                                                                                                    \
		return fails(#name) ? -1 : next_##name()(__VA_ARGS__);                                       \
	}

FAILING(accept4, (int fd, __SOCKADDR_ARG address, socklen_t *length, int flags), fd, address, length, flags)
FAILING(bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length), fd, address, length)

FAILING(epoll_wait, (int fd, struct epoll_event *events, int most, int timeout), fd, events, most, timeout)
FAILING(epoll_create, (int size), size)
FAILING(chmod, (const char *path, mode_t mode), path, mode)
FAILING(eventfd, (unsigned value, int flags), value, flags)
FAILING(execveat, (int fd, const char *path, char *const argv[], char *const environment[], int flags), fd,
        path, argv, environment, flags)
FAILING(fchmod, (int fd, mode_t mode), fd, mode)
FAILING(getsockname, (int fd, __SOCKADDR_ARG address, socklen_t *length), fd, address, length)
FAILING(getsockopt, (int fd, int level, int name, void *value, socklen_t *length), fd, level, name, value,
        length)
FAILING(listen, (int fd, int backlog), fd, backlog)
FAILING(memfd_create, (const char *name, unsigned flags), name, flags)
FAILING(pipe, (int fds[2]), fds)
FAILING(pipe2, (int fds[2], int flags), fds, flags)
FAILING(poll, (struct pollfd * fds, nfds_t count, int timeout), fds, count, timeout)
FAILING(rename, (const char *from, const char *to), from, to)
FAILING(sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *cpus), pid, size, cpus)
FAILING(socket, (int family, int type, int protocol), family, type, protocol)
FAILING(socketpair, (int family, int type, int protocol, int fds[2]), family, type, protocol, fds)

/* No other thread has the lock in the child. */
NEXT(fork)
pid_t fork(void)
{
	pid_t child;

	if (fails("fork"))
		return -1;
	pthread_mutex_lock(&lock);
	child = next_fork()();
	pthread_mutex_unlock(&lock);
	return child;
}

/* At once, without what exit(3) does. */
NEXT(_exit)
void _exit(int status)
{
	(void)verdict("_exit");
	next__exit()(status);
	abort(); /* never: so that the compiler knows */
}

/* Of a file, or room that the program asks for by itself. Other memory is the allocator's. */
NEXT(mmap)
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fd >= 0 && fails("mmap"))
		return MAP_FAILED;
	if (fd < 0 && protection != PROT_NONE && fails("room"))
		return MAP_FAILED;
	return next_mmap()(address, size, protection, flags, fd, offset);
}

NEXT(open)
int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	if (fails(flags & O_CREAT ? "create" : "open"))
		return -1;
	return next_open()(path, flags, mode);
}

/* libevent takes the older call where this one fails; they fail together. */
NEXT(epoll_create1)
int epoll_create1(int flags)
{
	return fails("epoll_create") ? -1 : next_epoll_create1()(flags);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
	return fails("connect") ? -1 : next_connect()(fd, address, length);
}

NEXT(shutdown)
int shutdown(int fd, int how)
{
	return socket_fails("shutdown", fd) ? -1 : next_shutdown()(fd, how);
}

/* What poll(2) is called in a build with _FORTIFY_SOURCE. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): it is the C library's name */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
	(void)size;
	return poll(fds, count, timeout);
}

/* Taking a descriptor out of a set, or changing what it is in for, cannot fail. */
NEXT(epoll_ctl)
int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_ADD && fails("epoll_ctl"))
		return -1;
	return next_epoll_ctl()(set, operation, fd, event);
}

/* SO_LINGER stores two numbers: it cannot fail. */
NEXT(setsockopt)
int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	if (!(level == SOL_SOCKET && name == SO_LINGER) && fails("setsockopt"))
		return -1;
	return next_setsockopt()(fd, level, name, value, length);
}

NEXT(fcntl)
int fcntl(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (command == F_SETPIPE_SZ && fails("fcntl"))
		return -1;
	if (command == F_ADD_SEALS)
		(void)verdict("seal");
	return next_fcntl()(fd, command, argument);
}

NEXT(ioctl)
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return fails("ioctl") ? -1 : next_ioctl()(fd, request, argument);
}

NEXT(pthread_create)
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
	return fails("pthread_create") ? errno : next_pthread_create()(thread, attributes, run, argument);
}

/* The sanitizers call this in each new thread, and do not survive it if it gets no memory. */
NEXT(pthread_getattr_np)
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
	int result;

	exempt++;
	result = next_pthread_getattr_np()(thread, attributes);
	exempt--;
	return result;
}

NEXT(getaddrinfo)

/* At the first lookup libc reads nsswitch.conf, and asserts that it has memory for the lines of the file. */
static void load_nsswitch(void)
{
	struct addrinfo *found;

	exempt++;
	if (next_getaddrinfo()("localhost", NULL, NULL, &found) == 0)
		freeaddrinfo(found);
	exempt--;
}

/* An errno stands for EAI_SYSTEM with that errno. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	long error = -verdict("getaddrinfo");

	pthread_once(&once, load_nsswitch);
	if (error > EAI_BASE)
		return (int)(EAI_BASE - error);
	if (error > 0) {
		errno = (int)error;
		return EAI_SYSTEM;
	}
	return next_getaddrinfo()(host, service, hints, found);
}

/* Of a user who is given by name. Returns the error. */
NEXT(getpwnam_r)
int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
	*found = NULL;
	return fails("getpwnam_r") ? errno : next_getpwnam_r()(name, entry, buffer, size, found);
}

/* An eventfd is read whole or not at all. */
NEXT(read)
ssize_t read(int fd, void *buffer, size_t length)
{
	return fails("read") ? -1 : next_read()(fd, buffer, length);
}

/*
 * MSG_TRUNC takes what was seen before. That may need several calls, and could fail only if the kernel lost
 * the bytes.
 */
NEXT(recv)
ssize_t recv(int fd, void *buffer, size_t length, int flags)
{
	return moves(flags & MSG_TRUNC ? "discard" : "recv", fd, &length)
	               ? next_recv()(fd, buffer, length, flags)
	               : -1;
}

NEXT(send)
ssize_t send(int fd, const void *data, size_t length, int flags)
{
	return moves("send", fd, &length) ? next_send()(fd, data, length, flags) : -1;
}

static mode_t kind(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

/* For files alone: what the daemon writes to its own eventfds and pipes cannot fail. */
ssize_t write(int fd, const void *data, size_t length)
{
	if (kind(fd) == S_IFREG && !moves("write", fd, &length))
		return -1;
	return next_write()(fd, data, length);
}

/* Of a file that was only read, nothing can be lost. */
static bool is_written(int fd)
{
	return kind(fd) == S_IFREG && (next_fcntl()(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* A network file system may find only now that the disk is full. The descriptor is gone all the same. */
int close(int fd)
{
	bool failed = is_written(fd) && fails("close");
	int error = errno;
	int result = next_close()(fd);

	if (failed)
		errno = error;
	return failed ? -1 : result;
}

NEXT(splice)
ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags)
{
	bool is_out = kind(in) == S_IFIFO;

	return moves(is_out ? "splice-out" : "splice-in", is_out ? out : in, &length)
	               ? next_splice()(in, in_offset, out, out_offset, length, flags)
	               : -1;
}

/* Copies the first length bytes of parts; returns how many parts that makes. */
static int cut_parts(const struct iovec *parts, int count, size_t length, struct iovec *cut)
{
	int i;

	for (i = 0; i < count && i < PARTS && length > 0; i++) {
		cut[i] = parts[i];
		if (cut[i].iov_len > length)
			cut[i].iov_len = length;
		length -= cut[i].iov_len;
	}
	return i;
}

NEXT(writev)
ssize_t writev(int fd, const struct iovec *parts, int count)
{
	size_t length = SIZE_MAX;
	struct iovec cut[PARTS];

	if (!moves(fd == STDERR_FILENO ? "log" : "writev", fd, &length))
		return -1;
	return next_writev()(fd, cut, cut_parts(parts, count, length, cut));
}

/* ---- allocations; strdup(3), asprintf(3), tsearch(3) and the like come here too ---- */

NEXT(malloc)
void *malloc(size_t size)
{
	return fails("alloc") ? NULL : next_malloc()(size);
}

NEXT(calloc)
void *calloc(size_t count, size_t size)
{
	return fails("alloc") ? NULL : next_calloc()(count, size);
}

NEXT(realloc)
void *realloc(void *old, size_t size)
{
	return fails("alloc") ? NULL : next_realloc()(old, size);
}

NEXT(reallocarray)
void *reallocarray(void *old, size_t count, size_t size)
{
	return fails("alloc") ? NULL : next_reallocarray()(old, count, size);
}

/* The first attempt of a program that takes over: with a number before the colon it is another one. */
static bool is_first_carried(void)
{
	const char *state = getenv("WEIR_TAKEOVER");

	return state && strncmp(state, "carry:", 6) == 0;
}

/* There is no way back for a program that takes over, so what fails is to fail before. */
static bool is_spared(void)
{
	const char *state = getenv("WEIR_TAKEOVER");

	if (!state || strncmp(state, "carry", 5) != 0)
		return false;
	return !getenv("FAULT_CARRIED");
}

__attribute__((constructor)) static void init(void)
{
	const char *carried;

	log_file = getenv("FAULT_LOG");
	if (log_file)
		open_log();
	rules_file = getenv("FAULT_RULES");
	carried = getenv("FAULT_CARRIED");
	carried_only = carried && strcmp(carried, "only") == 0;
	if (carried_only && !is_first_carried())
		rules_file = NULL;
	if (is_spared() && rules_file)
		(void)stat(rules_file, &rules_status); /* as if they had been read, and were none */
	(void)next_write(); /* a signal handler must not be the first to look for it */
}
