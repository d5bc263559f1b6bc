#define NAME(f) f##_portable
#include "strided_body.h"
