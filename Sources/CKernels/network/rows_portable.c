#define NAME(f) f##_portable
#include "rows_body.h"
