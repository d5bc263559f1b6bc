#define NAME(f) f##_portable
#define MAX_ROWS 6
#include "convolution_body.h"
