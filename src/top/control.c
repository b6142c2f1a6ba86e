#include "build_config.h"

#include "top/control.h"

#include <string.h>

static void move_to(struct control *control, size_t row)
{
	control->cursor = row;
	control->selected = 0;
}

static void move_by(struct control *control, size_t rows, bool down)
{
	if (down)
		move_to(control, control->cursor < SIZE_MAX - rows ? control->cursor + rows : SIZE_MAX);
	else
		move_to(control, control->cursor > rows ? control->cursor - rows : 0);
}

static void set_filter(struct control *control, const char *text, const struct scene *scene)
{
	struct filter *filter = &control->filter;

	memcpy(filter->text, text, strlen(text) + 1);
	filter->is_name = *text && scene_find_relay(scene, text);
	move_to(control, 0);
}

/* All relays, and then each of them, and all again. */
static void step_relay(struct control *control, const struct scene *scene, bool forward)
{
	const struct scene_relay *relay = scene_find_relay(scene, control->filter.text);
	size_t places = scene->relay_count + 1;
	size_t place = relay ? (size_t)(relay - scene->relays) + 1 : 0;

	place = (place + (forward ? 1 : places - 1)) % places;
	set_filter(control, place > 0 ? scene->relays[place - 1].name : "", scene);
}

static void type(struct control *control, int key, const struct scene *scene)
{
	size_t length = strlen(control->typed);

	if (key == PRESS_ENTER)
		set_filter(control, control->typed, scene);
	if (key == PRESS_ENTER || key == PRESS_ESCAPE)
		control->types = false;
	else if (key == PRESS_BACKSPACE && length > 0)
		control->typed[length - 1] = '\0';
	else if (key > ' ' && key < 0x7f && length + 1 < sizeof(control->typed)) {
		control->typed[length] = (char)key;
		control->typed[length + 1] = '\0';
	}
}

static bool move(struct control *control, int key)
{
	switch (key) {
	case PRESS_UP:
	case 'k':
		move_by(control, 1, false);
		return true;
	case PRESS_DOWN:
	case 'j':
		move_by(control, 1, true);
		return true;
	case PRESS_PAGE_UP:
		move_by(control, control->page, false);
		return true;
	case PRESS_PAGE_DOWN:
		move_by(control, control->page, true);
		return true;
	case PRESS_HOME:
	case 'g':
		move_to(control, 0);
		return true;
	case PRESS_END:
	case 'G':
		move_to(control, SIZE_MAX);
		return true;
	default:
		return false;
	}
}

static void set_sort(struct control *control, enum sort sort)
{
	control->sort = sort;
	control->reverse = false;
	move_to(control, 0);
}

static void start_typing(struct control *control)
{
	control->types = true;
	control->typed[0] = '\0';
}

static void command(struct control *control, int key, const struct scene *scene)
{
	switch (key) {
	case 'q':
		control->quits = true;
		break;
	case '?':
	case 'h':
		control->shows_help = true;
		break;
	case 's':
		set_sort(control, (enum sort)((control->sort + 1) % SORTS));
		break;
	case 'S':
		set_sort(control, (enum sort)((control->sort + SORTS - 1) % SORTS));
		break;
	case 'r':
		control->reverse = !control->reverse;
		break;
	case 't':
		control->shows_targets = !control->shows_targets;
		break;
	case ' ':
		control->holds = !control->holds;
		break;
	case '/':
		start_typing(control);
		break;
	case PRESS_TAB:
	case PRESS_BACK_TAB:
		step_relay(control, scene, key == PRESS_TAB);
		break;
	case PRESS_ESCAPE:
		set_filter(control, "", scene);
		break;
	default:
		break;
	}
}

void control_press(struct control *control, int key, const struct scene *scene)
{
	if (key == PRESS_NONE || key == PRESS_REDRAW)
		return;
	if (control->types)
		type(control, key, scene);
	else if (control->shows_help)
		control->shows_help = false;
	else if (!move(control, key))
		command(control, key, scene);
}

static void follow(struct control *control, const struct scene_pair *const *pairs, size_t count)
{
	for (size_t i = 0; control->cursor > 0 && control->selected > 0 && i < count; i++)
		if (pairs[i]->id == control->selected)
			control->cursor = i;
	if (control->cursor >= count)
		control->cursor = count > 0 ? count - 1 : 0;
	control->selected = count > 0 ? pairs[control->cursor]->id : 0;
}

void control_settle(struct control *control, const struct scene_pair *const *pairs, size_t count, size_t page)
{
	follow(control, pairs, count);
	control->page = page;
	if (control->first > control->cursor)
		control->first = control->cursor;
	if (control->cursor >= control->first + page)
		control->first = control->cursor + 1 - page;
	if (count <= page)
		control->first = 0;
	else if (control->first > count - page)
		control->first = count - page;
}
