/* All that the tests use is in event.h. */
#include "event2/event.h"
