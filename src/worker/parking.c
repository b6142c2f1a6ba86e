#include "build_config.h"

#include "worker/parking.h"

#include <errno.h>
#include <fcntl.h>

void parking_init(struct parking *parking)
{
	*parking = (struct parking){.in_round = false};
	pthread_mutex_init(&parking->lock, NULL);
	pthread_cond_init(&parking->opened, NULL);
}

void parking_deinit(struct parking *parking)
{
	pthread_cond_destroy(&parking->opened);
	pthread_mutex_destroy(&parking->lock);
}

void parking_begin(struct parking *parking, enum state_purpose purpose, const int *files)
{
	pthread_mutex_lock(&parking->lock);
	parking->in_round = true;
	parking->round++;
	parking->purpose = purpose;
	parking->files = files;
	pthread_mutex_unlock(&parking->lock);
}

void parking_end(struct parking *parking)
{
	pthread_mutex_lock(&parking->lock);
	parking->in_round = false;
	pthread_cond_broadcast(&parking->opened);
	pthread_mutex_unlock(&parking->lock);
}

bool parking_is_in(const struct parking *parking, unsigned round)
{
	return parking->in_round && parking->round == round;
}

/* The worker gets a descriptor of its own, as the main thread may give the round up while it writes. */
int parking_enter(struct parking *parking, unsigned worker, struct parking_place *place)
{
	int result = 0;

	pthread_mutex_lock(&parking->lock);
	*place = (struct parking_place){-1, parking->purpose, parking->round};
	if (parking->in_round) {
		place->file = fcntl(parking->files[worker], F_DUPFD_CLOEXEC, 0);
		result = place->file < 0 ? -errno : 1;
		parking->inside += result > 0;
	}
	pthread_mutex_unlock(&parking->lock);
	return result;
}

void parking_leave(struct parking *parking)
{
	pthread_mutex_lock(&parking->lock);
	parking->inside--;
	pthread_mutex_unlock(&parking->lock);
}

bool parking_is_busy(struct parking *parking)
{
	bool busy;

	pthread_mutex_lock(&parking->lock);
	busy = parking->inside > 0;
	pthread_mutex_unlock(&parking->lock);
	return busy;
}

void parking_wait(struct parking *parking, unsigned round)
{
	pthread_mutex_lock(&parking->lock);
	while (parking_is_in(parking, round))
		pthread_cond_wait(&parking->opened, &parking->lock);
	pthread_mutex_unlock(&parking->lock);
}
