#pragma once
#include "nifti_convert.h"
#include "window.h"
