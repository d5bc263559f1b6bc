#define NAME(f) f##_portable
#include "elementwise_body.h"
