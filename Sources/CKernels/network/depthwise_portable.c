#define NAME(f) f##_portable
#define MOST_COLUMNS 2
#include "depthwise_body.h"
